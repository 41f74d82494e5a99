"""What the crawl asks of the network, and one address -> the item that reconciliation gets for it.

Knows no HTTP library. Which addresses are read is the business of `web` and `feed`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol
from urllib.parse import unquote, urlsplit

from twin.documents.charset import decode_page
from twin.documents.extract import Extracted, extract_html
from twin.documents.links import Links, folder_of, links_of
from twin.documents.pdf import PdfError, read_pdf
from twin.documents.ports import Failed, Found, Memory, Same, Skipped
from twin.documents.robots_tags import permit
from twin.documents.sources import FeedSource, WebSource
from twin.documents.stamps import stamp
from twin.documents.text import first_heading, is_blank
from twin.errors import FetchError, RobotsError
from twin.records import Document, Known

HTML = frozenset(("text/html", "application/xhtml+xml"))
PDF = frozenset(("application/pdf", "application/x-pdf"))
PLAIN = frozenset(("text/plain", "text/markdown", "text/x-markdown"))
GONE = frozenset((404, 410))
LONGEST_LINKS = 200_000  # characters of links that are kept with a page; one with more is read in full each time
HEADS = 512  # bytes in which a page without a content type must look like one


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server gave to ask "has it changed?" with; empty when it gave none."""

    etag: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with status 200, or 304 (`unchanged`). `url` is canonical, after redirects; `content_type` is bare.

    `body` is empty when the content type was not wanted. `robots` are the values of its X-Robots-Tag headers.
    """

    url: str
    unchanged: bool = False
    body: bytes = b""
    content_type: str = ""
    charset: str = ""
    validators: Validators = Validators()
    robots: tuple[str, ...] = ()


class Pages(Protocol):
    """Asks for pages, politely and safely: robots.txt, pace, retries, bounds and private addresses are its business."""

    agent: str  # by which sites address the crawler

    async def get(
        self,
        url: str,
        *,
        allow_private: bool = False,
        validators: Callable[[str], Awaitable[Validators]] | None = None,
        wanted: Callable[[str], bool] | None = None,
    ) -> Reply:
        """The page at `url`, redirects followed. Raises FetchError, whose `status` is the answer's, 0 without one.

        `validators` is asked at each redirect for what is known of that address; `wanted` is asked whether a content type
        is worth reading.
        """
        ...


@dataclass(frozen=True, slots=True)
class Read:
    """What became of one address: `item` is None when another address says it all (a copy, a redirect to a known page).

    `links` is None when they are not known. `failure` is set beside a Failed or Skipped item that the network caused,
    `unwanted` beside a Skipped one where the page itself asks not to be kept.
    """

    url: str
    item: Found | Same | Failed | Skipped | None
    links: tuple[str, ...] | None = ()
    also: str = ""  # the address that the page calls its own, to be read in its place
    failure: FetchError | None = None
    unwanted: bool = False


@dataclass(slots=True)
class PageReader:
    """Reads pages of one source in one run. `seen` are the addresses that were or will be read, each once.

    With `below_first`, the folder where the first page was found, after redirects, bounds all others.
    """

    pages: Pages
    source: WebSource | FeedSource
    memory: Memory
    below_first: bool = False
    folder: str = ""
    seen: set[str] = field(default_factory=set)

    def in_scope(self, url: str) -> bool:
        """Whether `url` may belong to the source; http and https are one site."""
        return url.partition("://")[2].startswith(self.folder)

    async def read(self, url: str, *, links: bool = False, own: bool = True) -> Read:
        """The item of the page at `url`, with its links if wanted; what failed is an item too.

        A page that calls another address on its host its own (rel=canonical) is left to that one, unless `own` is false.
        """
        tokens: dict[str, dict[str, object]] = {}

        async def validators(address: str) -> Validators:
            tokens[address] = token = await self._token(address)
            if links and "l" not in token:
                return Validators()  # its links are not known, so it must be read
            return Validators(str(token.get("e", "")), str(token.get("m", "")))

        try:
            reply = await self.pages.get(
                url, allow_private=self.source.allow_private, validators=validators, wanted=_is_readable
            )
        except FetchError as exc:
            token = tokens.get(url) or await self._token(url)
            return _failed(url, exc, _remembered(token))
        if self.below_first and not self.folder:
            self.folder = folder_of(reply.url).partition("://")[2]
        if reply.url != url:
            if reply.url in self.seen:
                return Read(reply.url, None)
            self.seen.add(reply.url)
            if not self.in_scope(reply.url):
                return Read(url, Skipped(url, f"redirects to {reply.url}, outside the source"))
        if reply.unchanged:
            return self._unchanged(reply, _remembered(tokens.get(reply.url, {})))
        return await asyncio.to_thread(self._page, reply, links=links, own=own)

    def _unchanged(self, reply: Reply, remembered: tuple[str, ...] | None) -> Read:
        """A header may forbid what the unchanged page allowed: a server's settings are no part of its ETag."""
        allowed = permit(self.pages.agent, headers=reply.robots)
        links = remembered if allowed.follow else ()
        return Read(reply.url, Same(reply.url), links) if allowed.index else _unwanted(reply.url, links)

    async def _token(self, url: str) -> dict[str, object]:
        """What the last run left of `url`, empty when it was read under another declaration."""
        return parse_token((await self.memory.known([url])).get(url), self.source)

    def _page(self, reply: Reply, *, links: bool, own: bool) -> Read:
        """The work of the processor for one page; runs in a thread."""
        if not _is_readable(reply.content_type):
            return Read(reply.url, Skipped(reply.url, f"no page: its content type is {reply.content_type!r}"))
        if not _looks_like_text(reply):
            return Read(reply.url, Skipped(reply.url, "no page: binary, and without a content type"))
        if reply.content_type not in PLAIN | PDF:
            return self._html(reply, links=links, own=own)
        if not permit(self.pages.agent, headers=reply.robots).index:
            return _unwanted(reply.url)
        try:
            found = _pdf(reply) if reply.content_type in PDF else _plain(reply)
        except PdfError as exc:
            return Read(reply.url, Failed(reply.url, str(exc)))
        return Read(reply.url, self._item(reply, found, () if links else None))

    def _html(self, reply: Reply, *, links: bool, own: bool) -> Read:
        text = decode_page(reply.body, reply.charset)
        pointed = links_of(text, reply.url)
        allowed = permit(self.pages.agent, pointed.metas, reply.robots)
        followed = pointed.pages if allowed.follow else ()
        inner = tuple(link for link in followed if self.in_scope(link)) if links else None
        if own and pointed.canonical and self.in_scope(pointed.canonical):
            reason = f"a copy: the page calls {pointed.canonical} its address"
            return Read(reply.url, Skipped(reply.url, reason), inner or (), also=pointed.canonical)
        if not allowed.index:
            return _unwanted(reply.url, inner or ())
        return Read(reply.url, self._item(reply, extract_html(text, reply.url), inner, pointed), inner or ())

    def _item(
        self, reply: Reply, page: Extracted, inner: tuple[str, ...] | None, pointed: Links | None = None
    ) -> Found | Skipped:
        if is_blank(page.text):
            hint = f"; the page names the feed {pointed.feeds[0]}" if pointed and pointed.feeds else ""
            hint = " (scanned pages?)" if reply.content_type in PDF else hint
            return Skipped(reply.url, f"empty: no text was found in it{hint}")
        token = self.token(e=reply.validators.etag, m=reply.validators.modified)
        if inner is not None and sum(map(len, inner)) <= LONGEST_LINKS:
            token["l"] = list(inner)
        return Found(document_of(self.source, reply.url, page), compact(token))

    def token(self, **values: object) -> dict[str, object]:
        """A version's parts: what is not empty, and the stamp of the source's declaration."""
        return {**{key: value for key, value in values.items() if value}, "s": stamp(self.source)}


def document_of(source: WebSource | FeedSource, url: str, page: Extracted, **metadata: str) -> Document:
    """The document of a page. It is the source's author's: a byline is a guess, so it is only noted (`byline`)."""
    if page.author and page.author.casefold() not in (source.author.name.casefold(), source.author.id.casefold()):
        metadata["byline"] = page.author
    return Document(
        uri=url,
        source=source.name,
        kind=source.documents,
        title=page.title or url,
        text=page.text,
        author=source.author,
        language=source.language or page.language,
        published=page.published,
        metadata=metadata,
    )


def parse_token(known: Known | None, source: WebSource | FeedSource) -> dict[str, object]:
    """The parts of a version, empty when its document was read under another declaration of the source."""
    try:
        token = json.loads(known.version) if known and known.version else {}
    except ValueError:
        return {}
    return token if isinstance(token, dict) and token.get("s") == stamp(source) else {}


def compact(token: dict[str, object]) -> str:
    """A version as it is stored: the same parts give the same text."""
    return json.dumps(token, separators=(",", ":"), sort_keys=True)


def _remembered(token: dict[str, object]) -> tuple[str, ...] | None:
    links = token.get("l")
    return tuple(link for link in links if isinstance(link, str)) if isinstance(links, list) else None


def _unwanted(url: str, links: tuple[str, ...] | None = ()) -> Read:
    reason = "noindex: its robots meta tag or X-Robots-Tag header asks not to keep it"
    return Read(url, Skipped(url, reason), links, unwanted=True)


def _failed(url: str, exc: FetchError, remembered: tuple[str, ...] | None) -> Read:
    if exc.status in GONE or isinstance(exc, RobotsError):
        return Read(url, Skipped(url, str(exc)), (), failure=exc)
    return Read(url, Failed(url, str(exc)), remembered, failure=exc)


def _plain(reply: Reply) -> Extracted:
    text = decode_page(reply.body, reply.charset)
    return Extracted(first_heading(text), text.strip())


def _pdf(reply: Reply) -> Extracted:
    """Raises PdfError."""
    pdf = read_pdf(reply.body)
    return Extracted(pdf.title or unquote(PurePosixPath(urlsplit(reply.url).path).stem), pdf.text, published=pdf.published)


def _is_readable(content_type: str) -> bool:
    return content_type in HTML | PLAIN | PDF or not content_type


def _looks_like_text(reply: Reply) -> bool:
    return bool(reply.content_type) or (b"\0" not in reply.body[:HEADS] and not is_blank(reply.body[:HEADS].decode("latin-1")))
