"""A folder on this machine, a zip of one, or Notion's export of either form -> the documents in it. Knows no store.

A document's uri is `<kind of source>:<source>/<path>`: it survives the folder being moved or packed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from twin.documents import notion, repository, stamps
from twin.documents.archive import ArchiveError, Archives
from twin.documents.authorship import author_of
from twin.documents.ports import Failed, Found, Item, Listed, Memory, Nothing, Same, Skipped
from twin.documents.readers import NoDocumentError, Piece, UnreadableError, read_piece
from twin.documents.repository import Blob
from twin.documents.sources import ExportSource, FilesSource
from twin.documents.text import printable
from twin.documents.walk import LARGEST, Entry, Listing, read, walk
from twin.errors import SourceError
from twin.records import Document

BATCH = 500  # uris asked of the store at once
GROUP_FILES, GROUP_BYTES = 32, 8_000_000  # read in one go, off the event loop
PROSE = (".md", ".markdown", ".mdx", ".txt", ".rst", ".html", ".htm", ".xhtml", ".pdf", ".ipynb")


@dataclass(slots=True)
class Folder:
    """One folder or zip (`zipped`), and how its files become items. `archives` are the caller's to close."""

    source: FilesSource | ExportSource
    zipped: bool
    archives: Archives

    async def fetch(
        self, memory: Memory, matches: Callable[[str], bool], check: Callable[[Listing], None] = lambda _: None
    ) -> AsyncIterator[Item]:
        """Every file that is a document. Raises SourceError when the folder cannot be listed, and what `check` raises."""
        listing, cursor = await asyncio.to_thread(self.list)
        if cursor == memory.cursor and not listing.unreadable:
            yield Nothing()
            return
        await asyncio.to_thread(self.unfold, listing)
        check(listing)
        for path in listing.links:
            if matches(path):
                yield Skipped(self.uri(path), "a symbolic link; links are not followed")
        chosen = [entry for entry in listing.entries if matches(entry.path)]
        for start in range(0, len(chosen), BATCH):
            async for item in self.items(chosen[start : start + BATCH], memory):
                yield item
        for path, reason in listing.unreadable:
            yield Failed(self.uri(path), f"its files cannot be listed: {reason}; nothing of this source is removed")
        if not listing.unreadable:
            yield Listed(cursor)

    @property
    def path(self) -> Path:
        return Path(self.source.path)

    def uri(self, path: str) -> str:
        return f"{self.source.kind}:{quote(self.source.name)}/{quote(path.encode('utf-8', 'surrogateescape'), safe='/-._~+@')}"

    def list(self) -> tuple[Listing, str]:
        """What is there, and the token of all of it."""
        try:
            listing = Listing(sorted(self.archives.add(self.path))) if self.zipped else walk(self.path)
        except FileNotFoundError as exc:
            raise SourceError(f"{self.source.name}: {self.path} is not there; check `path`") from exc
        except NotADirectoryError as exc:
            raise SourceError(f"{self.source.name}: {self.path} is a file; name its folder, and the file in `include`") from exc
        except (OSError, ValueError) as exc:
            raise SourceError(f"{self.source.name}: {self.path} cannot be listed: {exc}") from exc
        seen = "\0".join([f"{path}\0{token}" for path, _, token in listing.entries])
        return listing, stamps.cursor(self.source, seen, *listing.links)

    def unfold(self, listing: Listing) -> None:
        """Put the files of a Notion export's parts in the place of the parts; one that cannot be opened is `unreadable`."""
        found: dict[str, Entry] = {entry.path: entry for entry in listing.entries if not notion.is_part(entry.path)}
        for entry in listing.entries:
            if notion.is_part(entry.path):
                try:
                    found |= {inner.path: inner for inner in self._part(entry)}
                except (OSError, ArchiveError) as exc:
                    listing.unreadable.append((entry.path, str(exc)))
        listing.entries = sorted(found.values())

    def _part(self, entry: Entry) -> Sequence[Entry]:
        if self.zipped:
            return self.archives.add_part(entry)
        folder, slash, _ = entry.path.rpartition("/")
        return self.archives.add(self.path / entry.path, folder + slash)

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
        return [self._item(entry, self._bytes(entry)) for entry in entries]

    def _bytes(self, entry: Entry) -> bytes | OSError | None:
        if self.archives.holds(entry.path):
            return self.archives.read(entry.path)
        try:
            return read(self.path, entry)
        except OSError as exc:
            return exc

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
