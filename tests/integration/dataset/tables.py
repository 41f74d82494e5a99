"""The files of a dataset as a training reads them."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet

from tests.integration.cli.running import told


def rows(path: Path) -> list[dict]:
    return pyarrow.parquet.read_table(path).to_pylist()


def preferences(folder: Path) -> dict[str, dict]:
    """What the next dataset has of feedback, by the question."""
    path = Path(told(folder, "dataset", "build")["path"])
    found = [row for side in ("train", "test") for row in rows(path / "preference" / f"{side}.parquet")]
    return {row["instruction"]: row for row in found if row["origin"] == "feedback"}
