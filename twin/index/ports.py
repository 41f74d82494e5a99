"""What the index stage asks of the outside: an embedder and a store of indexes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Protocol

from twin.records import Change, Chunk, Filter, IndexInfo, IndexSpec, Passage

Vector = Sequence[float]


class Embedder(Protocol):
    """Text -> unit vectors. `name`, `dimension` and `digest` go into the index's name."""

    name: str
    dimension: int
    digest: str

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """One vector a text, in order. Raises EmbeddingError."""
        ...

    async def embed_query(self, text: str) -> Vector:
        """The vector of a question. Raises EmbeddingError."""
        ...


class Documents(Protocol):
    """The part of the document store that indexing reads. All methods raise StoreError."""

    async def identity(self) -> str:
        """What no other store is called, nor this one when it was made anew."""
        ...

    async def revisions(self) -> Mapping[str, int]: ...

    async def count_changes(self, source: str, after: int) -> tuple[int, int]:
        """How many documents and how many tombstones `changes` would give."""
        ...

    def changes(self, source: str, after: int) -> AsyncIterator[Change]: ...

    async def sources_of(self, uris: Sequence[str]) -> Mapping[str, str]:
        """Which source holds each live uri; absent when none does."""
        ...


class IndexStore(Protocol):
    """Indexes and the alias. An empty `index` means "the live one". All methods raise IndexStoreError.

    Several processes may use one store at once: that the engine in the process locks its folder is the driver's affair.
    """

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def list(self) -> list[IndexInfo]: ...

    async def live(self) -> str:
        """The alias's target, empty when none was switched to yet. Cheap enough to ask at every question."""
        ...

    async def create(self, spec: IndexSpec) -> IndexInfo:
        """Make the index of `spec`, or return it when it is there."""
        ...

    async def write(self, index: str, chunks: Sequence[Chunk], vectors: Sequence[Vector]) -> None:
        """Upsert; BM25 vectors are made by the store."""
        ...

    async def stored(self, index: str, documents: Sequence[str]) -> Mapping[str, Mapping[str, Chunk]]:
        """Chunks by id of each of these documents."""
        ...

    async def update(self, index: str, chunks: Sequence[Chunk]) -> None:
        """Replace what is known of chunks whose vectors stay: they moved, nothing else."""
        ...

    async def remove(self, index: str, chunk_ids: Sequence[str]) -> None: ...

    async def mark(
        self, index: str, *, revisions: Mapping[str, int] | None = None, recall: float | None = None, store: str | None = None
    ) -> None:
        """Remember how far each source of which document store has been written, and what the recall gate measured."""
        ...

    async def optimize(self, index: str) -> None:
        """Make what was written fast to search."""
        ...

    async def switch(self, index: str) -> None:
        """Point the alias at `index`, at once for every reader."""
        ...

    async def drop(self, index: str) -> None: ...

    async def search(self, index: str, *, vector: Vector | None, text: str, filter: Filter, limit: int) -> Sequence[Passage]:
        """Hybrid search, fused by reciprocal rank. An empty `text` leaves BM25 out, a missing `vector` leaves vectors out."""
        ...

    def scan(self, index: str, limit: int = 0) -> AsyncGenerator[Chunk, None]:
        """Chunks of an index, streamed in order of id; 0 is no limit."""
        ...
