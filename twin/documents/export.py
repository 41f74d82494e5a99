"""An export on this machine -> its documents: records of a JSON array or JSON lines, LinkedIn's Shares.csv, Notion's pages.

Streams: a file of any size is read a record at a time. One bad record fails alone; a file that breaks off in the middle
ends the listing without `Listed`, so nothing is removed. Notion's folder or zip is read as any folder (see `folder`).
"""

from __future__ import annotations

import asyncio
import zipfile
from array import array
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from twin.documents import notion, stamps
from twin.documents.archive import Archives
from twin.documents.bodies import document_of, share_draft
from twin.documents.folder import Folder
from twin.documents.jsonstream import BrokenJsonError, Raw, charset_of, records
from twin.documents.linkedin import BrokenSharesError, Share, looks_like_shares, shares
from twin.documents.ports import Failed, Found, Item, Listed, Memory, Nothing, Same, Skipped
from twin.documents.seen import Seen
from twin.documents.shapes import Draft, ShapeError, drafts
from twin.documents.sources import ExportSource, Source
from twin.documents.text import is_blank
from twin.documents.walk import Listing
from twin.errors import SourceError
from twin.records import Known

BATCH = 200  # records between two questions to the store
MOST_TRACED = 1000  # duplicates whose first record is looked up, which takes a pass over all
HEAD = 65_536  # bytes looked at to tell what a file is


class ExportFetcher:
    """Implements Fetcher for ExportSource."""

    async def fetch(self, source: Source, memory: Memory) -> AsyncIterator[Item]:
        """Every record's documents. Raises SourceError when the file cannot be read to its end."""
        if not isinstance(source, ExportSource):
            raise SourceError(f"{source.name}: is a source of kind {source.kind}, not export")
        zipped, folder = await asyncio.to_thread(_form, Path(source.path))
        if zipped or folder:
            with Archives() as archives:
                pages = Folder(source, zipped, archives)
                async for item in pages.fetch(memory, lambda _: True, partial(_check_notion, source)):
                    yield item
            return
        before = await asyncio.to_thread(_token, source)
        cursor = stamps.cursor(source, before)
        if cursor == memory.cursor:
            yield Nothing()
            return
        reading = _Reading(source)
        entries = await asyncio.to_thread(reading.open)
        while group := await asyncio.to_thread(reading.take, entries):
            uris = [entry.draft.uri for entry in group if isinstance(entry, _Entry)]
            known = await memory.known(uris)
            for item in await asyncio.to_thread(reading.items, group, known):
                yield item
        if reading.broken:
            raise SourceError(f"{source.name}: {reading.broken}; what was before it is taken, nothing is removed")
        if await asyncio.to_thread(_token, source) != before:
            raise SourceError(f"{source.name}: {source.path} changed while it was read; run again")
        yield Listed(cursor)


@dataclass(frozen=True, slots=True)
class _Entry:
    draft: Draft
    version: str


@dataclass(slots=True)
class _Reading:
    """One pass over an export. `broken` says where the file breaks off."""

    source: ExportSource
    broken: str = ""
    _named: Seen = field(default_factory=Seen)
    _order: array[int] = field(default_factory=lambda: array("q"))  # hashes of uris, in their order
    _repeats: int = 0
    _numbers: array[int] = field(default_factory=lambda: array("L"))  # the record of each

    @property
    def _file(self) -> str:
        return Path(self.source.path).name

    def open(self) -> Iterator[_Entry | Item]:
        """Tell what the file is. Raises SourceError."""
        path = Path(self.source.path)
        with path.open("rb") as file:
            data = file.read(HEAD)
        charset = charset_of(data)
        head = data.decode(charset, "ignore").lstrip()
        if not head:
            raise SourceError(f"{self.source.name}: {path} is empty; export again, or leave the source out")
        if head[0] in "[{":
            return self._json(path)
        if looks_like_shares(head):
            return self._shares(path, charset)
        broken = "a broken zip; get it again"
        what = broken if data.startswith(b"PK") else "neither JSON, JSON lines, Shares.csv nor a Notion export"
        raise SourceError(f"{self.source.name}: {path} is {what}")

    def take(self, entries: Iterator[_Entry | Item]) -> list[_Entry | Item]:
        """The next records; fewer, and `broken`, where the file breaks off."""
        group: list[_Entry | Item] = []
        try:
            group.extend(islice(entries, BATCH))
        except (BrokenJsonError, BrokenSharesError) as exc:
            self.broken = f"{self._file}: {exc}"
        except OSError as exc:
            self.broken = f"{self._file}: {exc.strerror or exc}"
        return group

    def items(self, group: list[_Entry | Item], known: Mapping[str, Known]) -> list[Item]:
        return [self._item(entry, known) if isinstance(entry, _Entry) else entry for entry in group]

    def _item(self, entry: _Entry, known: Mapping[str, Known]) -> Item:
        stored = known.get(entry.draft.uri)
        if stored is not None and stored.version == entry.version:
            return Same(entry.draft.uri)
        document = document_of(entry.draft, self.source)
        if is_blank(document.text):
            return Skipped(entry.draft.uri, "empty")
        return Found(document, entry.version)

    def _json(self, path: Path) -> Iterator[_Entry | Item]:
        for raw in records(path):
            yield from self._record(raw)

    def _record(self, raw: Raw) -> Iterator[_Entry | Item]:
        try:
            made = drafts(raw.value, self.source.name, self.source.author)
        except ShapeError as exc:
            yield self._failed(raw.number, str(exc))
            return
        version = stamps.version(stamps.digest(raw.text.encode("utf-8", "replace").decode())[:32], self.source)
        for draft in made:
            yield self._once(draft, raw.number, version)

    def _shares(self, path: Path, charset: str) -> Iterator[_Entry | Item]:
        with path.open(encoding=charset, newline="") as lines:
            for share in shares(lines):
                yield self._share(share)

    def _share(self, share: Share) -> _Entry | Item:
        draft = share_draft(share, self.source)
        token = stamps.digest(share.text, share.date, share.shared, share.visibility)[:32]
        return self._once(draft, share.number, stamps.version(token, self.source))

    def _once(self, draft: Draft, number: int, version: str) -> _Entry | Item:
        """The first record of a uri counts; a later one is reported, not taken over it."""
        if self._named.add(draft.uri):
            self._order.append(hash(draft.uri))
            self._numbers.append(number)
            return _Entry(draft, version)
        self._repeats += 1
        first = (
            f"record {self._numbers[self._order.index(hash(draft.uri))]:,}" if self._repeats < MOST_TRACED else "an earlier one"
        )
        return self._failed(number, f"duplicate of {first}: both have the address {draft.uri[:200]}")

    def _failed(self, number: int, reason: str) -> Failed:
        return Failed(f"export:{quote(self.source.name)}/#{number}", f"{self._file}: record {number:,}: {reason}")


def _form(path: Path) -> tuple[bool, bool]:
    """Whether an export is a zip, and whether it is a folder."""
    return zipfile.is_zipfile(path), path.is_dir()


def _check_notion(source: ExportSource, listing: Listing) -> None:
    """Refuse a folder or zip that may be anything. Raises SourceError."""
    if not listing.unreadable and not any(notion.is_notion(entry.path) for entry in listing.entries):
        how = "unpack it and name the JSON file or Shares.csv in it; other files are for kind `files`"
        raise SourceError(f"{source.name}: {source.path} holds no page of a Notion export; {how}")


def _token(source: ExportSource) -> str:
    """Size and time of the file. Raises SourceError."""
    try:
        seen = Path(source.path).stat()
        with Path(source.path).open("rb"):
            return f"{seen.st_size}-{seen.st_mtime_ns}"
    except FileNotFoundError as exc:
        raise SourceError(f"{source.name}: {source.path} is not there; check `path`") from exc
    except (OSError, ValueError) as exc:
        raise SourceError(f"{source.name}: {source.path} cannot be read: {exc}") from exc
