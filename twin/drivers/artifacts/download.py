"""Pieces in a store -> a folder or file, checked before it appears. What came before an interruption is not fetched again."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from twin.digest import bytes_digest, file_digest
from twin.drivers.artifacts.blobs import Blobs
from twin.drivers.artifacts.manifest import PIECE, File, Manifest, located, piece_key
from twin.drivers.artifacts.upload import AT_ONCE, listed
from twin.errors import ArtifactError, DigestError
from twin.records import Artifact

T = TypeVar("T")


class Download:
    """One get of `artifact`, whose manifest is `manifest`, from `blobs`."""

    def __init__(self, blobs: Blobs, manifest: Manifest, artifact: Artifact) -> None:
        self._blobs, self._manifest, self._artifact = blobs, manifest, artifact

    async def get(self, out: Path) -> None:
        """Fetch into a folder beside `out` and rename: `out` is never half there. Raises ArtifactError."""
        out = Path(os.path.abspath(out))  # noqa: ASYNC240, PTH100  asks no disk
        partial = out.with_name(f".{out.name}.{located(self._artifact.uri)[1][:12]}.partial")
        if await self._there(out):
            return
        await self._local(out.parent.mkdir, 0o777, True, True)
        async with self._alone(partial):
            if await self._there(out):  # another process was faster
                return
            content = partial / "content"
            try:
                await self._fetch(content)
            except DigestError:
                await asyncio.to_thread(shutil.rmtree, content, ignore_errors=True)
                raise
            made = content / next(iter(self._manifest.files)) if self._manifest.single else content
            await self._local(made.rename, out)

    async def _fetch(self, content: Path) -> None:
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(target: Path, piece: tuple[str, int, int]) -> None:
            async with slots:
                await self._piece(target, *piece)

        await self._local(content.mkdir, 0o777, True, True)
        for name, file in self._manifest.files.items():
            await self._local(_room, content / name, file.size)
        jobs = [(content / name, piece) for name, file in self._manifest.files.items() for piece in file.stored()]
        tasks = [asyncio.create_task(one(*job)) for job in jobs]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for name, file in self._manifest.files.items():
            await self._finish(content / name, file)

    async def _piece(self, target: Path, digest: str, offset: int, size: int) -> None:
        if await self._local(_holds, target, offset, size, digest):
            return
        for _ in range(2):  # a body may be spoilt on its way: asked once more before the store is blamed
            data = await self._blobs.read(piece_key(digest), PIECE)
            if await asyncio.to_thread(bytes_digest, data) == digest:
                await self._local(_write_at, target, offset, data)
                return
        raise DigestError(
            f"{self._artifact.uri}: the stored {piece_key(digest)} is not what its name says ({len(data):,} of {size:,} bytes "
            f"came); remove it there and put the artifact again"
        )

    async def _finish(self, target: Path, file: File) -> None:
        if file.pieces and await self._local(file_digest, target) != file.digest:
            raise DigestError(f"{self._artifact.uri}: the pieces of {target.name} are not the file that its manifest names")
        await self._local(_sync, target)

    async def _there(self, out: Path) -> bool:
        """Whether `out` is the artifact already. Raises ArtifactError when it is something else."""
        if not await self._local(os.path.lexists, out):
            return False
        same = await self._local(_is, out, self._manifest)
        if not same:
            raise ArtifactError(f"{out}: is there already and is not {self._artifact.digest}; remove it, or name another place")
        return True

    @asynccontextmanager
    async def _alone(self, partial: Path) -> AsyncIterator[None]:
        """One process at a time fetches into `partial`; what it leaves when it fails is what the next one goes on with."""
        await self._local(partial.mkdir, 0o700, True, True)
        lock = await self._local(os.open, partial / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _locked(lock):  # noqa: ASYNC110  another process's lock has no event
                await asyncio.sleep(0.05)
            yield
            await asyncio.to_thread(shutil.rmtree, partial, ignore_errors=True)
        finally:
            os.close(lock)

    async def _local(self, call: Callable[..., T], *arguments: object) -> T:
        try:
            return await asyncio.to_thread(call, *arguments)
        except OSError as exc:
            raise ArtifactError(f"{exc.filename or self._artifact.uri}: cannot be written or read ({exc.strerror})") from exc


def _is(out: Path, manifest: Manifest) -> bool:
    """Whether `out` holds the files of `manifest` and no others."""
    if manifest.single or out.is_file():
        return out.is_file() and manifest.single and file_digest(out) == manifest.digest
    if not out.is_dir() or not any(out.iterdir()):
        return False
    found = listed(out)
    return found.keys() == manifest.files.keys() and all(
        file_digest(path) == manifest.files[name].digest for name, path in found.items()
    )


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _room(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.truncate(size)


def _holds(path: Path, offset: int, size: int, digest: str) -> bool:
    with path.open("rb") as file:
        try:
            written = os.lseek(file.fileno(), offset, os.SEEK_DATA) < offset + size
        except OSError:  # nothing but a hole from here on
            written = False
        if size and not written:
            return False
        file.seek(offset)
        return bytes_digest(file.read(size)) == digest


def _write_at(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
