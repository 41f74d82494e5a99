"""Indexes on a Qdrant server (1.16 or newer), as an `IndexStore`: one collection an index, one alias that readers use.

Collections are called `alias.index`, so that twins which share a server share nothing else.

A collection's own metadata holds its recipe from the moment it is made, so none is ever half made, and each source's
revision under a key of its own, so that two builds never overwrite each other's. Knows neither chunking nor models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from twin.drivers.qdrant import request
from twin.drivers.qdrant.faults import Faults, connection
from twin.drivers.qdrant.payload import DENSE, KEYWORDS, Meta, chunk_of, payload, plain
from twin.drivers.qdrant.points import Writer, fill
from twin.errors import IndexStoreError, RefusedError
from twin.records import Chunk, Filter, IndexInfo, IndexSpec, Passage

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient
    from qdrant_client.http.models import CollectionInfo

PAGE = 256
TIMEOUT = 60  # seconds for one request
REVISION = "revision:"  # and the source's name: a key of a collection's metadata
NOT_FOUND, CONFLICT = 404, 409


class ServerIndexes:
    """Indexes at `url`. `quantization` is scalar, binary, product or empty; `alias` is what readers search, one a twin."""

    def __init__(
        self, url: str, api_key: str = "", *, quantization: str = "", shards: int = 1, replicas: int = 1, alias: str = "twin"
    ) -> None:
        import qdrant_edge

        self._url, self._key = url, api_key
        self._quantization, self._shards, self._replicas, self._alias = quantization, shards, replicas, alias
        self._bm25 = qdrant_edge.Bm25()  # on our side, so that both stores weigh words alike
        self._faults = Faults(url, api_key)
        self._opened: AsyncQdrantClient | None = None

    def __repr__(self) -> str:
        return f"ServerIndexes({self._faults.shown!r})"

    async def open(self) -> None:
        """Connect, and see that the server answers and lets us in. Raises IndexStoreError."""
        self._opened = connection(self._url, self._key, TIMEOUT)
        try:
            await self.live()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        opened, self._opened = self._opened, None
        if opened:
            await opened.close()

    @property
    def _client(self) -> AsyncQdrantClient:
        if self._opened is None:
            raise IndexStoreError(f"the index at {self._faults.shown} was closed")
        return self._opened

    async def list(self) -> list[IndexInfo]:
        live = await self.live()
        with self._faults.mapped("list indexes"):
            there = (await self._client.get_collections()).collections
        own = f"{self._alias}."
        names = sorted(one.name.removeprefix(own) for one in there if one.name.startswith(own))
        found = [(name, await self._info(name)) for name in names]
        return [await self._described(name, info, live) for name, info in found if info and _ours(info)]

    async def live(self) -> str:
        with self._faults.mapped("read its aliases"):
            aliases = (await self._client.get_aliases()).aliases
        found = next((one.collection_name for one in aliases if one.alias_name == self._alias), "")
        return found.removeprefix(f"{self._alias}.")

    def _at(self, index: str) -> str:
        """The collection of `index`; without one the alias, which stands for the live one."""
        return f"{self._alias}.{index}" if index else self._alias

    async def create(self, spec: IndexSpec) -> IndexInfo:
        if await self._info(spec.name) is None:
            made = {"twin": msgspec.to_builtins(spec), "created": datetime.now(UTC).isoformat(timespec="microseconds")}
            with self._faults.mapped(f"make {spec.name}", unless=CONFLICT):  # another process was faster
                await self._client.create_collection(
                    self._at(spec.name),
                    **request.layout(spec.dimension, self._quantization),
                    shard_number=self._shards,
                    replication_factor=self._replicas,
                    metadata=made,
                )
        for key in KEYWORDS:  # also where a process was killed between the two
            with self._faults.mapped(f"make the field index {key} of {spec.name}"):
                await self._client.create_payload_index(self._at(spec.name), key, field_schema="keyword")  # type: ignore[arg-type]  # its enum's value
        info = await self._info(spec.name)
        if info is None or not _ours(info):
            raise IndexStoreError(
                f"the collection {self._at(spec.name)} at {self._faults.shown} was not made by twin: remove it or rename it"
            )
        return await self._described(spec.name, info, await self.live())

    async def write(self, index: str, chunks: Sequence[Chunk], vectors: Sequence[Sequence[float]]) -> None:
        for start in range(0, len(chunks), PAGE):
            part = zip(chunks[start : start + PAGE], vectors[start : start + PAGE], strict=True)
            points = [request.point(one, vector, self._bm25) for one, vector in part]
            with self._faults.mapped(f"write to {index}"):
                await self._client.upsert(self._at(index), points, wait=True)

    async def stored(self, index: str, documents: Sequence[str]) -> Mapping[str, Mapping[str, Chunk]]:
        found: dict[str, dict[str, Chunk]] = {}
        offset: Any = None
        while documents:
            chunks, offset = await self._page(index, PAGE, offset, request.any_of("document", documents))
            for one in chunks:
                found.setdefault(one.document, {})[one.id] = one
            if offset is None:
                break
        return found

    async def update(self, index: str, chunks: Sequence[Chunk]) -> None:
        for start in range(0, len(chunks), PAGE):
            operations = [request.replaced(one.id, payload(one)) for one in chunks[start : start + PAGE]]
            with self._faults.mapped(f"write to {index}"):
                await self._client.batch_update_points(self._at(index), operations, wait=True)

    async def remove(self, index: str, chunk_ids: Sequence[str]) -> None:
        if chunk_ids:
            with self._faults.mapped(f"remove from {index}"):
                await self._client.delete(self._at(index), [*chunk_ids], wait=True)

    async def mark(
        self, index: str, *, revisions: Mapping[str, int] | None = None, recall: float | None = None, store: str | None = None
    ) -> None:
        known: dict[str, Any] = {REVISION + source: revision for source, revision in (revisions or {}).items()}
        known |= {key: value for key, value in (("recall", recall), ("store", store)) if value is not None}
        with self._faults.mapped(f"write what is known of {index}"):
            await self._client.update_collection(self._at(index or await self.live()), metadata=known)

    async def optimize(self, index: str) -> None:
        """Nothing: a server does that by itself, and searches meanwhile."""

    async def switch(self, index: str) -> None:
        with self._faults.mapped(f"switch to {index}"):  # one request, so that readers never find no alias
            await self._client.update_collection_aliases(
                request.switched(self._alias, self._at(index), since=await self.live())
            )

    async def drop(self, index: str) -> None:
        if index == await self.live():
            raise RefusedError(f"index {index} is live: switch to another one before dropping it")
        info = await self._info(index)
        if info is not None and not _ours(info):
            raise RefusedError(f"the collection {self._at(index)} at {self._faults.shown} was not made by twin")
        with self._faults.mapped(f"drop {index}", unless=NOT_FOUND):
            await self._client.delete_collection(self._at(index))

    async def snapshot(self, index: str, into: Path) -> tuple[IndexInfo, str]:
        """Save `index` (empty: the live one) at `into`; also its documents' digest. A build that runs may be half in it."""
        name = index or await self.live()
        info = next((one for one in await self.list() if one.name == name), None)
        if info is None:
            raise IndexStoreError(f"there is no index {name!r}: `twin index list` shows those that are, and which is live")
        offset: Any = None
        with Writer(into, info.spec) as made:
            while True:
                with self._faults.mapped(f"read {name}"):
                    records, offset = await self._client.scroll(
                        self._at(name), limit=PAGE, offset=offset, with_payload=True, with_vectors=[DENSE]
                    )
                made.add([(chunk_of(one.id, one.payload or {}), request.dense(one.vector)) for one in records])
                if offset is None:
                    break
        return dataclasses.replace(info, chunks=made.count), made.documents

    async def restore(self, saved: Path, *, replace: bool = False) -> IndexInfo:
        """Make the index that was saved at `saved`; `replace` what one of its name holds. Raises RefusedError."""
        return await fill(self, saved, replace=replace)

    async def search(
        self, index: str, *, vector: Sequence[float] | None, text: str, filter: Filter, limit: int
    ) -> Sequence[Passage]:
        legs = request.legs(vector, self._bm25.embed_query(plain(text)) if text else None, filter, limit)
        if not legs or limit < 1:
            return []
        with self._faults.mapped(f"search {index or 'the live index'}", unless=0 if index else NOT_FOUND):  # none is live yet
            reply = await self._client.query_points(
                self._at(index), prefetch=legs, query=request.fusion(), limit=limit, with_payload=True
            )
            return [Passage(rank, hit.score, chunk_of(hit.id, hit.payload or {})) for rank, hit in enumerate(reply.points, 1)]
        return []

    async def scan(self, index: str, limit: int = 0) -> AsyncGenerator[Chunk, None]:
        name = index or await self.live()  # the same one to its end, should the alias move
        given, offset = 0, None
        while not limit or given < limit:
            chunks, offset = await self._page(name, min(PAGE, limit - given) if limit else PAGE, offset, None)
            for one in chunks:
                yield one
            given += len(chunks)
            if offset is None:
                return

    async def _page(self, index: str, limit: int, offset: Any, only: Any) -> tuple[Sequence[Chunk], Any]:
        with self._faults.mapped(f"read {index or 'the live index'}"):
            records, following = await self._client.scroll(
                self._at(index), scroll_filter=only, limit=limit, offset=offset, with_payload=True
            )
            return [chunk_of(one.id, one.payload or {}) for one in records], following

    async def _info(self, name: str) -> CollectionInfo | None:
        with self._faults.mapped(f"read what is known of {name}", unless=NOT_FOUND):
            return await self._client.get_collection(self._at(name))
        return None

    async def _described(self, name: str, info: CollectionInfo, live: str) -> IndexInfo:
        with self._faults.mapped(f"count {name}"):
            chunks = (await self._client.count(self._at(name), exact=True)).count
        known = info.config.metadata or {}
        with self._faults.mapped(f"read what is known of {name}"):
            spec = msgspec.convert(known["twin"], IndexSpec)
            revisions = {key.removeprefix(REVISION): int(value) for key, value in known.items() if key.startswith(REVISION)}
            meta = Meta(name, spec, known["created"], known.get("recall"), revisions, known.get("store", ""))
        return meta.info(chunks=chunks, live=name == live, layout=request.made_with(info.config))


def _ours(info: CollectionInfo) -> bool:
    return "twin" in (info.config.metadata or {})
