"""A folder or file -> pieces in a store, and their manifest. Reads every file once; knows no uri and no wanted digest."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from twin.digest import PREFIX, bytes_digest
from twin.drivers.artifacts.blobs import Blobs
from twin.drivers.artifacts.manifest import PIECE, SCHEMA, File, Manifest, piece_key
from twin.errors import ArtifactError

AT_ONCE = 4  # pieces in memory and on their way


class Upload:
    """One put into `blobs`. What is stored is what was hashed, so that a file that changes meanwhile spoils nothing."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def put(self, path: Path, beside: Collection[str]) -> Manifest:
        """Every piece is stored when this returns. Raises ArtifactError."""
        files: dict[str, File] = {}
        try:
            found = await asyncio.to_thread(listed, path)
            async with asyncio.TaskGroup() as tasks:
                for name, file in found.items():
                    files[name] = await self._file(file, tasks)
        except (OSError, BaseExceptionGroup) as exc:
            error = _first(exc)
            if isinstance(error, OSError):
                raise ArtifactError(f"{error.filename or path}: cannot be read ({error.strerror})") from error
            raise error from None
        kept = tuple(sorted(name for name in beside if name in files))
        return Manifest(SCHEMA, files, kept, single=list(found.values()) == [path])

    async def _file(self, path: Path, tasks: asyncio.TaskGroup) -> File:
        whole, size = hashlib.sha256(), 0
        pieces: list[str] = []
        with path.open("rb") as file:
            while True:
                await self._slots.acquire()
                data, digest = await asyncio.to_thread(_next, file, whole, first=not pieces)
                if not data and pieces:
                    self._slots.release()
                    break
                tasks.create_task(self._stored(digest, data))
                pieces.append(digest)
                size += len(data)
                if len(data) < PIECE:
                    break
        if len(pieces) == 1:
            return File(pieces[0], size)
        return File(PREFIX + whole.hexdigest(), size, tuple(pieces))

    async def _stored(self, digest: str, data: bytes) -> None:
        try:
            if await self._blobs.size(piece_key(digest)) != len(data):
                await self._blobs.write(piece_key(digest), data)
        finally:
            self._slots.release()


def _next(file: BinaryIO, whole: hashlib._Hash, *, first: bool) -> tuple[bytes, str]:
    """The next piece and its digest. The first is the whole of most files, and not hashed twice then."""
    data = file.read(PIECE)
    if not first or len(data) == PIECE:
        whole.update(data)
    return data, bytes_digest(data)


def listed(path: Path) -> dict[str, Path]:
    """The files of a folder by their path with slashes, sorted, or the one file. Raises ArtifactError, OSError."""
    if path.is_file():
        return {path.name: path}
    if not path.is_dir():
        raise ArtifactError(f"{path}: there is no such folder or file")
    found: dict[str, Path] = {}
    for one in path.rglob("*"):
        if one.is_symlink() or not (one.is_file() or one.is_dir()):
            raise ArtifactError(f"{one}: is a link or no plain file, which an artifact cannot hold; copy what it stands for")
        if one.is_file():
            found[_portable(one, path)] = one
    if not found:
        raise ArtifactError(f"{path}: is empty; there is nothing to keep")
    return {name: found[name] for name in sorted(found)}


def _portable(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError as exc:
        raise ArtifactError(f"{name!r} in {folder}: its name is not UTF-8; rename it") from exc
    return name


def _first(error: BaseException) -> BaseException:
    """What went wrong first, out of the group of the tasks."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
