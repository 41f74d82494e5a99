"""Datasets of `twin dataset build` as Hugging Face's `datasets` loads them, with nothing but the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest

from tests.integration.cli.running import told
from twin.drivers.shelf import read_examples, read_manifest
from twin.records import Example

LOADERS = {"parquet": "parquet", "jsonl": "json"}
COLUMNS = {"id", *Example.__dataclass_fields__}


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def loaded(format: str, files: dict[str, str], cache: Path) -> Any:
    return datasets.load_dataset(LOADERS[format], data_files=files, cache_dir=str(cache))


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_datasets_loads_both_sides_of_both_kinds_as_they_were_written(folder: Path, tmp_path: Path, format: str) -> None:
    built = Path(told(folder, "dataset", "build", "--format", format, "--test-share", "0.3")["path"])
    manifest = read_manifest(built)
    for kind, counts in manifest.counts.items():
        found = loaded(format, {side: str(built / kind / f"{side}.{format}") for side in counts}, tmp_path / "cache")
        for side, count in counts.items():
            assert set(found[side].column_names) == COLUMNS
            assert {feature.dtype for feature in found[side].features.values()} == {"string"}
            assert len(found[side]) == count > 0
            rows = [{key: row[key] for key in Example.__dataclass_fields__} for row in found[side]]
            assert rows == [
                {key: getattr(one, key) for key in Example.__dataclass_fields__}
                for one in read_examples(built, manifest, f"{kind}/{side}")
            ]
