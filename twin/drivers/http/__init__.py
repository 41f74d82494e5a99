"""Web servers, asked politely and safely, as the crawl's `Pages`: the only place for aiohttp's client on the way in."""

from __future__ import annotations

from twin.drivers.http.pages import HttpPages

__all__ = ["HttpPages"]
