"""Documents and tombstones <-> two collections of MongoDB: the document store of several machines.

Needs no transactions, so any server of the protocol will do. A source's document holds its lease, `allocated` (the last
revision given out) and `revision` (the last one that readers may see). A write takes revisions, writes the documents, and
raises `revision` last; readers of changes stop there, so nothing appears behind them. What a killed writer left above
`revision` are whole documents: the next holder of the lease makes them visible. Knows no fetcher and no index.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from twin.drivers.mongo.connection import client, mapping, masked
from twin.drivers.mongo.lease import Held, Leases
from twin.drivers.mongo.rows import BURIED, Row, change, document, row
from twin.errors import LeaseError, StoreError
from twin.records import Change, Document, Known, document_id

if TYPE_CHECKING:
    from twin.drivers.mongo.connection import Client
    from twin.drivers.mongo.lease import Collection

PAGE_ROWS = 200
PAGE_CHARACTERS = 4_000_000  # a page of a stream ends here, so that large documents do not pile up
IDS = 1000  # of one $in
DUPLICATE_KEY = 11000


class MongoDocuments:
    """The DocumentStore at a MongoDB URL; the database is the one of the URL, else `twin`."""

    max_bytes = 16_000_000  # MongoDB's 16 MiB, less the names of the fields

    def __init__(self, url: str, database: str = "", *, lease_seconds: float = 30.0) -> None:
        self.address = masked(url)
        self._url = url
        self._database = database
        self._lease_seconds = lease_seconds
        self._opened: tuple[Client, Collection, Collection, Leases] | None = None

    async def open(self) -> None:
        if self._opened is not None:
            return
        made = client(self._url)
        with mapping(self.address):
            database = made[self._database] if self._database else made.get_default_database(default="twin")
        documents, sources = database["documents"], database["sources"]
        self._opened = made, documents, sources, Leases(sources, self.address, self._lease_seconds)
        try:
            with mapping(self.address):
                for keys in ([("source", 1), ("revision", 1)], [("source", 1), ("live", 1), ("uri", 1)], [("uri", 1)]):
                    await documents.create_index(keys)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened[0].close()

    @property
    def _parts(self) -> tuple[Client, Collection, Collection, Leases]:
        if self._opened is None:
            raise StoreError(f"{self.address}: the store is not open")
        return self._opened

    @property
    def _documents(self) -> Collection:
        return self._parts[1]

    @property
    def _sources(self) -> Collection:
        return self._parts[2]

    @property
    def _leases(self) -> Leases:
        return self._parts[3]

    @asynccontextmanager
    async def lease(self, source: str, owner: str) -> AsyncIterator[None]:
        await self._begin(source)
        async with self._leases.hold(source, owner) as held:
            with mapping(self.address):
                found = await self._sources.find_one({"_id": source}) or {}
            if found["allocated"] > found["revision"]:  # a holder was killed between writing and showing
                await self._show(held, found["allocated"])
            yield

    async def _begin(self, source: str) -> None:
        """Make the source's own document. Revisions start at the time in microseconds: an index that remembers
        a database that was dropped and filled again must not believe that it has seen everything.
        """
        from pymongo.errors import DuplicateKeyError

        now = time.time_ns() // 1000
        first = {"_id": source, "revision": now, "allocated": now, "cursor": "", "token": "", "expires": 0.0}
        with mapping(self.address):
            if await self._sources.find_one({"_id": source}, {"_id": 1}) is None:
                with suppress(DuplicateKeyError):  # another process was first
                    await self._sources.insert_one(first)

    @asynccontextmanager
    async def _held(self, source: str) -> AsyncIterator[Held]:
        """The lease in hand, or one for this write: two writers at once would put revisions behind a reader."""
        if held := self._leases.held.get(source):
            self._leases.check(held)
            yield held
        else:
            async with self.lease(source, "a single write"):
                yield self._leases.held[source]

    async def _take(self, held: Held, count: int) -> int:
        """The first of the next `count` revisions. Raises LeaseError when the lease is another one's by now."""
        from pymongo import ReturnDocument

        mine, more = {"_id": held.source, "token": held.token}, {"$inc": {"allocated": count}}
        with mapping(self.address):
            found = await self._sources.find_one_and_update(mine, more, return_document=ReturnDocument.AFTER)
        if found is None:
            raise LeaseError(f"source {held.source}: another process took it over; run again")
        return int(found["allocated"]) - count + 1

    async def _show(self, held: Held, revision: int) -> None:
        with mapping(self.address):
            mine = {"_id": held.source, "token": held.token}
            shown = await self._sources.update_one(mine, {"$set": {"revision": revision}})
        if not shown.matched_count:
            raise LeaseError(f"source {held.source}: another process took it over; run again")

    async def cursor(self, source: str) -> str:
        with mapping(self.address):
            found = await self._sources.find_one({"_id": source}, {"cursor": 1})
        return str(found["cursor"]) if found else ""

    async def set_cursor(self, source: str, cursor: str) -> None:
        async with self._held(source) as held:
            with mapping(self.address):
                mine = {"_id": source, "token": held.token}
                await self._sources.update_one(mine, {"$set": {"cursor": cursor}})

    async def known(self, source: str, uris: Sequence[str]) -> Mapping[str, Known]:
        found = self._by_ids({"source": source}, uris, {"uri": 1, "hash": 1, "version": 1})
        return {row["uri"]: Known(row["uri"], row["hash"], row["version"]) async for row in found}

    async def sources_of(self, uris: Sequence[str]) -> Mapping[str, str]:
        return {row["uri"]: row["source"] async for row in self._by_ids({}, uris, {"uri": 1, "source": 1})}

    async def _by_ids(self, rule: Row, uris: Sequence[str], fields: Row) -> AsyncIterator[Row]:
        for ids in _parts([document_id(uri) for uri in uris], IDS):
            with mapping(self.address):
                async for found in self._documents.find({"_id": {"$in": ids}, "live": True, **rule}, fields):
                    yield found

    async def put(self, source: str, items: Iterable[tuple[Document, str]]) -> Mapping[str, str]:
        pairs = list({document.id: (document, version) for document, version in items}.values())
        for document, _ in pairs:
            if len(document.text) * 4 > self.max_bytes and len(document.text.encode()) > self.max_bytes:
                raise StoreError(
                    f"{self.address}: {document.uri} is larger than 16 MB, which is what MongoDB holds; exclude it"
                )
        if not pairs:
            return {}
        async with self._held(source) as held:
            first = await self._take(held, len(pairs))
            rows = [row(document, source, first + i, version) for i, (document, version) in enumerate(pairs)]
            refused = await self._put(source, rows)
            await self._show(held, first + len(rows) - 1)
        return refused

    async def _put(self, source: str, rows: list[Row]) -> Mapping[str, str]:
        """Insert what is absent and replace what is ours or dead: two kinds of writes, as upserts are slow on some servers
        and cannot tell on others that a uri is held. Which uris another source holds is said by the writes themselves.
        """
        from pymongo import InsertOne, ReplaceOne

        ids = [one["_id"] for one in rows]
        there: set[str] = set()
        for part in _parts(ids, IDS):
            with mapping(self.address):
                there.update([found["_id"] async for found in self._documents.find({"_id": {"$in": part}}, {"_id": 1})])
        fresh = [InsertOne(one) for one in rows if one["_id"] not in there]
        ours: list[Row] = [{"source": source}, {"live": False}]
        again = [ReplaceOne({"_id": one["_id"], "$or": ours}, one) for one in rows if one["_id"] in there]
        written = await self._write(fresh) + await self._write(again)
        if written == len(rows):
            return {}
        holders = await self.sources_of([one["uri"] for one in rows])
        return {uri: holder for uri, holder in holders.items() if holder != source}

    async def _write(self, operations: Sequence[Any]) -> int:
        """How many of the operations found what they were for; an insert that met its _id did not."""
        from pymongo.errors import BulkWriteError

        if not operations:
            return 0
        with mapping(self.address):
            try:
                done = await self._documents.bulk_write(operations, ordered=False)
            except BulkWriteError as exc:
                errors = exc.details.get("writeErrors", [])
                if not errors or any(error["code"] != DUPLICATE_KEY for error in errors):
                    raise
                return int(exc.details["nInserted"])
        return done.inserted_count + done.matched_count

    async def set_versions(self, source: str, versions: Mapping[str, str]) -> None:
        from pymongo import UpdateOne

        async with self._held(source):
            for part in _parts(list(versions.items()), IDS):
                rules = [({"_id": document_id(uri), "source": source, "live": True}, version) for uri, version in part]
                await self._write([UpdateOne(rule, {"$set": {"version": version}}) for rule, version in rules])

    async def bury(self, source: str, uris: Sequence[str]) -> None:
        from pymongo import UpdateOne

        async with self._held(source) as held:
            live = [row["_id"] async for row in self._by_ids({"source": source}, uris, {"_id": 1})]
            if not live:
                return
            first = await self._take(held, len(live))
            buried = [({"_id": id, "source": source}, {**BURIED, "revision": first + i}) for i, id in enumerate(live)]
            await self._write([UpdateOne(rule, {"$set": values}) for rule, values in buried])
            await self._show(held, first + len(live) - 1)

    async def uris(self, source: str) -> AsyncIterator[str]:
        async for found in self._stream({"source": source, "live": True}, "uri", "", fields={"uri": 1}):
            yield found["uri"]

    async def count(self, source: str) -> int:
        with mapping(self.address):
            return await self._documents.count_documents({"source": source, "live": True})

    async def revisions(self) -> Mapping[str, int]:
        with mapping(self.address):
            return {found["_id"]: found["revision"] async for found in self._sources.find({}, {"revision": 1})}

    async def changes(self, source: str, after: int) -> AsyncIterator[Change]:
        last = (await self.revisions()).get(source, 0)
        async for found in self._stream({"source": source}, "revision", after, last=last):
            yield change(found)

    async def get(self, document_id: str) -> Document | None:
        with mapping(self.address):
            found = await self._documents.find_one({"_id": document_id, "live": True})
        return document(found) if found else None

    async def documents(self, source: str = "", author: str = "", kind: str = "", limit: int = 0) -> AsyncIterator[Document]:
        rules = {"source": source, "authors": author.casefold(), "kind": kind}
        asked = {key: value for key, value in rules.items() if value}
        async for found in self._stream({"live": True, **asked}, "uri", "", limit=limit):
            yield document(found)

    async def _stream(
        self, rule: Row, key: str, after: Any, *, last: Any = None, fields: Row | None = None, limit: int = 0
    ) -> AsyncIterator[Row]:
        """Rows in order of `key`, page by page after the last one: no cursor waits at the server while they are used."""
        left = limit or -1
        while left:
            span = {"$gt": after} if last is None else {"$gt": after, "$lte": last}
            rows = left if 0 < left < PAGE_ROWS else PAGE_ROWS
            page = await self._page({**rule, key: span}, key, fields, rows)
            if not page:
                return
            for found in page:
                yield found
            after, left = page[-1][key], left - len(page)

    async def _page(self, rule: Row, key: str, fields: Row | None, rows: int) -> list[Row]:
        page: list[Row] = []
        characters = 0
        with mapping(self.address):
            async with self._documents.find(rule, fields).sort(key, 1).limit(rows) as cursor:
                async for found in cursor:
                    page.append(found)
                    characters += len(found.get("text", ""))
                    if characters > PAGE_CHARACTERS:
                        break
        return page


def _parts(values: Sequence[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part
