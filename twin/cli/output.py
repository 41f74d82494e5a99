"""Records -> what a person or a script reads: a table, one JSON value or YAML. Knows no record by name."""

from __future__ import annotations

import enum
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from twin.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console


class Output(enum.StrEnum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


# control characters but line feed and tab, bidirectional overrides and isolates, and halves of characters
_DRIVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_FIELDS: ContextVar[Mapping[str, Path]] = ContextVar("fields to write", default={})  # noqa: B039  never changed in place
OutputOption = Annotated[Output, typer.Option("-o", "--output", help="How to print the result.")]


def console(*, stderr: bool = False) -> Console:
    """A Rich console that honours NO_COLOR, wraps nothing when piped and never reads markup out of data."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 200
    return Console(file=stream, markup=False, highlight=False, emoji=False, width=width, soft_wrap=not stream.isatty())


def show(value: Any, output: Output) -> bool:
    """Print `value` for a script when asked to; True when that was done and no table is wanted.

    Raises OutputError for a field that is to be written and is not there.
    """
    if output is Output.TABLE and not _FIELDS.get():
        return False
    plain = msgspec.to_builtins(value, enc_hook=str)
    _write(plain)
    if output is Output.TABLE:
        return False
    if output is Output.JSON:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(plain), indent=2).decode() + "\n")
    else:
        import yaml

        sys.stdout.write(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
    return True


def write_also(asked: Sequence[str]) -> None:
    """Have `show` write fields of its value to files, too, each `asked` for as FIELD=FILE: what a workflow hands on."""
    fields = {}
    for one in asked:
        field, found, file = one.partition("=")
        if not (field and found and file):
            raise typer.BadParameter(f"{one!r}: write FIELD=FILE, as in pin=/tmp/pin", param_hint="--write")
        fields[field] = Path(file)
    _FIELDS.set(fields)


def unwritten() -> Sequence[str]:
    """The fields that were asked for and never shown."""
    return list(_FIELDS.get())


def _write(plain: Any) -> None:
    for field, file in _FIELDS.get().items():
        text = _field(plain, field)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as exc:
            raise OutputError(f"--write {field}={file}: cannot be written ({exc.strerror})") from exc
    _FIELDS.set({})


def _field(plain: Any, field: str) -> str:
    """`a.b` of a value, `.` being all of it: text as it is, anything else as JSON."""
    found = plain
    for key in filter(None, field.split(".")):
        if not isinstance(found, Mapping) or key not in found:
            there = ", ".join(found) if isinstance(found, Mapping) else "none"
            raise OutputError(f"--write {field}: there is no field {key!r}; the fields here are {there}")
        found = found[key]
    return found if isinstance(found, str) else msgspec.json.encode(found).decode()


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
