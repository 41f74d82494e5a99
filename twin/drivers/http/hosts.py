"""A host -> its turns: so many requests at a time, a pause between two, a longer one when it asks for that.

Also remembers a host that fails again and again, so that a thousand pages of a dead host take seconds. Knows no HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from twin.errors import FetchError

PATIENCE = 10  # requests without an answer in a row after which a host is left alone for the rest of the run

Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Host:
    """The state of one host in one run. `next_at` is on `clock`; `failures` counts those in a row."""

    name: str
    at_once: asyncio.Semaphore
    sleep: Sleep = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    delay: float = 0.0
    next_at: float = 0.0
    failures: int = 0
    _queue: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a free place and for the pause since the last request, then hold the place. Raises FetchError."""
        async with self.at_once:
            async with self._queue:
                self._check()
                while (wait := self.next_at - self.clock()) > 0:
                    await self.sleep(wait)
                self.next_at = self.clock() + self.delay
            self._check()
            yield

    def _check(self) -> None:
        if self.failures >= PATIENCE:
            raise FetchError(f"{self.name} did not answer {PATIENCE} requests in a row and is not asked again in this run")

    def hold(self, seconds: float) -> None:
        """Ask nothing of this host for so long."""
        self.next_at = max(self.next_at, self.clock() + seconds)

    def answered(self) -> None:
        self.failures = 0

    def failed(self) -> None:
        self.failures += 1
