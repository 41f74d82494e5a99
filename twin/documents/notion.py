"""Names and tables of Notion's Markdown export -> titles and text. Pure.

Notion puts 32 hexadecimal digits behind every page's and database's name, and writes a database both as a folder of pages
and as CSV (once more with `_all`).
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import PurePosixPath

_ID = re.compile(r"[ _-]([0-9a-f]{32})(?=$|_all$)")
_PART = re.compile(r"(?:.*[_-])?Export(?:Block)?-[0-9a-f-]{8,40}(?:-Part-\d{1,4})?\.zip", re.IGNORECASE)
_PROPERTY = re.compile(r"^(?:Created|Created time|Date|Published)(?: at| on)?: (.+)$")


def is_notion(path: str) -> bool:
    """Whether a file's name is one that Notion gives."""
    return bool(_ID.search(PurePosixPath(path).stem))


def is_part(path: str) -> bool:
    """Whether a file is one of the zips into which Notion puts an export: `ExportBlock-<uuid>-Part-1.zip`."""
    return bool(_PART.fullmatch(PurePosixPath(path).name))


def notion_title(path: str) -> str:
    """The page's name without its id."""
    return _ID.sub("", PurePosixPath(path).stem).removesuffix("_all").strip()


def notion_place(path: str) -> str:
    """The names of the pages above, for a reader: `Work / Notes`."""
    folders = (_ID.sub("", part) for part in PurePosixPath(path).parent.parts)
    return " / ".join(folder for folder in folders if folder)


def repeats(path: str) -> bool:
    """The `_all` table of a database holds what the other one holds, hidden columns included: it is the one to read."""
    return path.endswith(".csv") and not path.endswith("_all.csv") and is_notion(path)


def table_text(text: str) -> str:
    """A database's CSV as Markdown, a heading a row. Raises ValueError for what is no table."""
    try:
        rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    except csv.Error as exc:
        raise ValueError(f"broken CSV: {exc}") from exc
    if len(rows) < 2 or not rows[0]:  # noqa: PLR2004 - a head and a row
        return ""
    return "\n\n".join(_row(rows[0], row) for row in rows[1:] if any(cell.strip() for cell in row))


def _row(head: list[str], row: list[str]) -> str:
    name = " ".join(row[0].split()) or "(untitled)"
    fields = [f"- {key}: {value.strip()}" for key, value in zip(head[1:], row[1:], strict=False) if value.strip()]
    return f"## {name}\n\n" + "\n".join(fields) if fields else f"## {name}"
