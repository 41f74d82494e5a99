"""A web source -> its pages as items: the start page and, level by level, the pages of the same site below its folder.

Knows no HTTP library. When is the listing complete, so that what it does not name may be buried? When no page was lost whose
links were needed, and no page was left out for `max_pages`. A page at the last level that fails hides nothing. One above it
that fails is crawled on from the links that it had when it was stored; if it is not stored, what lies behind it is unknown,
and the run ends without Listed: it buries nothing, and the next run makes up for it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from twin.documents.links import canonical, is_page
from twin.documents.pages import PageReader, Pages, Read
from twin.documents.pool import as_done
from twin.documents.ports import Item, Listed, Memory, Skipped
from twin.documents.sources import Source, WebSource
from twin.errors import SourceError


@dataclass(frozen=True, slots=True)
class WebFetcher:
    """Fetcher of WebSource. At most `width` pages of a source are held at a time."""

    pages: Pages
    width: int = 4

    async def fetch(self, source: Source, memory: Memory) -> AsyncIterator[Item]:
        """The pages of `source`. Raises SourceError when its first page cannot be had, whatever the reason."""
        if not isinstance(source, WebSource):
            raise SourceError(f"{source.name}: a web crawl cannot read a source of kind {source.kind!r}")
        crawl = _Crawl(self, source, memory)
        async with aclosing(crawl.items()) as items:
            async for item in items:
                yield item


class _Crawl:
    """One run over one source: which addresses are seen, what comes next, whether anything may be hidden."""

    def __init__(self, fetcher: WebFetcher, source: WebSource, memory: Memory) -> None:
        self._width = fetcher.width
        self._source = source
        self._reader = PageReader(fetcher.pages, source, memory, below_first=True)
        self._complete = True
        self._count = 1

    async def items(self) -> AsyncGenerator[Item, None]:
        source = self._source
        first = await self._first()
        if first.item:
            yield first.item
        level = self._next([(0, first)], depth=0)
        for depth in range(1, source.depth + 1):
            level, beyond = self._bounded(level)
            reads: list[tuple[int, Read]] = []
            calls = (partial(self._one, position, url, links=depth < source.depth) for position, url in enumerate(level))
            async with aclosing(as_done(calls, self._width)) as results:
                async for position, read in results:
                    if read.item:
                        yield read.item
                    reads.append((position, replace(read, item=None)))
            if beyond:
                yield beyond
                break
            level = self._next(reads, depth)
        if self._complete:
            yield Listed()

    async def _first(self) -> Read:
        """The start page; the folder that it is found in is what the crawl stays below."""
        start = canonical(self._source.url)
        if not start:
            raise SourceError(f"{self._source.name}: {self._source.url!r} is no http(s) URL")
        self._reader.seen.add(start)
        read = await self._read(start, links=self._source.depth > 0)
        if read.failure:
            raise SourceError(f"{self._source.name}: {read.failure}") from read.failure
        return read

    def _next(self, reads: list[tuple[int, Read]], depth: int) -> list[str]:
        """The addresses of the next level, in the order of the pages that name them, so that two runs agree."""
        if depth >= self._source.depth:
            return []
        found: list[str] = []
        for _, read in sorted(reads, key=lambda pair: pair[0]):
            if read.links is None:
                self._complete = False
            for link in read.links or ():
                if self._reader.in_scope(link) and is_page(link) and link not in self._reader.seen:
                    self._reader.seen.add(link)
                    found.append(link)
        return found

    def _bounded(self, level: list[str]) -> tuple[list[str], Skipped | None]:
        room = max(0, self._source.max_pages - self._count)
        kept, left = level[:room], len(level) - room
        self._count += len(kept)
        if left <= 0:
            return kept, None
        self._complete = False
        return kept, Skipped(f"{self._source.url}#max_pages", left_out(left, self._source.max_pages))

    async def _one(self, position: int, url: str, *, links: bool) -> tuple[int, Read]:
        return position, await self._read(url, links=links)

    async def _read(self, url: str, *, links: bool) -> Read:
        """One page; where it calls another address its own, that one, if nobody else reads it."""
        read = await self._reader.read(url, links=links)
        if not read.also or read.also in self._reader.seen:
            return read
        self._reader.seen.add(read.also)
        other = await self._reader.read(read.also, links=links, own=False)
        if isinstance(other.item, Skipped) and not other.unwanted:  # no such page: a mistake of the site's
            return await self._reader.read(url, links=links, own=False)
        return other


def left_out(count: int, most: int) -> str:
    """Why pages were not read that the source's bound leaves out."""
    return (
        f"{count:,} more pages are named and were not read: max_pages is {most:,}; raise it in sources.yaml "
        "(until then nothing of this source is removed)"
    )
