"""Blobs in a folder. A blob appears under its name only when all of it is on disk, however the writer ends."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twin.drivers.artifacts.blobs import check_size
from twin.errors import ArtifactError

READABLE = 0o644  # what is shared by its digest is no secret; the folder above says who may enter


class FileBlobs:
    """Blobs below `folder`, which is made when the first one is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(os.path.abspath(folder))  # noqa: PTH100  without `..`, which no uri should hold
        self.root = self._folder.as_uri()

    async def reach(self) -> None:
        there = next(folder for folder in (self._folder, *self._folder.parents) if folder.exists())  # or may be made below
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise ArtifactError(f"{self._folder}: cannot be written to; set artifacts_url to a folder that can, or to s3://...")

    async def size(self, key: str) -> int | None:
        return await self._done(key, _size, self._folder / key)  # type: ignore[no-any-return]  # what _size returns

    async def write(self, key: str, data: bytes) -> None:
        await self._done(key, _write, self._folder / key, data)

    async def read(self, key: str, most: int) -> bytes:
        check_size(f"{self._folder}/{key}", await self._done(key, lambda: (self._folder / key).stat().st_size), most)
        return await self._done(key, Path.read_bytes, self._folder / key)  # type: ignore[no-any-return]  # bytes

    async def _done(self, key: str, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return await asyncio.to_thread(call, *arguments)
        except FileNotFoundError as exc:
            raise ArtifactError(f"{self._folder}: has no {key}; it was removed, or never put there") from exc
        except OSError as exc:
            raise ArtifactError(f"{self._folder}: {key} cannot be read or written ({exc.strerror})") from exc


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, partial = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  a descriptor
            file.write(data)
            file.flush()
            os.fchmod(descriptor, READABLE)
            os.fsync(descriptor)
        Path(partial).rename(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """The rename itself, on disk: a manifest must not outlive a power cut that its pieces did not."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
