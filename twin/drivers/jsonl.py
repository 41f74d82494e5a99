"""Examples <-> files of JSON lines: one of the formats of a dataset, and where examples wait while one is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from twin.errors import DatasetError
from twin.records import Example

COLUMNS = ("id", *Example.__dataclass_fields__)
_encode = msgspec.json.Encoder().encode
_row = msgspec.json.Decoder(tuple[int, Example]).decode
_example = msgspec.json.Decoder(Example).decode


class JsonlTable:
    """A table of a dataset: one object a line, its fields in the order of COLUMNS. Raises OSError."""

    suffix = "jsonl"

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("wb")

    def add(self, example: Example) -> None:
        self._file.write(_encode({"id": example.id, **msgspec.to_builtins(example)}) + b"\n")

    def close(self) -> None:
        self._file.close()


def read_jsonl(path: Path) -> Iterator[Example]:
    """The examples of a table. Raises OSError, or DatasetError for a line that is none."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield _example(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as exc:
                raise DatasetError(f"{path}: line {number} is no example ({exc}); build the dataset again") from exc


class JsonlSpill:
    """Examples with a number each, written once and read any number of times. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] = path.open("wb")

    def add(self, rows: Iterable[tuple[int, Example]]) -> None:
        self._file.writelines(_encode(row) + b"\n" for row in rows)

    def rows(self) -> Iterator[tuple[int, Example]]:
        self._file.flush()
        with self._path.open("rb") as file:
            yield from map(_row, file)

    def close(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)
