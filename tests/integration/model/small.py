"""A base, a dataset and recipes that train in a second a run: real libraries, small numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from twin.digest import files_digest, folder_files
from twin.model.plan import Plan
from twin.model.recipe import Recipe

ROOT = Path(__file__).parents[3]
RECIPE = {
    "name": "small",
    "base": {
        "name": "small",
        "precision": "float32",
        "make": {
            "vocabulary": 400,
            "hidden": 64,
            "layers": 1,
            "heads": 1,
            "positions": 256,
            "steps": 60,
            "batch": 4,
            "length": 64,
        },
    },
    # Dropout and accumulation, so that a resumed run must bring back the random state and the place within an epoch.
    "lora": {"rank": 4, "alpha": 16, "dropout": 0.1, "max_lora_rank": 8},
    "sft": {
        "length": 96,
        "batch": 4,
        "accumulation": 2,
        "learning_rate": 1e-2,
        "max_steps": 10,
        "checkpointing": False,
        "save_steps": 3,
    },
    "dpo": {
        "length": 96,
        "batch": 4,
        "accumulation": 2,
        "learning_rate": 1e-3,
        "max_steps": 5,
        "checkpointing": False,
        "save_steps": 2,
    },
}


def recipe(**changes: Mapping[str, Any]) -> Recipe:
    """The small recipe with some keys of its parts changed."""
    values = {key: {**RECIPE.get(key, {}), **part} for key, part in changes.items()}
    return msgspec.convert({**RECIPE, **values}, Recipe)


def texts() -> list[str]:
    """Prose of this repository."""
    return [path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("docs/**/*.md"))]


def examples(count: int) -> list[dict[str, str]]:
    """Questions on sentences of this repository; all answers begin alike, so that there is something to learn in ten steps."""
    lines = [line.strip() for text in texts() for line in text.splitlines() if 40 < len(line.strip()) < 200]
    return [
        {
            "instruction": f"What of {' '.join(line.split()[:2])}?",
            "answer": f"As I always say: {line}",
            "rejected": "That is a great question!",
        }
        for line in lines[:count]
    ]


def write_dataset(folder: Path, train: Sequence[Mapping[str, Any]], test: Sequence[Mapping[str, Any]]) -> Path:
    """A dataset's folder as `twin dataset build` leaves it, as far as training reads it."""
    for kind in ("instruction", "preference"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for split, rows in (("train", train), ("test", test)):
            (folder / kind / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return manifest(folder)


def manifest(folder: Path, **changes: Any) -> Path:
    """Write the manifest of what lies in `folder`."""
    files = folder_files(folder, exclude=("manifest.json",))
    said = {"schema": 1, "files": files, "digest": files_digest(files), **changes}
    (folder / "manifest.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


def plan(home: Path, dataset: Path, **changes: Any) -> Plan:
    """The small recipe's plan below `home`."""
    made: dict[str, Any] = {
        "recipe": recipe(),
        "stage": "sft",
        "dataset": dataset,
        "bases": home / "models" / "base",
        "runs": home / "runs",
        "adapters": home / "adapters",
    }
    return Plan(**{**made, **changes})
