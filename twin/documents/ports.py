"""What the documents stage asks of the outside: something that reads a source, and something that keeps documents."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from twin.documents.sources import Source
from twin.records import Change, Document, Known


@dataclass(frozen=True, slots=True)
class Found:
    """A document that was read; whether it is new, changed or the same is the reconciler's to say."""

    document: Document
    version: str = ""


@dataclass(frozen=True, slots=True)
class Same:
    """A document that is still there and need not be read; `version`, unless empty, takes the place of the one it has."""

    uri: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """A document that should be there and could not be read: what is stored of it stays."""

    uri: str
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that is no document by rule (binary, empty, refused by robots.txt): what is stored of it goes."""

    uri: str
    reason: str


@dataclass(frozen=True, slots=True)
class Listed:
    """The last item of a complete listing; everything stored and not named before it is gone.

    A fetcher that ends without it (or raises SourceError) buries nothing. `cursor` is kept for the next run, and only if
    nothing failed.
    """

    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Nothing:
    """The only item of a fetch that knows from the cursor that nothing changed since the last complete run."""


Item = Found | Same | Failed | Skipped | Listed | Nothing


class Memory(Protocol):
    """What the last runs left, for a fetcher to spare itself reading."""

    cursor: str

    async def known(self, uris: Sequence[str]) -> Mapping[str, Known]:
        """The live documents of this source among `uris`, by uri."""
        ...

    def uris(self) -> AsyncIterator[str]:
        """The live uris of this source, for one whose listing shows only its newest documents."""
        ...


class Fetcher(Protocol):
    """Reads one kind of source. Raises SourceError when the source as a whole cannot be listed."""

    def fetch(self, source: Source, memory: Memory) -> AsyncIterator[Item]:
        """Every document of `source`, in any order, ended by Listed (or only Nothing)."""
        ...


class DocumentStore(Protocol):
    """Documents and tombstones, by source. Each write of a source gets the next revision of that source.

    One process at a time writes a source (`lease`), so revisions of a source become visible in order and an index that
    remembers the last one it took misses nothing. All methods raise StoreError.
    """

    max_bytes: int  # the largest document that `put` takes, all its text in UTF-8

    async def open(self) -> None:
        """Connect and make tables or collections. Nothing else connects."""
        ...

    async def close(self) -> None: ...

    def lease(self, source: str, owner: str) -> AbstractAsyncContextManager[None]:
        """Hold `source` for this process, renewed while held; LeaseError, naming the holder, when another one does."""
        ...

    async def cursor(self, source: str) -> str: ...

    async def set_cursor(self, source: str, cursor: str) -> None: ...

    async def known(self, source: str, uris: Sequence[str]) -> Mapping[str, Known]: ...

    async def sources_of(self, uris: Sequence[str]) -> Mapping[str, str]:
        """Which source holds each live uri; absent when none does."""
        ...

    async def put(self, source: str, items: Iterable[tuple[Document, str]]) -> Mapping[str, str]:
        """Insert or replace documents with their versions, atomically; their tombstones end.

        A uri that is live in another source is left to it; the result names these, with the source that holds each.
        """
        ...

    async def set_versions(self, source: str, versions: Mapping[str, str]) -> None:
        """New fetcher tokens by uri for documents whose content is the same: no new revision."""
        ...

    async def bury(self, source: str, uris: Sequence[str]) -> None:
        """Turn live documents into tombstones."""
        ...

    def uris(self, source: str) -> AsyncGenerator[str, None]:
        """Live uris of a source."""
        ...

    async def count(self, source: str) -> int: ...

    async def identity(self) -> str:
        """What no other store is called: one that was made anew, or elsewhere, knows nothing of what this one buried."""
        ...

    async def revisions(self) -> Mapping[str, int]:
        """The last revision of every source that is stored, tombstones included."""
        ...

    async def count_changes(self, source: str, after: int) -> tuple[int, int]:
        """How many documents and how many tombstones `changes` would give."""
        ...

    def changes(self, source: str, after: int) -> AsyncGenerator[Change, None]:
        """Documents and tombstones of `source` with a revision above `after`, in order of revision, streamed."""
        ...

    async def get(self, document_id: str) -> Document | None:
        """One live document."""
        ...

    def documents(self, source: str = "", author: str = "", kind: str = "", limit: int = 0) -> AsyncGenerator[Document, None]:
        """Live documents in order of uri, streamed; 0 is no limit."""
        ...
