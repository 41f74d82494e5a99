"""What is to be trained, on what and to where; and what came of it. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twin.model.recipe import Recipe, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One training. Relative paths in the recipe are looked for in `beside`."""

    recipe: Recipe
    stage: Stage
    dataset: Path
    bases: Path  # of our own making, by name
    runs: Path  # what is needed to go on after an interruption
    adapters: Path  # where an adapter goes, by the first 12 digits of its digest
    beside: Path = field(default_factory=Path)
    out: Path | None = None  # where it goes instead
    parent: Path | None = None  # an adapter to go on from
    dataset_digest: str = ""  # when set, no other one will do
    parent_digest: str = ""
    tracker: str = ""  # a name that transformers knows: tensorboard, wandb, mlflow, trackio ...
    metrics: Path | None = None  # a folder for training.jsonl and training.prom; the run's own without


@dataclass(frozen=True, slots=True)
class Trained:
    """Where the adapter lies and what its twin.json says. `resumed` is the step that was gone on from; `kept` says that
    the adapter was there already, so nothing was trained. Of several processes, those that do not write have no record.
    """

    adapter: Path
    record: dict[str, Any]
    resumed: int = 0
    kept: bool = False
