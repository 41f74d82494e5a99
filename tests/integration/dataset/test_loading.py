"""Datasets of `twin dataset build` as Hugging Face's `datasets` loads them, with nothing but the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest

from tests.integration.cli.running import told
from twin.dataset.card import card
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


def loaded_folder(folder: Path, kind: str, cache: Path) -> Any:
    """One kind of a folder with a card, as `load_dataset("owner/name", kind)` takes it from a hub."""
    return datasets.load_dataset(str(folder), kind, cache_dir=str(cache))


def test_the_card_leaves_out_a_side_without_examples_which_cannot_be_loaded(folder: Path, tmp_path: Path) -> None:
    built = Path(told(folder, "dataset", "build", "--test-share", "0")["path"])
    manifest = read_manifest(built)
    (built / "README.md").write_text(card(manifest), encoding="utf-8")
    found = loaded_folder(built, "instruction", tmp_path / "cache")
    assert {side: len(rows) for side, rows in found.items()} == {"train": manifest.counts["instruction"]["train"]}
