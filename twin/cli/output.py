"""Records -> what a person or a script reads: a table, one JSON value or YAML. Knows no record by name."""

from __future__ import annotations

import enum
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

if TYPE_CHECKING:
    from rich.console import Console


class Output(enum.StrEnum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


# control characters but line feed and tab, bidirectional overrides and isolates, and halves of characters
_DRIVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
OutputOption = Annotated[Output, typer.Option("-o", "--output", help="How to print the result.")]


def console(*, stderr: bool = False) -> Console:
    """A Rich console that honours NO_COLOR, wraps nothing when piped and never reads markup out of data."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 200
    return Console(file=stream, markup=False, highlight=False, emoji=False, width=width, soft_wrap=not stream.isatty())


def show(value: Any, output: Output) -> bool:
    """Print `value` for a script when asked to; True when that was done and no table is wanted."""
    if output is Output.TABLE:
        return False
    plain = msgspec.to_builtins(value, enc_hook=str)
    if output is Output.JSON:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(plain), indent=2).decode() + "\n")
    else:
        import yaml

        sys.stdout.write(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
    return True


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = (), empty: str = "") -> None:
    """Print rows under `columns`; those in `right` are numbers. `empty` is said when there is no row.

    On a terminal it fits the width; piped, every line is whole.
    """
    from twin.cli.tables import lines

    cells = [[safe(str(cell)) for cell in row] for row in rows]
    if cells:
        width = console().width if sys.stdout.isatty() else None
        print("\n".join(lines(columns, cells, width, right)))
    elif empty:
        print(empty)


def safe(text: str) -> str:
    """`text` without the characters by which untrusted titles could drive a terminal or turn its text around.

    What only cannot be seen, as in emoji and in many scripts, stays.
    """
    return _DRIVING.sub("\ufffd", text)


def say(text: str) -> None:
    """A line for the person, on stderr, so that stdout stays the result."""
    print(text, file=sys.stderr, flush=True)


def short(text: str, width: int) -> str:
    """One line of at most `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "\u2026"
