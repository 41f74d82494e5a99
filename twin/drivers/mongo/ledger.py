"""Sources -> a document each with its lease, its cursor and two revisions. Knows no documents of the source.

`allocated` is the last revision given out, `revision` the last one that readers may see. A writer raises the first before it
writes and the second after; readers of changes stop at the second, so nothing ever appears behind them. What a killed
writer left between the two are whole documents: the next holder of the lease shows them.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from twin.drivers.mongo.connection import mapping
from twin.drivers.mongo.lease import Held, Leases
from twin.errors import LeaseError

if TYPE_CHECKING:
    from twin.drivers.mongo.lease import Collection


class Ledger:
    """The sources' own documents in the collection `rows`. All methods raise StoreError."""

    def __init__(self, rows: Collection, address: str, lease_seconds: float) -> None:
        self.rows = rows
        self._address = address
        self._leases = Leases(rows, address, lease_seconds)

    @asynccontextmanager
    async def lease(self, source: str, owner: str) -> AsyncIterator[None]:
        """Hold `source`, and show what a holder that was killed wrote and did not show."""
        await self._begin(source)
        async with self._leases.hold(source, owner) as held:
            with mapping(self._address):
                found = await self.rows.find_one({"_id": source}) or {}
            if found["allocated"] > found["revision"]:
                await self.show(held, found["allocated"])
            yield

    async def _begin(self, source: str) -> None:
        """Make the source's own document. Revisions start at the time in microseconds: an index that remembers
        a database that was dropped and filled again must not believe that it has seen everything.
        """
        from pymongo.errors import DuplicateKeyError

        now = time.time_ns() // 1000
        first = {"_id": source, "revision": now, "allocated": now, "cursor": "", "token": "", "expires": 0.0}
        with mapping(self._address):
            if await self.rows.find_one({"_id": source}, {"_id": 1}) is None:
                with suppress(DuplicateKeyError):  # another process was first
                    await self.rows.insert_one(first)

    @asynccontextmanager
    async def held(self, source: str) -> AsyncIterator[Held]:
        """The lease in hand, or one for this write: two writers at once would put revisions behind a reader."""
        if held := self._leases.held.get(source):
            self._leases.check(held)
            yield held
        else:
            async with self.lease(source, "a single write"):
                yield self._leases.held[source]

    async def take(self, held: Held, count: int) -> int:
        """The first of the next `count` revisions. Raises LeaseError when the lease is another one's by now."""
        from pymongo import ReturnDocument

        mine, more = {"_id": held.source, "token": held.token}, {"$inc": {"allocated": count}}
        with mapping(self._address):
            found = await self.rows.find_one_and_update(mine, more, return_document=ReturnDocument.AFTER)
        if found is None:
            raise _taken_over(held.source)
        return int(found["allocated"]) - count + 1

    async def show(self, held: Held, revision: int) -> None:
        """Let readers see up to `revision`."""
        with mapping(self._address):
            mine = {"_id": held.source, "token": held.token}
            shown = await self.rows.update_one(mine, {"$set": {"revision": revision}})
        if not shown.matched_count:
            raise _taken_over(held.source)

    async def cursor(self, source: str) -> str:
        """What the last complete run of `source` left, empty when none did."""
        with mapping(self._address):
            found = await self.rows.find_one({"_id": source}, {"cursor": 1})
        return str(found["cursor"]) if found else ""

    async def set_cursor(self, source: str, cursor: str) -> None:
        """Remember `cursor`."""
        async with self.held(source) as held:
            with mapping(self._address):
                mine = {"_id": source, "token": held.token}
                kept = await self.rows.update_one(mine, {"$set": {"cursor": cursor}})
        if not kept.matched_count:
            raise _taken_over(source)

    async def revisions(self) -> Mapping[str, int]:
        """The last revision of every source that readers may see."""
        with mapping(self._address):
            return {found["_id"]: int(found["revision"]) async for found in self.rows.find({}, {"revision": 1})}


def _taken_over(source: str) -> LeaseError:
    return LeaseError(f"source {source}: another process took it over; run again")
