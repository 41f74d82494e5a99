"""A folder of indexes, each a shard of Qdrant's own engine. Blocking, for one process: sharing is `edge`'s work.

<folder>/alias                  the name of the live index
<folder>/<index>/meta.json      recipe, revisions, recall
<folder>/<index>/shard/         the engine's files
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from itertools import accumulate
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import msgspec

from twin.drivers.qdrant import shard as layout
from twin.drivers.qdrant.payload import DENSE, PREFETCH, RRF_K, SPARSE, Meta, chunk_of, conditions, payload, searched, size
from twin.drivers.qdrant.points import Writer
from twin.drivers.qdrant.room import require_room, taken
from twin.errors import IndexStoreError, RefusedError
from twin.records import Chunk, Filter, IndexInfo, IndexSpec, Passage

P = ParamSpec("P")
R = TypeVar("R")
PAGE = 256


def mapped(method: Callable[P, R]) -> Callable[P, R]:
    """The engine raises plain Exceptions: name the folder and say what to do, once, here."""

    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except (IndexStoreError, RefusedError):
            raise
        except OSError as exc:
            raise IndexStoreError(f"the index cannot be read or written: {exc.strerror} ({exc.filename})") from exc
        except Exception as exc:  # the engine has no error type of its own
            raise IndexStoreError(f"the index failed in {method.__name__}: {exc}") from exc

    return call


class Engine:
    """The `IndexStore` calls, blocking. `quantization` is of indexes that are made: scalar, binary, product or empty."""

    def __init__(self, folder: Path, quantization: str = "") -> None:
        import qdrant_edge

        self._q = qdrant_edge
        self._folder = folder
        self._quantization = quantization
        self._shards: dict[str, Any] = {}
        self._opening = threading.Lock()
        self._bm25 = qdrant_edge.Bm25()
        self._discard()

    @mapped
    def _discard(self) -> None:
        """Remove what a process left that was killed while it made or dropped an index."""
        for place in self._folder.glob("*.*/"):
            if not (place / "meta.json").exists() and {one.name for one in place.iterdir()} <= {"shard", "meta.partial"}:
                shutil.rmtree(place)

    @mapped
    def close(self) -> None:
        for shard in self._shards.values():
            shard.close()
        self._shards.clear()

    @mapped
    def list(self) -> list[IndexInfo]:
        names = sorted(path.parent.name for path in self._folder.glob("*/meta.json"))
        return [self._info(name, self._count(name)) for name in names]

    @mapped
    def live(self) -> str:
        try:
            return (self._folder / "alias").read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""

    @mapped
    def create(self, spec: IndexSpec) -> IndexInfo:
        place = self._place(spec.name)
        if not (place / "meta.json").exists():
            require_room(self._folder)
            shutil.rmtree(place, ignore_errors=True)  # half made by a process that was killed
            (place / "shard").mkdir(parents=True)
            self._shards[spec.name] = layout.made(place / "shard", spec.dimension, self._quantization)
            created = datetime.now(UTC).isoformat(timespec="microseconds")
            self._write_meta(Meta(spec.name, spec, created))
        return self._info(spec.name, self._count(spec.name))

    @mapped
    def write(self, index: str, chunks: Sequence[Chunk], vectors: Sequence[Sequence[float]]) -> None:
        require_room(self._folder)
        points = [
            self._q.Point(one.id, {DENSE: list(vector), SPARSE: self._bm25.embed_document(searched(one))}, payload(one))
            for one, vector in zip(chunks, vectors, strict=True)
        ]
        self._shard(index).update(self._q.UpdateOperation.upsert_points(points))

    @mapped
    def update(self, index: str, chunks: Sequence[Chunk]) -> None:
        require_room(self._folder)
        for one in chunks:
            self._shard(index).update(self._q.UpdateOperation.overwrite_payload([one.id], payload(one)))

    @mapped
    def remove(self, index: str, chunk_ids: Sequence[str]) -> None:
        require_room(self._folder)
        self._shard(index).update(self._q.UpdateOperation.delete_points(list(chunk_ids)))

    @mapped
    def mark(self, index: str, revisions: Mapping[str, int] | None, recall: float | None, store: str | None) -> None:
        self._shard(index).flush()  # what is marked as written must be on disk
        self._write_meta(self._meta(index).marked(revisions, recall, store))

    @mapped
    def optimize(self, index: str) -> None:
        require_room(self._folder, taken(self._place(index)))  # new segments are made beside the old
        self._shard(index).optimize()

    @mapped
    def switch(self, index: str) -> None:
        self._meta(index)
        _write(self._folder / "alias", index.encode())

    @mapped
    def drop(self, index: str) -> None:
        if index == self.live():
            raise RefusedError(f"index {index} is live: switch to another one before dropping it")
        place = self._place(index)
        (place / "meta.json").unlink(missing_ok=True)  # from here on it is half made
        if shard := self._shards.pop(index, None):
            shard.close()
        if place.is_dir():  # repeated by a client whose owner was killed before it answered, it may be gone
            shutil.rmtree(place)

    @mapped
    def snapshot(self, index: str, into: str) -> tuple[IndexInfo, str]:
        """Save an index below `into`. Returns what it is, and the digest of the documents that it holds."""
        name = index or self.live()
        meta = self._meta(name)
        require_room(Path(into).parent, taken(self._place(name)))
        offset: Any = None
        with Writer(Path(into), meta.spec) as made:
            while True:
                asked = self._q.ScrollRequest(offset=offset, limit=PAGE, with_payload=True, with_vector=True)
                records, offset = self._shard(name).scroll(asked)
                made.add([(chunk_of(one.id, one.payload), one.vector[DENSE]) for one in records])
                if offset is None:
                    break
        return self._info(name, made.count), made.documents

    @mapped
    def search(self, index: str, vector: Sequence[float] | None, text: str, filter: Filter, limit: int) -> Sequence[Passage]:
        name = index or self.live()
        if not name:
            return []
        q = self._q
        must: list[Any] = [q.FieldCondition(key, match=q.MatchValue(value)) for key, value in conditions(filter).items()]
        only = q.Filter(must=must) if must else None
        wanted = max(PREFETCH, limit)
        legs = []
        if vector is not None:
            legs.append(q.Prefetch(limit=wanted, query=q.Query.Nearest(list(vector), using=DENSE), filter=only))
        if text and (sparse := self._bm25.embed_query(text)).indices:
            legs.append(q.Prefetch(limit=wanted, query=q.Query.Nearest(sparse, using=SPARSE), filter=only))
        if not legs:
            return []
        request = q.QueryRequest(limit=limit, prefetches=legs, query=q.Fusion.Rrf(RRF_K), with_payload=True)
        hits = self._shard(name).query(request)
        return [Passage(rank, hit.score, chunk_of(hit.id, hit.payload)) for rank, hit in enumerate(hits, 1)]

    @mapped
    def page(self, index: str, after: str, limit: int, documents: Sequence[str], room: int) -> tuple[Sequence[Chunk], str]:
        """Chunks in order of id from `after` on, of `documents` or (when empty) of all, and where the next page begins.

        At most `limit`, and at most `room` characters, but one chunk at least; "" follows the last page.
        """
        only = None
        if documents:
            only = self._q.Filter(must=[self._q.FieldCondition("document", match=self._q.MatchAny(list(documents)))])
        request = self._q.ScrollRequest(offset=after or None, limit=limit, filter=only, with_payload=True)
        records, following = self._shard(index).scroll(request)
        chunks = [chunk_of(one.id, one.payload) for one in records]
        for n, held in enumerate(accumulate(map(size, chunks))):
            if n and held > room:
                return chunks[:n], chunks[n].id
        return chunks, str(following or "")

    def _info(self, index: str, chunks: int) -> IndexInfo:
        made_with = layout.made_with(self._place(index) / "shard")
        return self._meta(index).info(chunks=chunks, live=index == self.live(), layout=made_with)

    def _count(self, index: str) -> int:
        return int(self._shard(index).count(self._q.CountRequest(exact=True)))

    def _place(self, index: str) -> Path:
        """The folder of an index, whose name may come from a command line."""
        if not index:
            raise IndexStoreError("no index is live yet: `twin index build --switch` makes one")
        if index.startswith(".") or set(index) & {"/", "\0"}:
            raise IndexStoreError(f"{index!r} is no name of an index: `twin index list` shows those that are")
        return self._folder / index

    def _shard(self, index: str) -> Any:
        index = index or self.live()
        shard = self._shards.get(index)
        if shard is None:
            with self._opening:
                if index not in self._shards:
                    self._meta(index)
                    require_room(self._folder)  # to open one, too: its log is made anew
                    self._shards[index] = self._q.EdgeShard.load(str(self._folder / index / "shard"))
                shard = self._shards[index]
        return shard

    def _meta(self, index: str) -> Meta:
        file = self._place(index or self.live()) / "meta.json"
        try:
            return msgspec.json.decode(file.read_bytes(), type=Meta)
        except FileNotFoundError as exc:
            raise IndexStoreError(f"there is no index {index!r}: `twin index list` shows those that are") from exc
        except msgspec.MsgspecError as exc:
            raise IndexStoreError(f"{file}: is damaged ({exc}); remove {file.parent} and run `twin index build`") from exc

    def _write_meta(self, meta: Meta) -> None:
        _write(self._folder / meta.name / "meta.json", msgspec.json.format(msgspec.json.encode(meta)))


def _write(path: Path, data: bytes) -> None:
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
