"""A feed source -> the pages that it names, as items. Knows no HTTP library.

A sitemap is a complete listing: what it no longer names is gone. RSS and Atom show only the newest entries, so an entry that
fell out of the window is not gone: it is named as Same, and a few of those stored are asked for again in every run, in turn
(`cursor` remembers where that stopped); one that is 404 or 410 by then is gone. So a deleted post leaves the twin at once while
it is in the window, and later within (stored documents / LOOKED_AGAIN) runs.

The page of an entry is what is read. Where the server refuses it (401, 403, robots.txt) or nothing can be read in it, the
entry's own text is the document, and says so in its metadata (`read_from`).
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial

from twin.documents.feed_entry import attributed, entry_item
from twin.documents.feed_parse import Entry, Feed, FeedFormatError, parse_feed
from twin.documents.links import canonical
from twin.documents.pages import PageReader, Pages, Read
from twin.documents.pool import as_done
from twin.documents.ports import Failed, Found, Item, Listed, Memory, Same, Skipped
from twin.documents.sources import FeedSource, Source
from twin.documents.web import left_out
from twin.errors import FetchError, RobotsError, SourceError

LOOKED_AGAIN = 20  # stored pages outside the window that a run asks for again
MOST_SITEMAPS = 1000  # of an index, its indexes included
_REFUSED = frozenset((401, 402, 403, 406, 451))


@dataclass(frozen=True, slots=True)
class FeedFetcher:
    """Fetcher of FeedSource. At most `width` pages of a source are held at a time."""

    pages: Pages
    width: int = 4

    async def fetch(self, source: Source, memory: Memory) -> AsyncIterator[Item]:
        """The documents of `source`. Raises SourceError when the feed itself cannot be had or is none."""
        if not isinstance(source, FeedSource):
            raise SourceError(f"{source.name}: a feed reader cannot read a source of kind {source.kind!r}")
        async with aclosing(_Run(self, source, memory).items()) as items:
            async for item in items:
                yield item


@dataclass(slots=True)
class _Listing:
    """What a feed, with the sitemaps of an index, names: each address once."""

    entries: dict[str, Entry] = field(default_factory=dict)
    complete: bool = True  # names all that there is
    failed: list[Failed] = field(default_factory=list)


class _Run:
    """One run over one source."""

    def __init__(self, fetcher: FeedFetcher, source: FeedSource, memory: Memory) -> None:
        self._pages = fetcher.pages
        self._width = fetcher.width
        self._source = source
        self._memory = memory
        self._reader = PageReader(fetcher.pages, source, memory)
        self._named: set[str] = set()

    async def items(self) -> AsyncGenerator[Item, None]:
        listing = await self._listing()
        for failed in listing.failed:
            yield failed
        kept = list(listing.entries.values())[: self._source.max_pages]
        self._reader.seen.update(entry.url for entry in kept)
        async with aclosing(as_done((partial(self._one, entry) for entry in kept), self._width)) as reads:
            async for read in reads:
                if read.item and self._first_naming(read.item):
                    yield read.item
        cut = len(listing.entries) - len(kept)
        if cut:
            yield Skipped(f"{self._source.url}#max_pages", left_out(cut, self._source.max_pages))
        if listing.complete and not listing.failed and not cut:
            yield Listed()
        elif not listing.complete:
            async with aclosing(self._outside()) as rest:
                async for item in rest:
                    yield item

    def _first_naming(self, item: Item) -> bool:
        """Whether this is the first that is heard of a document: two entries may lead to one page."""
        uri = item.document.uri if isinstance(item, Found) else getattr(item, "uri", "")
        if isinstance(item, Found | Same | Failed):
            if uri in self._named:
                return False
            self._named.add(uri)
        return True

    async def _listing(self) -> _Listing:
        """The feed, and level by level the sitemaps that it names. Raises SourceError for the first of them."""
        start = canonical(self._source.url)
        if not start:
            raise SourceError(f"{self._source.name}: {self._source.url!r} is no http(s) URL")
        try:
            feed = await self._feed(start)
        except FetchError as exc:
            raise SourceError(f"{self._source.name}: {exc}") from exc
        listing = _Listing(complete=feed.complete)
        waiting, asked = self._add(listing, feed), {start}
        while waiting:
            address = waiting.pop(0)
            if address in asked:
                continue
            asked.add(address)
            if len(asked) > MOST_SITEMAPS:
                listing.failed.append(Failed(address, f"not read: the index names more than {MOST_SITEMAPS:,} sitemaps"))
                break
            try:
                waiting += self._add(listing, await self._feed(address))
            except FetchError as exc:
                listing.failed.append(Failed(address, str(exc)))
            if len(listing.entries) > self._source.max_pages:
                break
        return listing

    def _add(self, listing: _Listing, feed: Feed) -> list[str]:
        for entry in feed.entries:
            listing.entries.setdefault(entry.url, entry)
        return list(feed.nested)

    async def _feed(self, url: str) -> Feed:
        """The feed at `url`. Its own X-Robots-Tag is not asked: `noindex` on feeds and sitemaps is usual, and is for search
        engines that would show the XML itself.
        """
        reply = await self._pages.get(url, allow_private=self._source.allow_private)
        charset = f"; charset={reply.charset}" if reply.charset else ""
        try:
            return await asyncio.to_thread(parse_feed, reply.body, reply.url, reply.content_type + charset)
        except FeedFormatError as exc:
            raise FetchError(f"{url}: {exc}") from exc

    async def _one(self, entry: Entry) -> Read:
        """The page of an entry, or its own text where the page cannot be had."""
        read = await self._reader.read(entry.url)
        if read.also and read.also not in self._reader.seen:
            self._reader.seen.add(read.also)
            other = await self._reader.read(read.also, own=False)
            missing = isinstance(other.item, Skipped) and not other.unwanted
            read = await self._reader.read(entry.url, own=False) if missing else other
        if isinstance(read.item, Found):
            return replace(read, item=attributed(read.item, entry, self._source))
        if not _is_refused(read) or not entry.html:
            return read
        known = (await self._memory.known([entry.url])).get(entry.url)
        item = await asyncio.to_thread(entry_item, entry, self._source, known.version if known else "", _reason(read))
        return replace(read, item=item) if item else read

    async def _outside(self) -> AsyncGenerator[Item, None]:
        """What is stored and not in the window: still there, as far as is known; some of it is looked at again."""
        again: list[str] = []
        async with aclosing(_stored(self._memory)) as stored:
            async for uri in stored:
                if uri in self._named or uri in self._reader.seen:
                    continue
                again = heapq.nsmallest(LOOKED_AGAIN, [*again, uri], key=lambda one: (one <= self._memory.cursor, one))
        chosen = set(again)
        async with aclosing(as_done((partial(self._again, uri) for uri in again), self._width)) as items:
            async for item in items:
                if self._first_naming(item):
                    yield item
        async with aclosing(_stored(self._memory)) as stored:
            async for uri in stored:
                if uri not in self._named and uri not in self._reader.seen and uri not in chosen:
                    yield Same(uri)
        yield Listed(again[-1] if again else self._memory.cursor)

    async def _again(self, uri: str) -> Item:
        """A stored page: gone when the server says so, changed when it was read; whatever else happens, still there."""
        read = await self._reader.read(uri, own=False)
        gone = read.failure is not None and not isinstance(read.failure, RobotsError)
        if isinstance(read.item, Skipped) and (gone or read.unwanted):
            return read.item
        if isinstance(read.item, Found) and read.item.document.uri == uri:
            return read.item
        return Same(uri)


async def _stored(memory: Memory) -> AsyncGenerator[str, None]:
    async for uri in memory.uris():
        yield uri


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
