"""A Jupyter notebook's JSON -> Markdown: prose as it is, code in fences, short text outputs. Knows no file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

LONGEST_OUTPUT = 1000  # characters of a cell's text output; longer ones are data
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class NotebookError(ValueError):
    """The text is no notebook; the message says why."""


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook as Markdown. `title` is empty when its metadata has none."""

    title: str
    text: str


def notebook_text(raw: str) -> Notebook:
    """Read a notebook of format 3 or 4. Raises NotebookError. Outputs are dropped but for short plain text."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise NotebookError(f"broken notebook: {exc}") from exc
    cells = _cells(data)
    metadata = _mapping(data.get("metadata"))
    language = _language(metadata)
    parts = [part for cell in cells for part in _cell(cell, language)]
    title = metadata.get("title")
    return Notebook(title if isinstance(title, str) else "", "\n\n".join(parts))


def _cells(data: Any) -> list[Any]:
    if not isinstance(data, dict):
        raise NotebookError("broken notebook: expected an object with cells")
    cells = data.get("cells")
    if cells is None and isinstance(data.get("worksheets"), list):
        cells = [cell for sheet in data["worksheets"] for cell in _list(_mapping(sheet).get("cells"))]
    if not isinstance(cells, list):
        raise NotebookError("broken notebook: it has no list of cells")
    return cells


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _joined(value: Any) -> str:
    text = "".join(str(line) for line in value) if isinstance(value, list) else value if isinstance(value, str) else ""
    return text.replace("\r\n", "\n")


def _language(metadata: dict[str, Any]) -> str:
    for holder in ("language_info", "kernelspec"):
        section = _mapping(metadata.get(holder))
        name = section.get("name") if holder == "language_info" else section.get("language")
        if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9+#_-]{1,20}", name):
            return name
    return "python"


def _cell(cell: Any, language: str) -> list[str]:
    cell = _mapping(cell)
    source = _joined(cell.get("source", cell.get("input", ""))).strip("\n")
    if not source.strip():
        return []
    if cell.get("cell_type") != "code":
        return [source]
    return [fenced(source, language), *(text for output in _list(cell.get("outputs")) if (text := _output(output)))]


def _output(output: Any) -> str:
    output = _mapping(output)
    plain = _mapping(output.get("data")).get("text/plain") if "data" in output else output.get("text")
    text = _ANSI.sub("", _joined(plain)).strip("\n")
    return fenced(text, "text") if text.strip() and len(text) <= LONGEST_OUTPUT else ""


def fenced(code: str, language: str) -> str:
    """`code` in a fence that nothing inside closes."""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"
