"""Passages with their vectors <-> a folder that can be kept as an artifact, and that any store of indexes can be filled from.

Not the engine's own files: those are of one version and one layout, a server's snapshots hold what one of its nodes has, and a
release that was judged on one machine runs in a cluster. In the order of ids, so that equal indexes make equal files.

<folder>/index.json    name and recipe
<folder>/points.bin    gzip of frames: four bytes of length, then MessagePack of a passage and its vector (little float32)
"""

from __future__ import annotations

import asyncio
import gzip
import sys
from array import array
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

import msgspec

from twin.errors import IndexStoreError, RefusedError
from twin.index.content import Content
from twin.records import Chunk, IndexInfo, IndexSpec

RECIPE, POINTS = "index.json", "points.bin"
FASTEST = 1  # of gzip: vectors hardly shrink at any level
LARGEST = 64 << 20  # bytes of a frame
BATCH = 256
Point = tuple[Chunk, Sequence[float]]


class _Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    spec: IndexSpec


class _Frame(msgspec.Struct, array_like=True):
    chunk: Chunk
    vector: bytes


class Writer:
    """A folder in the making. `count` passages were added, `documents` is the digest of what they were made from."""

    def __init__(self, into: Path, spec: IndexSpec) -> None:
        self._into, self._spec = into, spec
        self._content = Content()

    def __enter__(self) -> Self:
        """Raises IndexStoreError."""
        try:
            self._into.mkdir(parents=True, exist_ok=True)
            recipe = msgspec.json.encode(_Recipe(self._spec.name, self._spec))
            (self._into / RECIPE).write_bytes(msgspec.json.format(recipe))
            self._file = gzip.GzipFile(str(self._into / POINTS), "wb", FASTEST, mtime=0)
        except OSError as exc:
            raise self._failed(exc) from exc
        return self

    def add(self, points: Sequence[Point]) -> None:
        """The next passages in order of id. Raises IndexStoreError."""
        try:
            for chunk, vector in points:
                data = msgspec.msgpack.encode(_Frame(chunk, _packed(vector)))
                self._file.write(len(data).to_bytes(4, "big") + data)
                self._content.add(chunk)
        except OSError as exc:
            raise self._failed(exc) from exc

    @property
    def count(self) -> int:
        return self._content.chunks

    @property
    def documents(self) -> str:
        return self._content.documents

    def __exit__(self, *_: object) -> None:
        try:
            self._file.close()
        except OSError as exc:
            raise self._failed(exc) from exc

    def _failed(self, exc: OSError) -> IndexStoreError:
        return IndexStoreError(f"{self._into}: cannot be written ({exc.strerror}); make room and take the snapshot again")


def _packed(vector: Sequence[float]) -> bytes:
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _unpacked(data: bytes) -> Sequence[float]:
    numbers = array("f", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


def recipe(saved: Path) -> IndexSpec:
    """What the saved index was made with. Raises IndexStoreError when `saved` is no snapshot."""
    try:
        found = msgspec.json.decode((saved / RECIPE).read_bytes(), type=_Recipe)
    except (OSError, msgspec.MsgspecError) as exc:
        raise IndexStoreError(f"{saved}: is no snapshot of an index; `twin index snapshot` makes one") from exc
    if found.name != found.spec.name:
        raise IndexStoreError(f"{saved}: is called {found.name}, but its recipe makes {found.spec.name}; take it again")
    return found.spec


def read(saved: Path, dimension: int) -> Iterator[Point]:
    """The points of `saved`. Raises IndexStoreError where they are cut, spoilt or of another dimension."""
    decoder = msgspec.msgpack.Decoder(_Frame)
    try:
        with gzip.open(saved / POINTS, "rb") as file:
            while head := file.read(4):
                size = int.from_bytes(head, "big")
                data = file.read(min(size, LARGEST))
                frame = decoder.decode(data)
                if len(data) != size or len(frame.vector) != 4 * dimension:
                    raise IndexStoreError(f"{saved}: holds a passage that is no vector of {dimension} numbers")
                yield frame.chunk, _unpacked(frame.vector)
    except (OSError, EOFError, msgspec.MsgspecError) as exc:
        raise IndexStoreError(f"{saved}: is no whole snapshot of an index ({exc})") from exc


class Fillable(Protocol):
    """What is asked of a store that is filled: part of an index store."""

    async def list(self) -> list[IndexInfo]: ...

    async def create(self, spec: IndexSpec) -> IndexInfo: ...

    async def write(self, index: str, chunks: Sequence[Chunk], vectors: Sequence[Sequence[float]]) -> None: ...

    async def remove(self, index: str, chunk_ids: Sequence[str]) -> None: ...

    async def mark(
        self, index: str, *, revisions: Mapping[str, int] | None = None, recall: float | None = None, store: str | None = None
    ) -> None: ...

    async def optimize(self, index: str) -> None: ...

    def scan(self, index: str, limit: int = 0) -> AsyncGenerator[Chunk, None]: ...


async def fill(store: Fillable, saved: Path, *, replace: bool) -> IndexInfo:
    """Make the index that was saved, or make the one of its name hold the same. Raises RefusedError, IndexStoreError.

    What is in the way answers until the end, and is upserted first and pruned after. Killed and run again with `replace`, it
    ends in the same state. It is of no document store: the next build compares it with the whole of the one that is there.
    """
    spec = await asyncio.to_thread(recipe, saved)
    ids = await asyncio.to_thread(lambda: {chunk.id for chunk, _ in read(saved, spec.dimension)})  # all of it, before a write
    there = next((one for one in await store.list() if one.name == spec.name), None)
    if there and not replace:
        raise RefusedError(f"index {spec.name} is there already: give --replace, or drop it with `twin index prune`")
    index = (await store.create(spec)).name
    if there:
        await store.mark(index, revisions=dict.fromkeys(there.revisions, 0), store="")
    batch: list[Point] = []
    for point in read(saved, spec.dimension):
        batch.append(point)
        if len(batch) == BATCH:
            await _write(store, index, batch)
            batch = []
    await _write(store, index, batch)
    gone = [one.id async for one in store.scan(index) if one.id not in ids]
    for at in range(0, len(gone), BATCH):
        await store.remove(index, gone[at : at + BATCH])
    await store.optimize(index)
    return next(one for one in await store.list() if one.name == index)


async def _write(store: Fillable, index: str, batch: Sequence[Point]) -> None:
    if batch:
        await store.write(index, [chunk for chunk, _ in batch], [vector for _, vector in batch])
