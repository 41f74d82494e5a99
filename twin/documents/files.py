"""A folder on this machine (or a zip of one) -> the documents in it. Reads what `walk` lists; knows no store.

A document's uri is `files:<source>/<path>`: it survives the folder being moved.
"""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from twin.documents import notion, repository, stamps
from twin.documents.authorship import author_of
from twin.documents.globs import matcher
from twin.documents.ports import Failed, Found, Item, Listed, Memory, Nothing, Same, Skipped
from twin.documents.readers import NoDocumentError, Piece, UnreadableError, read_piece
from twin.documents.repository import Blob
from twin.documents.sources import FilesSource, Source
from twin.documents.text import printable
from twin.documents.walk import LARGEST, Entry, Listing, ReadError, read, read_zip, walk, walk_zip
from twin.errors import SourceError
from twin.records import Document

BATCH = 500  # uris asked of the store at once
GROUP_FILES, GROUP_BYTES = 32, 8_000_000  # read in one go, off the event loop
PROSE = (".md", ".markdown", ".mdx", ".txt", ".rst", ".html", ".htm", ".xhtml", ".pdf", ".ipynb")


class FilesFetcher:
    """Implements Fetcher for FilesSource."""

    async def fetch(self, source: Source, memory: Memory) -> AsyncIterator[Item]:
        """Every file that is a document. Raises SourceError when the folder itself cannot be listed."""
        if not isinstance(source, FilesSource):
            raise SourceError(f"{source.name}: is a source of kind {source.kind}, not files")
        place = _Place(source)
        matches = matcher(source.include, source.exclude, source.name)
        listing, cursor = await asyncio.to_thread(place.list)
        if cursor == memory.cursor and not listing.unreadable:
            yield Nothing()
            return
        for path in listing.links:
            if matches(path):
                yield Skipped(place.uri(path), "a symbolic link; links are not followed")
        chosen = [entry for entry in listing.entries if matches(entry.path)]
        for start in range(0, len(chosen), BATCH):
            async for item in place.items(chosen[start : start + BATCH], memory):
                yield item
        for folder, reason in listing.unreadable:
            yield Failed(place.uri(folder), f"the folder cannot be listed: {reason}; nothing of this source is removed")
        if not listing.unreadable:
            yield Listed(cursor)


@dataclass(slots=True)
class _Place:
    """One folder or zip, and how its files become items."""

    source: FilesSource

    @property
    def path(self) -> Path:
        return Path(self.source.path)

    @property
    def zipped(self) -> bool:
        return self.path.suffix.lower() == ".zip"

    def uri(self, path: str) -> str:
        return f"files:{quote(self.source.name)}/{quote(path.encode('utf-8', 'surrogateescape'), safe='/-._~+@')}"

    def list(self) -> tuple[Listing, str]:
        try:
            listing = walk_zip(self.path) if self.zipped else walk(self.path)
        except FileNotFoundError as exc:
            raise SourceError(f"{self.source.name}: {self.path} is not there; check `path`") from exc
        except NotADirectoryError as exc:
            raise SourceError(f"{self.source.name}: {self.path} is a file; name its folder, and the file in `include`") from exc
        except (OSError, zipfile.BadZipFile, ValueError) as exc:
            raise SourceError(f"{self.source.name}: {self.path} cannot be listed: {exc}") from exc
        seen = "\0".join([f"{path}\0{token}" for path, _, token in listing.entries])
        return listing, stamps.cursor(self.source, seen, *listing.links)

    async def items(self, entries: Sequence[Entry], memory: Memory) -> AsyncIterator[Item]:
        known = await memory.known([self.uri(entry.path) for entry in entries])
        wanted: list[Entry] = []
        for entry in entries:
            uri = self.uri(entry.path)
            stored = known.get(uri)
            if reason := _refused(entry):
                yield Skipped(uri, reason)
            elif stored is not None and stored.version == stamps.version(entry.token, self.source):
                yield Same(uri)
            else:
                wanted.append(entry)
        for group in _groups(wanted):
            for item in await asyncio.to_thread(self._read, group):
                if item is not None:
                    yield item

    def _read(self, entries: Sequence[Entry]) -> Sequence[Item | None]:
        if not self.zipped:
            return [self._item(entry, _bytes(self.path, entry)) for entry in entries]
        try:
            return [self._item(entry, data) for entry, data in zip(entries, read_zip(self.path, entries), strict=True)]
        except (OSError, zipfile.BadZipFile) as exc:
            raise SourceError(f"{self.source.name}: {self.path} cannot be read: {exc}") from exc

    def _item(self, entry: Entry, data: bytes | OSError | None) -> Item | None:
        uri = self.uri(entry.path)
        if data is None:
            return None  # deleted since it was listed: not named, so it is gone
        if isinstance(data, OSError):
            return Failed(uri, data.strerror or str(data))
        try:
            piece = read_piece(entry.path, data)
        except NoDocumentError as exc:
            return Skipped(uri, str(exc))
        except UnreadableError as exc:
            return Failed(uri, str(exc))
        return Found(self._document(uri, entry, piece), stamps.version(entry.token, self.source))

    def _document(self, uri: str, entry: Entry, piece: Piece) -> Document:
        metadata = {"path": printable(entry.path)}
        if piece.tags:
            metadata["tags"] = ", ".join(piece.tags)
        if notion.is_notion(entry.path) and (above := notion.notion_place(entry.path)):
            metadata["pages"] = printable(above)
        return Document(
            uri=uri,
            source=self.source.name,
            kind=self.source.documents,
            title=printable(piece.title),
            text=piece.text,
            author=author_of("", piece.author, self.source.author),
            link=piece.link,
            language=piece.language or self.source.language,
            published=piece.published,
            metadata=metadata,
        )


def _bytes(root: Path, entry: Entry) -> bytes | OSError | None:
    try:
        return read(root, entry)
    except OSError as exc:
        return exc


def _refused(entry: Entry) -> str:
    """Why a file is no document by its name or size; empty when it may be one."""
    if entry.size > LARGEST:
        return f"{entry.size:,} bytes; files above {LARGEST:,} are not read"
    if entry.path.lower().endswith((*PROSE, ".csv")):
        return ""
    return repository.refused(Blob("100644", "", entry.size, entry.path))


def _groups(entries: Sequence[Entry]) -> list[list[Entry]]:
    groups: list[list[Entry]] = [[]]
    size = 0
    for entry in entries:
        if groups[-1] and (len(groups[-1]) >= GROUP_FILES or size + entry.size > GROUP_BYTES):
            groups.append([])
            size = 0
        groups[-1].append(entry)
        size += entry.size
    return [group for group in groups if group]


__all__ = ["FilesFetcher", "ReadError"]
