"""A document store in memory and a fetcher that says what it is told: the doubles of the documents stage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from twin.documents.ports import Item, Memory
from twin.documents.sources import FilesSource, Source
from twin.errors import LeaseError
from twin.records import Author, Change, Document, Kind, Known

ADA = Author("ada", "Ada Author")


def source(name: str = "notes", max_gone: float = 0.5) -> FilesSource:
    return FilesSource(name=name, author=ADA, documents=Kind.ARTICLE, path="/notes", max_gone=max_gone)


def document(uri: str, text: str = "text", source: str = "notes", **fields) -> Document:
    values = {"kind": Kind.ARTICLE, "title": f"Title of {uri}", "author": ADA, **fields}
    return Document(uri=uri, source=source, text=text, **values)


class Saying:
    """A fetcher whose listing is a function of the memory, or a fixed list of items (an exception in it is raised)."""

    def __init__(self, *items: Item | Exception, then: Callable[[Memory], AsyncIterator[Item]] | None = None) -> None:
        self.items = items
        self.then = then
        self.cursors: list[str] = []

    async def fetch(self, source: Source, memory: Memory) -> AsyncIterator[Item]:
        self.cursors.append(memory.cursor)
        if self.then:
            async for item in self.then(memory):
                yield item
        for item in self.items:
            if isinstance(item, BaseException):
                raise item
            yield item


class StoreInMemory:
    """DocumentStore over dicts. `writes` counts every call that wrote."""

    def __init__(self, max_bytes: int = 1000) -> None:
        self.max_bytes = max_bytes
        self.live: dict[str, tuple[str, Document, str]] = {}
        self.log: list[Change] = []
        self.cursors: dict[str, str] = {}
        self.leases: dict[str, str] = {}
        self.writes = 0
        self.before_write: Callable[[], None] = lambda: None

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    @asynccontextmanager
    async def lease(self, source: str, owner: str) -> AsyncIterator[None]:
        if source in self.leases:
            raise LeaseError(f"source {source} is in use by {self.leases[source]}")
        self.leases[source] = owner
        try:
            yield
        finally:
            del self.leases[source]

    def _write(self) -> None:
        self.before_write()
        self.writes += 1

    async def cursor(self, source: str) -> str:
        return self.cursors.get(source, "")

    async def set_cursor(self, source: str, cursor: str) -> None:
        self._write()
        self.cursors[source] = cursor

    async def known(self, source: str, uris: Sequence[str]) -> Mapping[str, Known]:
        held = {uri: self.live[uri] for uri in uris if uri in self.live and self.live[uri][0] == source}
        return {uri: Known(uri, document.content_hash, version) for uri, (_, document, version) in held.items()}

    async def sources_of(self, uris: Sequence[str]) -> Mapping[str, str]:
        return {uri: self.live[uri][0] for uri in uris if uri in self.live}

    async def put(self, source: str, items: Iterable[tuple[Document, str]]) -> Mapping[str, str]:
        self._write()
        refused = {}
        for document, version in items:
            if self.live.get(document.uri, (source,))[0] != source:
                refused[document.uri] = self.live[document.uri][0]
                continue
            self.live[document.uri] = (source, document, version)
            self.log.append(Change(document.id, document.uri, source, len(self.log) + 1, document))
        return refused

    async def set_versions(self, source: str, versions: Mapping[str, str]) -> None:
        self._write()
        for uri, version in versions.items():
            self.live[uri] = (*self.live[uri][:2], version)

    async def bury(self, source: str, uris: Sequence[str]) -> None:
        self._write()
        for uri in uris:
            _, document, _ = self.live.pop(uri)
            self.log.append(Change(document.id, uri, source, len(self.log) + 1, None))

    async def uris(self, source: str) -> AsyncIterator[str]:
        for uri in sorted(uri for uri, held in self.live.items() if held[0] == source):
            yield uri

    async def count(self, source: str) -> int:
        return sum(held[0] == source for held in self.live.values())

    async def identity(self) -> str:
        return "in memory"

    async def count_changes(self, source: str, after: int) -> tuple[int, int]:
        found = [change async for change in self.changes(source, after)]
        live = sum(change.document is not None for change in found)
        return live, len(found) - live

    async def revisions(self) -> Mapping[str, int]:
        return {change.source: change.revision for change in self.log}

    async def changes(self, source: str, after: int) -> AsyncIterator[Change]:
        last = {change.uri: change for change in self.log if change.source == source}
        for change in sorted(last.values(), key=lambda change: change.revision):
            if change.revision > after:
                yield change

    async def get(self, document_id: str) -> Document | None:
        return next((held[1] for held in self.live.values() if held[1].id == document_id), None)

    async def documents(self, source: str = "", author: str = "", kind: str = "", limit: int = 0) -> AsyncIterator[Document]:
        for uri in sorted(self.live):
            yield self.live[uri][1]

    def texts(self) -> dict[str, str]:
        """What is live, as uri -> text."""
        return {uri: held[1].text for uri, held in self.live.items()}
