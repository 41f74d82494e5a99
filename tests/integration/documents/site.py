"""A real web server on loopback whose pages are handlers by path, and a clock that moves when somebody sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

from twin.documents.sources import FeedSource, WebSource
from twin.records import Author, Kind, Known

ADA = Author("ada", "Ada Author")
WORDS = "The quick brown fox jumps over the lazy dog while the careful engineer reads every line of the log twice. " * 4


def page(title: str, *links: str, text: str = WORDS, head: str = "") -> str:
    anchors = " ".join(f'<a href="{link}">link to {link}</a>' for link in links)
    return (
        f"<!doctype html><html lang='en'><head><title>{title}</title>{head}</head>"
        f"<body><article><h1>{title}</h1><p>{text}</p><p>{anchors}</p></article></body></html>"
    )


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """`pages` maps a path to HTML, to a response factory or to an async handler; anything else is 404."""

    def __init__(self) -> None:
        self.pages: dict[str, str | Handler] = {}
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.etags = True
        self.active = 0
        self.most_active = 0
        self.server = TestServer(self._app())

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        return app

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        self.headers.append(request.headers)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            found = self.pages.get(request.path_qs, self.pages.get(request.path))
            if found is None:
                return web.Response(status=404, text="no such page")
            if not isinstance(found, str):
                return await found(request)
            return self._html(request, found)
        finally:
            self.active -= 1

    def _html(self, request: web.Request, html: str) -> web.Response:
        tag = f'"{hash(html) & 0xFFFFFFFF:x}"'
        if self.etags and request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        response = web.Response(text=html, content_type="text/html")
        if self.etags:
            response.headers["ETag"] = tag
        return response

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.server.port}{path}"

    def count(self, path: str) -> int:
        return self.asked.count(path)


def replying(status: int, **headers: str) -> Handler:
    async def handle(_request: web.Request) -> web.Response:
        return web.Response(status=status, headers={key.replace("_", "-"): value for key, value in headers.items()})

    return handle


def body(data: bytes, content_type: str = "text/html", **headers: str) -> Handler:
    async def handle(_request: web.Request) -> web.Response:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return web.Response(body=data, headers={"Content-Type": content_type, **named})

    return handle


@asynccontextmanager
async def serving() -> AsyncIterator[Site]:
    site = Site()
    await site.server.start_server(host="127.0.0.1")
    try:
        yield site
    finally:
        await site.server.close()


class Time:
    """A clock that stands still until somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def clock(self) -> float:
        return self.now


class Remembered:
    """A Memory over a dict of versions by uri."""

    def __init__(self, versions: Mapping[str, str] | None = None, cursor: str = "") -> None:
        self.versions = dict(versions or {})
        self.cursor = cursor

    async def known(self, uris: Sequence[str]) -> Mapping[str, Known]:
        return {uri: Known(uri, "hash", self.versions[uri]) for uri in uris if uri in self.versions}

    async def uris(self) -> AsyncIterator[str]:
        for uri in sorted(self.versions):
            yield uri


def web_source(url: str, **fields) -> WebSource:
    return WebSource(**{"name": "site", "author": ADA, "documents": Kind.ARTICLE, "url": url, "allow_private": True, **fields})


def feed_source(url: str, **fields) -> FeedSource:
    return FeedSource(**{"name": "feed", "author": ADA, "documents": Kind.ARTICLE, "url": url, "allow_private": True, **fields})
