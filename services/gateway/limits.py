"""How much a gateway takes on at once, and how much of it one key gets. Knows no HTTP."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from twin.errors import UnavailableError

MINUTE = 60.0


class Admission:
    """`limit` answers at a time, `queue` waiting for at most `timeout` seconds, in order of arrival."""

    def __init__(self, limit: int, queue: int, timeout: float) -> None:
        self._limit = limit
        self._queue = queue
        self._timeout = timeout
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False
        self._empty: asyncio.Future[None] | None = None
        self.active = 0

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    async def enter(self) -> None:
        """Take a place. Raises UnavailableError: 429 when the queue is full, 503 when the wait was too long or it is closed."""
        if self._closed:
            raise UnavailableError("the gateway is stopping; try again soon", code="stopping")
        if self.active < self._limit and not self._waiting:
            self.active += 1
            return
        if len(self._waiting) >= self._queue:
            raise UnavailableError("too many questions at once; try again soon", status=429, code="overloaded")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(self._timeout):
                await place
        except BaseException as exc:  # gave up or was cancelled: the place must not be lost
            if place in self._waiting:
                self._waiting.remove(place)
            elif place.done() and not place.cancelled():
                self.leave()
            if not isinstance(exc, TimeoutError):
                raise
            raise UnavailableError(
                f"no answer could be started within {self._timeout:g} s; try again soon", code="overloaded", retry_after=2
            ) from exc

    def leave(self) -> None:
        """Give the place to whoever waits longest."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.active -= 1
        if not self.active and self._empty and not self._empty.done():
            self._empty.set_result(None)

    async def close(self) -> None:
        """Let nobody else in, and wait until all who are in or wait have left."""
        self._closed = True
        if self.active:
            self._empty = asyncio.get_running_loop().create_future()
            await self._empty


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(slots=True)
class RateLimits:
    """A token bucket a key: a minute's worth at once, refilled evenly."""

    clock: Callable[[], float] = time.monotonic
    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    def take(self, key: str, per_minute: int) -> float:
        """Take one request: 0 when it may go on, else the seconds to wait."""
        now = self.clock()
        bucket = self._buckets.setdefault(key, _Bucket(per_minute, now))
        rate = per_minute / MINUTE
        bucket.tokens = min(float(per_minute), bucket.tokens + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0.0
        return (1 - bucket.tokens) / rate
