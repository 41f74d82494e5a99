"""LinkedIn's own `Shares.csv` -> one post a row. Pure: lines in, rows out.

LinkedIn writes a line break of a commentary as `"`, line break, `"`, which CSV reads as quotes around the break.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LARGEST = 10_000_000  # characters of a field
NOTES = 20  # lines of explanation that may stand before the head
_QUOTED_BREAK = re.compile(r'"\r?\n"')


class BrokenSharesError(ValueError):
    """The file is no Shares.csv from some place on; the message says the line."""


@dataclass(frozen=True, slots=True)
class Share:
    """One row; `date` is ISO 8601 or empty."""

    number: int
    line: int
    link: str
    text: str
    date: str
    shared: str
    visibility: str


def looks_like_shares(head: str) -> bool:
    """Whether a file begins as Shares.csv does, with or without notes before."""
    return any("ShareCommentary" in line and "," in line for line in head.splitlines()[:NOTES])


def shares(lines: Iterable[str]) -> Iterator[Share]:
    """The rows of Shares.csv. Raises BrokenSharesError; what is before the break has been yielded."""
    csv.field_size_limit(max(LARGEST, csv.field_size_limit()))
    reader = csv.reader(iter(lines))
    try:
        head = _head(reader)
        for number, row in enumerate(filter(None, reader), start=1):
            yield _share(number, reader.line_num, dict(zip(head, row, strict=False)))
    except csv.Error as exc:
        raise BrokenSharesError(f"line {reader.line_num:,}: broken CSV: {exc}") from exc
    except UnicodeDecodeError as exc:
        raise BrokenSharesError(f"behind line {reader.line_num:,}: not {exc.encoding}") from exc


def _head(reader: Iterator[list[str]]) -> list[str]:
    for _, row in zip(range(NOTES), reader, strict=False):
        if "ShareCommentary" in row:
            return row
    raise BrokenSharesError("no line with ShareCommentary; is it LinkedIn's Shares.csv?")


def _share(number: int, line: int, row: dict[str, str]) -> Share:
    date = row.get("Date", "").strip()
    iso = date.replace(" ", "T", 1) + "Z" if re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", date) else ""
    return Share(
        number,
        line,
        row.get("ShareLink", "").strip(),
        _QUOTED_BREAK.sub("\n", row.get("ShareCommentary", "")).strip(),
        iso,
        row.get("SharedUrl", row.get("SharedURL", "")).strip(),
        row.get("Visibility", "").strip(),
    )
