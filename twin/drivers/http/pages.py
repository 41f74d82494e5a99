"""URLs -> replies over aiohttp: the `Pages` of the crawl. Each hop of a redirect is a request of its own: robots.txt, pace,
address guard. Proxies of the environment, cookies and credentials are not used. Knows no document and no source.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from twin.documents.links import canonical, host_of, normal
from twin.documents.pages import Reply, Validators
from twin.documents.robots import Robots, product_of
from twin.drivers.http.exchange import Answer, Exchange
from twin.drivers.http.hosts import Host, Sleep
from twin.drivers.http.retry import pause
from twin.drivers.http.rules import Rules
from twin.errors import BlockedError, FetchError, LimitError, RobotsError

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

REDIRECTS = 5
LONGEST_DELAY = 120.0  # seconds; a host that asks for more between two requests is not crawled

ValidatorsOf = Callable[[str], Awaitable[Validators]]
Wanted = Callable[[str], bool]
Result = TypeVar("Result")


class HttpPages:
    """Pages over HTTP, one for all sources of a run, so that hosts that they share are asked at one pace.

    `concurrency` requests at a time, `per_host` of them to one host, `delay` seconds between two; `timeout` is for one
    request, `max_bytes` for one body after decompression. `sleep`, `clock` and `resolver` are for tests.
    """

    def __init__(
        self,
        user_agent: str,
        *,
        concurrency: int = 8,
        per_host: int = 2,
        delay: float = 0.2,
        timeout: float = 30.0,
        max_bytes: int = 20_000_000,
        attempts: int = 3,
        resolver: AbstractResolver | None = None,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.agent = product_of(user_agent)
        self._delay, self._per_host, self._attempts = delay, per_host, attempts
        self._sleep, self._clock = sleep, clock
        self._all = asyncio.Semaphore(concurrency)
        self._hosts: dict[str, Host] = {}
        self._exchange = Exchange(user_agent, timeout=timeout, max_bytes=max_bytes, resolver=resolver)
        self._rules = Rules(user_agent, self._robots_text)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        await self._exchange.close()

    async def get(
        self, url: str, *, allow_private: bool = False, validators: ValidatorsOf | None = None, wanted: Wanted | None = None
    ) -> Reply:
        """The page at `url`; see `Pages.get`. Raises FetchError and its branches."""
        ask = _Ask(self, allow_private, validators, wanted)
        return await self._tried(normal(url) or url, ask.once)

    async def _tried(self, url: str, once: Callable[[str], Awaitable[Result]]) -> Result:
        """`once`, as often as it makes sense."""
        for attempt in range(1, self._attempts + 1):
            try:
                return await once(url)
            except FetchError as exc:
                wait = pause(attempt, getattr(exc, "retry_after", None), random.random) if exc.retryable else None
                if wait is None or attempt == self._attempts:
                    raise
            await self._sleep(wait)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def hop(self, url: str, *, allow_private: bool, check: bool = True, **options: Any) -> Answer:
        """One request, in its turn."""
        host = self._host(host_of(url))
        if check:
            rules = await self._rules.of(url, allow_private=allow_private)
            self._check(url, rules)
            host.delay = max(host.delay, rules.delay)
        async with host.turn(), self._all:
            try:
                answer = await self._exchange.send(url, allow_private=allow_private, **options)
            except FetchError as exc:
                if exc.retryable:
                    if not exc.status:  # a status is an answer, be it a bad one
                        host.failed()
                    host.hold(min(getattr(exc, "retry_after", None) or 0.0, 60.0))
                raise
            host.answered()
            return answer

    def _host(self, name: str) -> Host:
        if name not in self._hosts:
            places = asyncio.Semaphore(self._per_host)
            self._hosts[name] = Host(name, places, self._sleep, self._clock, self._delay)
        return self._hosts[name]

    def _check(self, url: str, rules: Robots) -> None:
        if not rules.allows(url):
            raise RobotsError(f"{url}: robots.txt of {host_of(url)} does not allow it")
        if rules.delay > LONGEST_DELAY:
            wanted = f"{rules.delay:,.0f} s between two requests"
            raise BlockedError(f"{url}: robots.txt of {host_of(url)} asks for {wanted}, more than a crawl can wait for")

    async def _robots_text(self, url: str, *, allow_private: bool, max_bytes: int) -> str:
        """A robots.txt, its redirects followed."""

        async def once(address: str) -> str:
            for _ in range(REDIRECTS + 1):
                answer = await self.hop(address, allow_private=allow_private, check=False, cut_at=max_bytes)
                if not answer.location:
                    return answer.body.decode("utf-8", "replace")
                address = normal(answer.location, address)
                if not address:
                    break
            raise LimitError(f"{url}: more than {REDIRECTS} redirects")

        return await self._tried(url, once)


class _Ask:
    """One `get`: what is asked for along its redirects."""

    def __init__(self, pages: HttpPages, allow_private: bool, validators: ValidatorsOf | None, wanted: Wanted | None) -> None:
        self._pages = pages
        self._allow_private = allow_private
        self._validators = validators
        self._wanted = wanted

    async def once(self, url: str) -> Reply:
        """One attempt: at most REDIRECTS redirects, each address once."""
        start, passed = url, set[str]()
        for _ in range(REDIRECTS + 1):
            if not normal(url):
                raise FetchError(f"{start}: {'redirects to ' if passed else ''}{url[:200]!r}, which is no http(s) URL")
            if url in passed:
                raise LimitError(f"{start}: redirects in a loop, back to {url}")
            passed.add(url)
            known = await self._validators(canonical(url)) if self._validators else Validators()
            answer = await self._pages.hop(url, allow_private=self._allow_private, validators=known, wanted=self._wanted)
            if not answer.location:
                return Reply(
                    canonical(url),
                    answer.unchanged,
                    answer.body,
                    answer.content_type,
                    answer.charset,
                    answer.validators,
                    answer.robots,
                )
            url = normal(answer.location, url) or answer.location
        raise LimitError(f"{start}: more than {REDIRECTS} redirects")
