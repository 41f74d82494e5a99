"""Documents and an index -> the passages in it of documents that are not there any more, found by looking at all of them.

For when no tombstones can say it. Streams: neither all passages nor all documents are held at once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from twin.index.ports import Documents, IndexStore
from twin.records import Chunk

BATCH = 128


async def lost(documents: Documents, store: IndexStore, index: str) -> AsyncGenerator[Sequence[Chunk], None]:
    """The chunks of `index` whose documents are not live, in parts. Raises StoreError or IndexStoreError."""
    batch: list[Chunk] = []
    async with aclosing(store.scan(index)) as chunks:
        async for chunk in chunks:
            batch.append(chunk)
            if len(batch) == BATCH:
                yield await _unknown(documents, batch)
                batch = []
    yield await _unknown(documents, batch)


async def _unknown(documents: Documents, chunks: Sequence[Chunk]) -> list[Chunk]:
    live = await documents.sources_of(list({one.uri for one in chunks}))
    return [one for one in chunks if one.uri not in live]


async def sweep(documents: Documents, store: IndexStore, index: str) -> tuple[int, int]:
    """Remove what is lost; how many documents and how many passages that were. Raises StoreError or IndexStoreError."""
    gone = removed = 0
    async with aclosing(lost(documents, store, index)) as parts:
        async for chunks in parts:
            whole = await store.stored(index, list({one.document for one in chunks}))  # each is met, and counted, once
            ids = [id for of_one in whole.values() for id in of_one]
            if ids:
                await store.remove(index, ids)
            gone, removed = gone + len(whole), removed + len(ids)
    return gone, removed
