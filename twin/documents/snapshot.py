"""Stored documents -> a folder: a file of JSON lines a source, and a manifest; and back, as a source that is synced.

The same documents give the same bytes. Tombstones and revisions are not kept: a store that is filled from a snapshot is
another store, and the next build of an index compares every document. Knows no artifact and no database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from twin.documents.ports import DocumentStore, Found, Item, Listed, Memory
from twin.documents.sources import Source
from twin.errors import SourceError
from twin.records import Author, Document, Kind

MANIFEST = "manifest.json"
FORM = 1  # of the files; another one is refused
PAGE = 200  # documents between two questions to the store


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One source of a snapshot; `cursor` is where its fetcher was, no later than the documents are."""

    name: str
    documents: int
    cursor: str
    file: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a snapshot holds."""

    form: int
    sources: tuple[Kept, ...]


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    document: Document
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotSource(Source):
    """One source's documents as a snapshot has them. `path` is its file."""

    path: str
    cursor: str


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(_Row).decode


async def save(store: DocumentStore, folder: Path) -> Manifest:
    """Write what is stored and live to `folder`, which is made. Raises StoreError and OSError.

    Syncs may run meanwhile: cursors are read first, so that a sync after a restore reads again what came between.
    """
    await asyncio.to_thread(folder.mkdir, parents=True)
    names = sorted(await store.revisions())
    cursors = {name: await store.cursor(name) for name in names}
    kept = []
    for number, name in enumerate(names):
        file = f"{number}.jsonl"
        with (folder / file).open("wb") as out:
            kept.append(Kept(name, await _save_source(store, name, out), cursors[name], file))
    manifest = Manifest(FORM, tuple(kept))
    (folder / MANIFEST).write_bytes(msgspec.json.format(_encode(manifest), indent=1))
    return manifest


async def _save_source(store: DocumentStore, name: str, out: IO[bytes]) -> int:
    count, page = 0, list[Document]()
    async with aclosing(store.documents(name)) as found:
        async for document in found:
            page.append(document)
            if len(page) == PAGE:
                count, page = count + await _save_page(store, name, page, out), []
    return count + await _save_page(store, name, page, out)


async def _save_page(store: DocumentStore, name: str, page: Sequence[Document], out: IO[bytes]) -> int:
    known = await store.known(name, [one.uri for one in page])
    rows = [_Row(one, known[one.uri].version if one.uri in known else "") for one in page]
    out.writelines(_encode(row) + b"\n" for row in rows)
    return len(page)


def sources_of(folder: Path) -> list[SnapshotSource]:
    """The sources of the snapshot in `folder`, to be synced. Raises SourceError when it is none."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as exc:
        raise SourceError(f"{folder.name}: is no snapshot of documents ({exc}); `twin documents snapshot` makes one") from exc
    if manifest.form != FORM:
        raise SourceError(f"{folder.name}: is a snapshot of form {manifest.form}, which this version does not read")
    nobody = Author("", "")  # every document has its own
    return [
        SnapshotSource(name=one.name, author=nobody, documents=Kind.ARTICLE, path=str(folder / one.file), cursor=one.cursor)
        for one in manifest.sources
    ]


class SnapshotFetcher:
    """Implements Fetcher for SnapshotSource."""

    async def fetch(self, source: Source, memory: Memory) -> AsyncIterator[Item]:
        """Every document of the source. Raises SourceError when its file is not whole."""
        del memory  # every document is read: what is stored may differ from what its version says
        if not isinstance(source, SnapshotSource):
            raise SourceError(f"{source.name}: is a source of kind {source.kind}, not snapshot")
        try:
            with await asyncio.to_thread(Path(source.path).open, "rb") as file:
                for line in file:
                    row = _decode(line)
                    yield Found(row.document, row.version)
        except (OSError, msgspec.DecodeError) as exc:
            raise SourceError(f"{source.name}: its file in the snapshot cannot be read ({exc})") from exc
        yield Listed(source.cursor)
