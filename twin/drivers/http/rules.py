"""A URL -> the robots rules of its host, fetched once a run. Knows how to read an error as RFC 9309 does, and no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Protocol
from urllib.parse import urlsplit

from twin.documents.links import normal
from twin.documents.robots import LONGEST, Robots, parse_robots
from twin.errors import BlockedError, FetchError, RobotsError


class RobotsText(Protocol):
    """Fetches a robots.txt; raises FetchError."""

    def __call__(self, url: str, *, allow_private: bool, max_bytes: int) -> Awaitable[str]: ...


class Rules:
    """Robots by host. A host is asked once, also when many pages wait for it; a cancelled wait cancels no other."""

    def __init__(self, user_agent: str, fetch: RobotsText) -> None:
        self._user_agent = user_agent
        self._fetch = fetch
        self._made: dict[tuple[str, bool], Robots | FetchError] = {}
        self._locks: dict[tuple[str, bool], asyncio.Lock] = {}

    async def of(self, url: str, *, allow_private: bool) -> Robots:
        """The rules for `url`. Raises FetchError when they cannot be known: then the host is stayed away from."""
        address = normal("/robots.txt", url)
        key = (address, allow_private)
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key not in self._made:
                self._made[key] = await self._read(address, allow_private)
        made = self._made[key]
        if isinstance(made, FetchError):
            raise _again(made)
        return made

    async def _read(self, address: str, allow_private: bool) -> Robots | FetchError:
        try:
            text = await self._fetch(address, allow_private=allow_private, max_bytes=LONGEST)
        except (BlockedError, RobotsError) as exc:
            return exc
        except FetchError as exc:
            if 400 <= exc.status < 500 and exc.status != 429:  # noqa: PLR2004 - the RFC's "unavailable": all is allowed
                return Robots()
            host = urlsplit(address).netloc
            return FetchError(f"robots.txt of {host} cannot be read ({exc}); staying away from it in this run", status=0)
        return parse_robots(text, self._user_agent)


def _again(error: FetchError) -> FetchError:
    """The same error as a new object: one that is raised twice would grow its traceback each time."""
    return type(error)(str(error), status=error.status, retryable=False)
