"""Columns and rows -> lines of text that fit a width: a table, or one record below the other where no table fits.

No number, date or name is cut and nothing is left out but columns without a value: those go first where room is short, then
wide texts are folded, and where that is not enough, records are stacked. Knows no terminal.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

GAP, INDENT = 2, 2  # characters between two columns; before what is told of a stacked record
TEXT, WORD = 16, 26  # to at least so many characters texts are folded; a word above so many (a time has 25) may be, too
_FOLDING = Console(width=80, no_color=True)

Row = Sequence[str]


def lines(columns: Sequence[str], rows: Sequence[Row], room: int | None, right: Sequence[str] = ()) -> list[str]:
    """The header, a rule and the rows, in at most `room` characters a line; None is endless."""
    widths = _widths(columns, rows)
    if room is not None and _across(widths) > room:
        told = [at for at in range(len(columns)) if any(row[at] for row in rows)]
        columns, rows = [columns[at] for at in told], [[row[at] for at in told] for row in rows]
        widths = _widths(columns, rows)
        fitted = _fitted(widths, [_least(at, columns, rows, right) for at in range(len(columns))], room)
        if fitted is None:
            return _stacked(columns, rows, room)
        widths = fitted
    head, *body = [_row(row, columns, widths, right) for row in (columns, *rows)]
    return [*head, "─" * _across(widths), *(line for row in body for line in row)]


def _widths(columns: Row, rows: Sequence[Row]) -> list[int]:
    return [max(cell_len(part) for cell in cells for part in cell.split("\n")) for cells in zip(columns, *rows, strict=True)]


def _across(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _lead(columns: Sequence[str]) -> int:
    """How many columns name a record: the first, with the mark that stands before it without a heading."""
    return 1 if columns[0] else 2


def _least(at: int, columns: Sequence[str], rows: Sequence[Row], right: Sequence[str]) -> int:
    cells = [columns[at], *(row[at] for row in rows)]
    whole = max(cell_len(part) for cell in cells for part in cell.split("\n"))
    if columns[at] in right or at < _lead(columns):
        return whole
    word = max((cell_len(word) for cell in cells for word in cell.split()), default=0)
    return min(whole, max(TEXT, min(word, WORD)))


def _fitted(widths: Sequence[int], least: Sequence[int], room: int) -> list[int] | None:
    """`widths`, the widest made narrower until all fit into `room`; None when that cannot be."""
    fitted = list(widths)
    while _across(fitted) > room:
        giving = [at for at, width in enumerate(fitted) if width > least[at]]
        if not giving:
            return None
        fitted[max(giving, key=fitted.__getitem__)] -= 1
    return fitted


def _row(row: Row, columns: Sequence[str], widths: Sequence[int], right: Sequence[str]) -> list[str]:
    folded = [_folded(cell, width) for cell, width in zip(row, widths, strict=True)]
    made = []
    for at in range(max(map(len, folded))):
        parts = []
        for column, cell, width in zip(columns, folded, widths, strict=True):
            text = cell[at] if at < len(cell) else ""
            space = " " * (width - cell_len(text))
            parts.append(space + text if column in right else text + space)
        made.append((" " * GAP).join(parts).rstrip())
    return made


def _folded(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width`, broken at spaces, or within a word where it is longer than a line."""
    return [line.plain.rstrip() for line in Text(text).wrap(_FOLDING, max(width, 1), overflow="fold")] or [""]


def _stacked(columns: Sequence[str], rows: Sequence[Row], room: int) -> list[str]:
    made: list[str] = []
    for row in rows:
        lead = _lead(columns)
        made += _folded(" ".join(filter(None, row[:lead])), room)
        told = [f"{name} {cell}" for name, cell in zip(columns[lead:], row[lead:], strict=True) if cell]
        for line in _packed(told, room - INDENT):
            made += [" " * INDENT + part for part in _folded(line, room - INDENT)]
    return made


def _packed(parts: Sequence[str], room: int) -> list[str]:
    """`parts` one after the other, as many in a line as go into `room`."""
    made: list[str] = []
    for part in parts:
        together = f"{made[-1]} · {part}" if made else part
        if made and cell_len(together) <= room:
            made[-1] = together
        else:
            made.append(part)
    return made
