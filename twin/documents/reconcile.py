"""The items of one listing and what is stored of the source -> stored documents equal to the source, and the counts.

Streams: a batch of items at a time is compared and written. Knows no source kind, no network and no database.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from twin.documents.handover import Handover
from twin.documents.ports import DocumentStore, Failed, Found, Item, Listed, Nothing, Same, Skipped
from twin.documents.seen import Seen
from twin.documents.sources import Source
from twin.documents.tally import SourceProgress, Tally
from twin.errors import MassDeletionError, SourceError
from twin.records import Document, Known, SourceReport

BATCH = 200  # items
BATCH_CHARACTERS = 8_000_000
BATCH_SECONDS = 2.0  # a slow crawl is written, and seen to move, at least this often
HANDFUL = 5  # fewer gone documents never trip the breaker


async def reconcile(
    source: Source,
    items: AsyncIterator[Item],
    store: DocumentStore,
    *,
    allow_mass_delete: bool = False,
    dry_run: bool = False,
    on_progress: Callable[[SourceProgress], None] | None = None,
    tally: Tally | None = None,
    handover: Handover | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> SourceReport:
    """Make what is stored of `source` equal to `items`. The caller holds the source's lease.

    Documents are written as they come; tombstones are made only after `Listed`, and the cursor is set last, if nothing
    failed. So a run that ends early, in whatever way, has only done a part of what the next one would do.
    A `dry_run` writes nothing. Raises what `items` raises, StoreError, and MassDeletionError when more than `max_gone` of
    what was stored would go: then nothing is removed, while new and changed documents of the run are kept. The counts up
    to an error are in `tally`. Without `handover` a uri of another source stays with it, whichever that is.
    """
    tally = tally or Tally(source)
    run = _Run(source, store, tally, handover, allow_mass_delete=allow_mass_delete, dry_run=dry_run)
    tally.stored = await store.count(source.name)
    try:
        since = clock()
        async for item in items:
            if isinstance(item, Listed | Nothing):
                await run.end(item)
                break
            run.take(item)
            if run.batch.full or clock() - since > BATCH_SECONDS:
                await run.flush()
                since = clock()
                if on_progress:
                    on_progress(tally.progress())
        await run.flush()
    finally:
        if close := getattr(items, "aclose", None):
            await close()
    if on_progress:
        on_progress(tally.progress())
    return tally.report()


@dataclass(slots=True)
class _Batch:
    found: list[Found] = field(default_factory=list)
    same: list[Same] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    characters: int = 0

    @property
    def full(self) -> bool:
        size = len(self.found) + len(self.same) + len(self.failed)
        return size >= BATCH or self.characters >= BATCH_CHARACTERS


class _Run:
    """The state of one run: which uris were named, which could not be read, and how many of these are stored."""

    def __init__(
        self,
        source: Source,
        store: DocumentStore,
        tally: Tally,
        handover: Handover | None,
        *,
        allow_mass_delete: bool,
        dry_run: bool,
    ) -> None:
        self._source = source
        self._store = store
        self._tally = tally
        self._handover = handover
        self._allow_mass_delete = allow_mass_delete
        self._dry_run = dry_run
        self._named = Seen()
        self._unread = Seen()
        self._kept = 0  # stored before the run, and named or unread in it
        self._cursor_lies = False
        self.batch = _Batch()

    def take(self, item: Found | Same | Failed | Skipped) -> None:
        """Add `item` to the batch, unless it is only to be noted."""
        match item:
            case Skipped(uri, reason):
                self._tally.skip(uri, reason)
            case Failed(uri, reason):
                self._tally.fail(uri, reason)
                if uri not in self._named and self._unread.add(uri):
                    self.batch.failed.append(uri)
            case Same(uri):
                if self._first(uri):
                    self.batch.same.append(item)
            case Found(document):
                if document.source != self._source.name:
                    raise SourceError(f"{self._source.name}: its fetcher named a document of source {document.source!r}")
                if self._first(document.uri):
                    self.batch.found.append(item)
                    self.batch.characters += len(document.text)

    def _first(self, uri: str) -> bool:
        if self._named.add(uri):
            return True
        self._tally.fail(uri, "duplicate: the source names this uri more than once; the first was taken")
        return False

    async def flush(self) -> None:
        """Compare the batch with what is stored, write what is new or changed, and count."""
        batch, self.batch = self.batch, _Batch()
        uris = [found.document.uri for found in batch.found]
        same = [item.uri for item in batch.same]
        asked = [*uris, *same, *batch.failed]
        if not asked:
            return
        known = await self._store.known(self._source.name, asked)
        # a uri that failed first and was found later is in both, and was counted when it failed
        self._kept += sum(uri in known for uri in batch.failed)
        self._kept += sum(uri in known and uri not in self._unread for uri in (*uris, *same))
        await self._compare_same(batch.same, known)
        await self._compare_found(batch.found, known)

    async def _compare_same(self, items: list[Same], known: Mapping[str, Known]) -> None:
        for item in items:
            if item.uri in known:
                self._tally.unchanged += 1
            else:
                self._cursor_lies = True
                self._tally.fail(item.uri, "the source says it is unchanged, but it is not stored; the next sync reads it anew")
        moved = {i.uri: i.version for i in items if i.uri in known and i.version not in ("", known[i.uri].version)}
        if moved and not self._dry_run:
            await self._store.set_versions(self._source.name, moved)

    async def _compare_found(self, found: list[Found], known: Mapping[str, Known]) -> None:
        fit = [item for item in found if self._fits(item.document)]
        absent = [item for item in fit if item.document.uri not in known]
        holders = await self._held_elsewhere([item.document.uri for item in absent])
        fresh = [item for item in absent if item.document.uri not in holders]
        stored = [(item, known[item.document.uri]) for item in fit if item.document.uri in known]
        changed = [item for item, old in stored if item.document.content_hash != old.content_hash]
        same = [(item, old) for item, old in stored if item.document.content_hash == old.content_hash]
        moved = {item.document.uri: item.version for item, old in same if item.version != old.version}
        if not self._dry_run:
            if fresh or changed:
                written = [(item.document, item.version) for item in (*fresh, *changed)]
                holders = {**holders, **await self._store.put(self._source.name, written)}
            if moved:
                await self._store.set_versions(self._source.name, moved)
        self._tally.new += sum(item.document.uri not in holders for item in fresh)
        self._tally.changed += len(changed)
        self._tally.unchanged += len(same)
        for item in absent:
            if holder := holders.get(item.document.uri):
                self._tally.fail(
                    item.document.uri, f"duplicate: source {holder} holds this uri; if it moved, the next sync takes it"
                )

    async def _held_elsewhere(self, uris: list[str]) -> Mapping[str, str]:
        """Which source holds each of `uris` and keeps it."""
        holders = await self._store.sources_of(uris) if uris else {}
        if not holders or self._handover is None:
            return holders
        free = await self._handover.let_go(holders)
        self._tally.taken_from.update(free.values())
        return {uri: holder for uri, holder in holders.items() if uri not in free}

    def _fits(self, document: Document) -> bool:
        """Whether the store can hold `document`; noted as failed when not, so that it does not stop the others."""
        try:
            size = sum(len(text.encode()) for text in _texts(document))
        except UnicodeEncodeError:
            self._tally.fail(document.uri, "its text, title or metadata is not valid Unicode (a lone surrogate)")
            return False
        if size > self._store.max_bytes:
            self._tally.fail(document.uri, f"too large to store: {size:,} bytes, at most {self._store.max_bytes:,}")
        return size <= self._store.max_bytes

    async def end(self, item: Listed | Nothing) -> None:
        """After a complete listing: bury what it did not name, then remember its cursor."""
        await self.flush()
        if isinstance(item, Nothing):
            if not self._named and not self._unread:
                self._tally.unchanged = self._tally.stored
            return
        gone = self._tally.stored - self._kept
        if gone > 0:
            self._check_breaker(gone)
            self._tally.gone = gone if self._dry_run else await self._bury()
        if self._dry_run:
            return
        if self._cursor_lies:
            await self._store.set_cursor(self._source.name, "")
        elif not self._tally.failed and item.cursor != await self._store.cursor(self._source.name):
            await self._store.set_cursor(self._source.name, item.cursor)

    def _check_breaker(self, gone: int) -> None:
        source, stored = self._source, self._tally.stored
        few = gone < HANDFUL and source.max_gone > 0
        if self._allow_mass_delete or few or gone <= source.max_gone * stored:
            return
        raise MassDeletionError(
            f"{source.name}: {gone:,} of {stored:,} stored documents are no longer there, more than max_gone allows "
            f"({source.max_gone:.0%}); nothing was removed. If that is right, run "
            f"`twin documents sync --source {source.name} --allow-mass-delete`"
        )

    async def _bury(self) -> int:
        buried, batch = 0, list[str]()
        async for uri in self._store.uris(self._source.name):
            if uri not in self._named and uri not in self._unread:
                batch.append(uri)
            if len(batch) == BATCH:
                await self._store.bury(self._source.name, batch)
                buried, batch = buried + len(batch), []
        if batch:
            await self._store.bury(self._source.name, batch)
        return buried + len(batch)


def _texts(document: Document) -> tuple[str, ...]:
    return (
        document.text,
        document.uri,
        document.title,
        document.link,
        document.language,
        document.published,
        document.author.id,
        document.author.name,
        *(text for pair in document.metadata.items() for text in pair),
    )
