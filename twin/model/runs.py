"""What decides a training's result -> the folder of that run: its lock, its checkpoints, and where its adapter went."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.digest import PREFIX, bytes_digest
from twin.errors import DigestError, TrainingError
from twin.model.checkpoints import STEM
from twin.model.folder import verify, write_json

DONE = "done.json"


@dataclass(frozen=True, slots=True)
class Run:
    """One training, however often it is interrupted. `made_of` is what its result follows from."""

    folder: Path
    made_of: Mapping[str, Any]

    @contextmanager
    def held(self, *, main: bool = True) -> Iterator[None]:
        """Keep other trainings out of the folder; of several processes of this one, the `main` one does.

        Raises TrainingError when another one is in it.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as exc:
            raise TrainingError(f"{self.folder}: cannot be written ({exc.strerror})") from exc
        try:
            if main:
                self._lock(handle)
            yield
        finally:
            os.close(handle)

    def _lock(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise TrainingError(f"{self.folder}: another process is training this; wait for it, or end it") from exc

    def done(self) -> Path | None:
        """The adapter that this run has made, if it is still there and whole."""
        try:
            said = json.loads((self.folder / DONE).read_text(encoding="utf-8"))
            adapter = Path(said["adapter"])
            return adapter if verify(adapter)["digest"] == said["digest"] else None
        except (OSError, ValueError, KeyError, TypeError, TrainingError, DigestError):
            return None

    def finish(self, adapter: Path, digest: str) -> None:
        """Say where the adapter went; its checkpoints are not needed any more. Raises OSError."""
        write_json(self.folder / DONE, {"adapter": str(adapter.resolve()), "digest": digest})
        for path in self.folder.glob(f"{STEM}*"):
            shutil.rmtree(path, ignore_errors=True)


def run_of(runs: Path, made_of: Mapping[str, Any]) -> Run:
    """The run below `runs` of all that decides its result."""
    digest = bytes_digest(json.dumps(made_of, sort_keys=True).encode())
    return Run(runs / digest.removeprefix(PREFIX)[:12], made_of)
