"""Examples <-> Parquet files. The same examples give the same bytes with the same pyarrow. Knows no dataset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from twin.drivers.jsonl import COLUMNS
from twin.errors import DatasetError
from twin.records import Example

GROUP_ROWS = 10_000
GROUP_CHARACTERS = 32_000_000  # a row group ends here, so that long examples do not pile up
READ_ROWS = 1000


class ParquetTable:
    """A table of a dataset, all columns strings. Raises OSError; DatasetError without the extra `train`."""

    suffix = "parquet"

    def __init__(self, path: Path) -> None:
        self._arrow = _pyarrow()
        from pyarrow.parquet import ParquetWriter

        self._schema = self._arrow.schema([(name, self._arrow.string()) for name in COLUMNS])
        self._writer = ParquetWriter(path, self._schema, compression="zstd", version="2.6")
        self._rows: list[dict[str, Any]] = []
        self._characters = 0

    def add(self, example: Example) -> None:
        self._rows.append({"id": example.id, **msgspec.to_builtins(example)})
        self._characters += len(example.answer) + len(example.rejected) + len(example.extract)
        if len(self._rows) >= GROUP_ROWS or self._characters >= GROUP_CHARACTERS:
            self._flush()

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        try:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
        except self._arrow.ArrowException as exc:
            raise DatasetError(f"examples cannot be written as Parquet: {exc}") from exc
        self._rows, self._characters = [], 0


def read_parquet(path: Path) -> Iterator[Example]:
    """The examples of a table. Raises OSError, or DatasetError for a file that is none."""
    arrow = _pyarrow()
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            for batch in file.iter_batches(READ_ROWS):
                for row in batch.to_pylist():
                    row.pop("id", None)
                    yield msgspec.convert(row, Example)
    except (arrow.ArrowException, msgspec.ValidationError) as exc:
        raise DatasetError(f"{path}: is no table of examples ({exc}); build the dataset again") from exc


def _pyarrow() -> Any:
    try:
        import pyarrow as pa
    except ImportError as exc:
        raise DatasetError("Parquet needs pyarrow: pip install 'llm-twin[train]', or use --format jsonl") from exc
    return pa
