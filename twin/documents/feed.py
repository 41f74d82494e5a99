"""A feed source -> the pages that it names, as items. Knows no HTTP library.

A sitemap is a complete listing: what it no longer names is gone. RSS and Atom show only the newest entries, so an entry that
fell out of the window is not gone: it is named as Same, and a few of those stored are asked for again in every run, in turn
(the cursor remembers where that stopped); one that is 404 or 410 by then is gone. So a deleted post leaves the twin at once
while it is in the window, and later within (stored documents / LOOKED_AGAIN) runs.

The feed itself is asked whether it changed. When it did not, that says nothing of its pages: they may have been edited or
deleted, which few feeds tell. So those stored are then treated as if they had left the window: some are asked for again
in every run, in turn. A sitemap does tell, where it gives dates (`lastmod`): a page with the date that it had when it was
read is not asked for, except in turn, because dates may be wrong. A page without a date is asked for in every run.

The page of an entry is what is read. Where the server refuses it (401, 403, robots.txt) or nothing can be read in it, the
entry's own text is the document, and says so in its metadata (`read_from`).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import heapq
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from twin.documents.feed_cursor import FeedCursor, UriSet, cursor_text, parse_cursor
from twin.documents.feed_entry import attributed, entry_item, entry_of, is_settled, noted
from twin.documents.feed_listing import Listing, ListingReader
from twin.documents.feed_parse import Entry
from twin.documents.pages import PageReader, Pages, Read, Validators, compact, parse_token
from twin.documents.pool import as_done
from twin.documents.ports import Failed, Found, Item, Listed, Memory, Same, Skipped
from twin.documents.sources import FeedSource, Source
from twin.documents.web import left_out
from twin.errors import RobotsError, SourceError

LOOKED_AGAIN = 20  # stored pages that nothing speaks for, asked for again by a run
BATCH = 500  # uris asked of the store at once
_REFUSED = frozenset((401, 402, 403, 406, 451))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class FeedFetcher:
    """Fetcher of FeedSource. At most `width` pages of a source are held at a time."""

    pages: Pages
    width: int = 4
    now: Callable[[], dt.datetime] = _now

    async def fetch(self, source: Source, memory: Memory) -> AsyncIterator[Item]:
        """The documents of `source`. Raises SourceError when the feed itself cannot be had or is none."""
        if not isinstance(source, FeedSource):
            raise SourceError(f"{source.name}: a feed reader cannot read a source of kind {source.kind!r}")
        async with aclosing(_Run(self, source, memory).items()) as items:
            async for item in items:
                yield item


class _Run:
    """One run over one source."""

    def __init__(self, fetcher: FeedFetcher, source: FeedSource, memory: Memory) -> None:
        self._width = fetcher.width
        self._now = fetcher.now()
        self._source = source
        self._memory = memory
        self._before = parse_cursor(memory.cursor, source)
        self._listings = ListingReader(fetcher.pages, source)
        self._reader = PageReader(fetcher.pages, source, memory)
        self._named: set[str] = set()
        self._left = UriSet()  # what is stored after this run
        self._whole = True  # all that the feed names is a document

    async def items(self) -> AsyncGenerator[Item, None]:
        listing = await self._listings.read(await self._usable(self._before))
        stream = self._unnamed(listing) if listing.unchanged else self._listed(listing)
        async with aclosing(stream) as items:
            async for item in items:
                yield item

    async def _usable(self, before: FeedCursor) -> FeedCursor:
        """`before`, without the feed's validators when something else is stored than it left."""
        if not before.address:
            return before
        stored = UriSet()
        async for uri in self._memory.uris():
            stored.add(uri)
        return before if stored.digest == before.stored else FeedCursor(before.again)

    async def _listed(self, listing: Listing) -> AsyncGenerator[Item, None]:
        """The items of a feed that was read."""
        for failed in listing.failed:
            yield failed
        kept = list(islice(listing.entries.values(), self._source.max_pages))
        self._reader.seen.update(entry.url for entry in kept)
        spared = await self._spared(kept)
        again = _in_turn(spared, self._before.again)
        idle = set(spared).difference(again)
        async with aclosing(self._read(partial(self._one, entry) for entry in kept if entry.url not in idle)) as items:
            async for item in items:
                yield item
        for url in sorted(idle):
            yield self._note(Same(url))
        cut = len(listing.entries) - len(kept)
        if cut:
            self._whole = False
            yield Skipped(f"{self._source.url}#max_pages", left_out(cut, self._source.max_pages))
        if not listing.complete:
            async with aclosing(self._unnamed(listing)) as rest:
                async for item in rest:
                    yield item
        elif not listing.failed and not cut:
            yield self._end(listing, again)

    async def _unnamed(self, listing: Listing) -> AsyncGenerator[Item, None]:
        """What is stored and was not named: still there, as far as is known; some of it is looked at again."""
        rest = [uri async for uri in self._memory.uris() if uri not in self._named and uri not in self._reader.seen]
        due = await self._undated(rest) if listing.complete else {}
        again = _in_turn([uri for uri in rest if uri not in due], self._before.again)
        calls = [partial(self._one, entry) for entry in due.values()] + [partial(self._again, uri) for uri in again]
        async with aclosing(self._read(calls)) as items:
            async for item in items:
                yield item
        for uri in rest:
            if uri not in due and uri not in again:
                yield self._note(Same(uri))
        yield self._end(listing, again)

    async def _read(self, calls: Iterable[Callable[[], Awaitable[Read]]]) -> AsyncGenerator[Item, None]:
        async with aclosing(as_done(calls, self._width)) as reads:
            async for read in reads:
                if read.item and self._first_naming(read.item):
                    yield self._note(read.item)

    def _first_naming(self, item: Item) -> bool:
        """Whether this is the first that is heard of a document: two entries may lead to one page."""
        uri = item.document.uri if isinstance(item, Found) else getattr(item, "uri", "")
        if isinstance(item, Found | Same | Failed):
            if uri in self._named:
                return False
            self._named.add(uri)
        return True

    def _note(self, item: Item) -> Item:
        """`item`, and what it means for the next run."""
        if isinstance(item, Found | Same):
            self._left.add(item.document.uri if isinstance(item, Found) else item.uri)
        else:
            self._whole = False
        return item

    def _end(self, listing: Listing, again: Sequence[str]) -> Listed:
        """The end of the run. What is no document now may become one while the feed stays: then it is read in full."""
        cursor = FeedCursor(again[-1] if again else self._before.again)
        if self._whole and listing.address and listing.validators != Validators():
            cursor = FeedCursor(cursor.again, listing.address, listing.validators, listing.complete, self._left.digest)
        return Listed(cursor_text(cursor, self._source))

    async def _tokens(self, uris: Sequence[str]) -> Mapping[str, Mapping[str, object]]:
        """What is remembered of those of `uris` that are stored and were read as `source` is declared now."""
        found: dict[str, Mapping[str, object]] = {}
        for start in range(0, len(uris), BATCH):
            known = await self._memory.known(uris[start : start + BATCH])
            found |= {uri: token for uri, one in known.items() if (token := parse_token(one, self._source))}
        return found

    async def _spared(self, entries: Sequence[Entry]) -> list[str]:
        """The addresses of pages that, by the date that their sitemap gives, are as they were read."""
        dates = {entry.url: entry.modified for entry in entries if entry.modified}
        tokens = await self._tokens(list(dates))
        return [uri for uri, token in tokens.items() if token.get("d") == dates[uri]]

    async def _undated(self, uris: Sequence[str]) -> dict[str, Entry]:
        """Pages of which their unchanged sitemap does not tell whether they changed."""
        tokens = await self._tokens(uris)
        due = {uri: entry_of(uri, tokens.get(uri, {})) for uri in uris if not tokens.get(uri, {}).get("d")}
        self._reader.seen.update(due)
        return due

    async def _one(self, entry: Entry) -> Read:
        """The page of an entry, or its own text where the page cannot be had."""
        read = await self._reader.read(entry.url)
        if read.also and read.also not in self._reader.seen:
            self._reader.seen.add(read.also)
            other = await self._reader.read(read.also, own=False)
            missing = isinstance(other.item, Skipped) and not other.unwanted
            read = await self._reader.read(entry.url, own=False) if missing else other
        if isinstance(read.item, Found | Same):
            return replace(read, item=await self._finished(read.item, entry))
        if not _is_refused(read) or not entry.html:
            return read
        known = (await self._memory.known([entry.url])).get(entry.url)
        item = await asyncio.to_thread(entry_item, entry, self._source, known.version if known else "", _reason(read))
        return replace(read, item=item) if item else read

    async def _finished(self, item: Found | Same, entry: Entry) -> Found | Same:
        """`item` with what the feed says of it; a page is believed to be as of its date only when that has passed."""
        date = entry.modified if is_settled(entry.modified, self._now) else ""
        if isinstance(item, Found):
            found = attributed(item, entry, self._source)
            return replace(found, version=noted(found.version, d=date))
        token = (await self._tokens([item.uri])).get(item.uri) if date else None
        return replace(item, version=compact({**token, "d": date})) if token else item

    async def _again(self, uri: str) -> Read:
        """A stored page: gone when the server says so, changed when it was read; whatever else happens, still there."""
        read = await self._reader.read(uri, own=False)
        gone = read.failure is not None and not isinstance(read.failure, RobotsError)
        if isinstance(read.item, Skipped) and (gone or read.unwanted):
            return read
        if isinstance(read.item, Found) and read.item.document.uri == uri:
            entry = entry_of(uri, (await self._tokens([uri])).get(uri, {}))
            return replace(read, item=await self._finished(read.item, entry))
        return replace(read, item=Same(uri))


def _in_turn(uris: Iterable[str], last: str) -> list[str]:
    """The few that follow `last`, from the beginning again after the end."""
    return heapq.nsmallest(LOOKED_AGAIN, uris, key=lambda uri: (uri <= last, uri))


def _is_refused(read: Read) -> bool:
    """Whether the page will not be had by asking again: refused, or there is nothing to read in it.

    One that asks not to be kept (noindex) is not among them: its feed's text is the same writing.
    """
    if read.failure is not None:
        return isinstance(read.failure, RobotsError) or read.failure.status in _REFUSED
    return isinstance(read.item, Skipped) and not read.also and not read.unwanted


def _reason(read: Read) -> str:
    status = read.failure.status if read.failure else 0
    if isinstance(read.failure, RobotsError):
        return "robots.txt does not allow its page"
    return f"its page answers {status}" if status else "nothing can be read in its page"
