"""A source's name -> the right to write it, renewed while held and ended by itself when its holder dies.

The lease stands in the source's own document, so that a write can be conditional on it. Times are the server's.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from twin.drivers.mongo.connection import mapping
from twin.errors import LeaseError, StoreError

if TYPE_CHECKING:
    from pymongo.asynchronous.collection import AsyncCollection

    Collection = AsyncCollection[dict[str, Any]]


@dataclass(slots=True)
class Held:
    """A lease in hand. `until` is on this process's monotonic clock, short of what the server says."""

    source: str
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    until: float = 0.0
    lost: bool = False


class Leases:
    """Leases of `seconds`, renewed three times in that time."""

    def __init__(self, sources: Collection, address: str, seconds: float) -> None:
        self._sources = sources
        self._address = address
        self._seconds = seconds
        self.held: dict[str, Held] = {}

    @asynccontextmanager
    async def hold(self, source: str, owner: str) -> AsyncIterator[Held]:
        """Hold `source`. Raises LeaseError when another one does; when the lease is lost, what runs inside is cancelled
        and LeaseError raised in its place.
        """
        held = Held(source)
        await self._take(held, owner)
        task = asyncio.current_task()
        if task is None:
            raise StoreError("a lease is held by a task; run this under asyncio")
        cancelling = task.cancelling()
        self.held[source] = held
        renewer = asyncio.create_task(self._renew(held, task))
        try:
            try:
                yield held
            finally:
                self.held.pop(source, None)
                renewer.cancel()
                await self._release(held)
        except asyncio.CancelledError:
            if held.lost and task.uncancel() <= cancelling:
                raise _lost(source) from None
            raise

    def check(self, held: Held) -> None:
        """Raise LeaseError when the lease may have ended: after a pause of the process, or without the server."""
        if held.lost or time.monotonic() > held.until:
            raise _lost(held.source)

    async def _take(self, held: Held, owner: str) -> None:
        with mapping(self._address):
            asked = time.monotonic()
            now = await self._now()
            sign = {
                "token": held.token,
                "holder": f"{owner} (process {os.getpid()} on {socket.gethostname()})",
                "since": now,
                "expires": now + self._seconds,
            }
            free = {"_id": held.source, "expires": {"$lt": now}}
            await self._sources.update_one(free, {"$set": sign})
            # read again rather than believe the update: servers that only speak the protocol may not be atomic
            found = await self._sources.find_one({"_id": held.source}) or {}
        if found.get("token") != held.token:
            raise LeaseError(
                f"source {held.source} is in use by {found.get('holder', 'another process')} for "
                f"{max(0.0, now - found.get('since', now)):.0f} s; wait for it to end, or stop it: a killed one's lease ends "
                f"by itself in {max(0.0, found.get('expires', now) - now):.0f} s"
            )
        self._extend(held, asked)

    def _extend(self, held: Held, asked: float) -> None:
        held.until = asked + self._seconds * 5 / 6  # stop writing before another one may begin

    async def _now(self) -> float:
        """The server's clock, in seconds since the epoch."""
        told = await self._sources.database.client.admin.command("hello")
        return float(told["localTime"].timestamp())

    async def _renew(self, held: Held, holder: asyncio.Task[Any]) -> None:
        while time.monotonic() < held.until:
            await asyncio.sleep(self._seconds / 3)
            asked = time.monotonic()
            with suppress(StoreError):  # the server may be back before the lease ends
                if not await self._extended(held):
                    break
                self._extend(held, asked)
        held.lost = True
        holder.cancel()

    async def _extended(self, held: Held) -> bool:
        with mapping(self._address):
            mine = {"_id": held.source, "token": held.token}
            renewed = await self._sources.update_one(mine, {"$set": {"expires": await self._now() + self._seconds}})
        return renewed.matched_count == 1

    async def _release(self, held: Held) -> None:
        mine = {"_id": held.source, "token": held.token}
        with suppress(StoreError), mapping(self._address):  # unreachable: it ends by itself
            await self._sources.update_one(mine, {"$set": {"token": "", "expires": 0.0}})


def _lost(source: str) -> LeaseError:
    return LeaseError(
        f"source {source}: this process was paused or without the server for so long that its lease ended; run again"
    )
