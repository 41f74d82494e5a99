"""Checkpoint folders that a trainer leaves -> the last one that is whole. A save is not atomic; its mark is.

The mark holds the digest of every file of the checkpoint and is written after all of them are on the disk, so what a kill,
a full disk or a bad sector left behind is not taken up: without its optimizer a run would go on differently, silently.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twin.digest import folder_files
from twin.errors import TrainingError
from twin.model.folder import write_json

MARK = "whole.json"
STEM = "checkpoint-"


def mark(checkpoint: Path, state: Mapping[str, Any]) -> None:
    """Declare `checkpoint` whole; `state` is what the run wants back with it. Raises OSError."""
    for path in checkpoint.rglob("*"):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    write_json(checkpoint / MARK, {"files": folder_files(checkpoint, exclude=(MARK,)), "state": dict(state)})


def last_whole(run: Path, *, sweep: bool = True) -> tuple[Path, dict[str, Any]] | None:
    """The newest whole checkpoint below `run` and its state; with `sweep`, those that are not whole are removed.

    Raises TrainingError.
    """
    found = sorted((path for path in run.glob(f"{STEM}*") if path.is_dir()), key=_step, reverse=True)
    try:
        best = None
        for path in found:
            state = _state(path)
            if state is None and sweep:
                shutil.rmtree(path)
            elif state is not None and best is None:
                best = path, state
    except OSError as exc:
        raise TrainingError(f"{run}: its checkpoints cannot be read ({exc.strerror})") from exc
    return best


def _step(path: Path) -> int:
    step = path.name.removeprefix(STEM)
    return int(step) if step.isdecimal() else -1


def _state(checkpoint: Path) -> dict[str, Any] | None:
    try:
        said = json.loads((checkpoint / MARK).read_text(encoding="utf-8"))
        whole = said["files"] == folder_files(checkpoint, exclude=(MARK,))
        return dict(said["state"]) if whole and _step(checkpoint) > 0 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
