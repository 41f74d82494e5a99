"""A feed source -> what its feed, or the sitemaps of its index, name. Knows no HTTP library and reads no page."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from twin.documents.feed_cursor import FeedCursor
from twin.documents.feed_parse import Entry, Feed, FeedFormatError, parse_feed
from twin.documents.links import canonical
from twin.documents.pages import Pages, Reply, Validators
from twin.documents.ports import Failed
from twin.documents.sources import FeedSource
from twin.errors import FetchError, SourceError

MOST_SITEMAPS = 1000  # of an index, its indexes included


@dataclass(slots=True)
class Listing:
    """What is named, each address once; nothing when the feed is `unchanged`.

    A `complete` one names all that there is, and not only the newest. `address` and `validators` are what the next run may
    ask with whether it has changed: none for an index, because a page may stand in two of its sitemaps, so that one that
    is unchanged does not tell which of the stored pages are still named.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    complete: bool = True
    failed: list[Failed] = field(default_factory=list)
    unchanged: bool = False
    address: str = ""
    validators: Validators = Validators()  # noqa: RUF009 - frozen

    def add(self, feed: Feed) -> list[str]:
        """Take the entries of `feed`; the sitemaps that it names are left."""
        for entry in feed.entries:
            self.entries.setdefault(entry.url, entry)
        return list(feed.nested)


@dataclass(frozen=True, slots=True)
class ListingReader:
    """Asks for the feed of `source`."""

    pages: Pages
    source: FeedSource

    async def read(self, before: FeedCursor) -> Listing:
        """The feed, unless it is as it was `before`, and level by level the sitemaps that it names. Raises SourceError."""
        start = canonical(self.source.url)
        if not start:
            raise SourceError(f"{self.source.name}: {self.source.url!r} is no http(s) URL")
        try:
            reply = await self._get(start, before)
            if reply.unchanged:
                return Listing(complete=before.complete, unchanged=True, address=reply.url, validators=before.validators)
            feed = await _parsed(start, reply)
        except FetchError as exc:
            raise SourceError(f"{self.source.name}: {exc}") from exc
        listing = Listing(complete=feed.complete)
        waiting = listing.add(feed)
        if not waiting:
            listing.address, listing.validators = reply.url, reply.validators
        await self._nested(listing, waiting, start)
        return listing

    async def _nested(self, listing: Listing, waiting: list[str], start: str) -> None:
        asked = {start}
        while waiting:
            address = waiting.pop(0)
            if address in asked:
                continue
            asked.add(address)
            if len(asked) > MOST_SITEMAPS:
                listing.failed.append(Failed(address, f"not read: the index names more than {MOST_SITEMAPS:,} sitemaps"))
                break
            try:
                waiting += listing.add(await _parsed(address, await self._get(address, FeedCursor())))
            except FetchError as exc:
                listing.failed.append(Failed(address, str(exc)))
            if len(listing.entries) > self.source.max_pages:
                break

    async def _get(self, url: str, before: FeedCursor) -> Reply:
        async def validators(address: str) -> Validators:
            return before.validators if address == before.address else Validators()

        return await self.pages.get(url, allow_private=self.source.allow_private, validators=validators)


async def _parsed(url: str, reply: Reply) -> Feed:
    """The feed in `reply`. Its X-Robots-Tag is not asked: `noindex` on feeds and sitemaps is usual, and is for search engines
    that would show the XML itself.
    """
    charset = f"; charset={reply.charset}" if reply.charset else ""
    try:
        return await asyncio.to_thread(parse_feed, reply.body, reply.url, reply.content_type + charset)
    except FeedFormatError as exc:
        raise FetchError(f"{url}: {exc}") from exc
