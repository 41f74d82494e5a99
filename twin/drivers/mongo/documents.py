"""Documents and tombstones <-> two collections of MongoDB: the document store of several machines.

Needs no transactions, so any server of the protocol will do: a write takes revisions from the ledger, writes the documents,
and shows the revisions last. Knows no fetcher and no index.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from twin.drivers.mongo.connection import client, mapping, masked
from twin.drivers.mongo.ledger import Ledger
from twin.drivers.mongo.rows import BURIED, Row, change, document, row
from twin.errors import StoreError
from twin.records import Change, Document, Known, document_id

if TYPE_CHECKING:
    from twin.drivers.mongo.connection import Client
    from twin.drivers.mongo.lease import Collection

PAGE_ROWS = 200
PAGE_CHARACTERS = 4_000_000  # a page of a stream ends here, so that large documents do not pile up
IDS = 1000  # of one $in
DUPLICATE_KEY = 11000
IDENTITY = "identity"  # of the one document in the collection `store`


class MongoDocuments:
    """The DocumentStore at a MongoDB URL; the database is the one of the URL, else `twin`."""

    max_bytes = 16_000_000  # MongoDB's 16 MiB, less the names of the fields

    def __init__(self, url: str, database: str = "", *, lease_seconds: float = 30.0) -> None:
        self.address = masked(url)
        self._url = url
        self._database = database
        self._lease_seconds = lease_seconds
        self._opened: tuple[Client, Collection, Ledger] | None = None

    async def open(self) -> None:
        if self._opened is not None:
            return
        made = client(self._url)
        with mapping(self.address):
            database = made[self._database] if self._database else made.get_default_database(default="twin")
        documents = database["documents"]
        self._opened = made, documents, Ledger(database["sources"], self.address, self._lease_seconds)
        try:
            with mapping(self.address):
                for keys in ([("source", 1), ("revision", 1)], [("source", 1), ("live", 1), ("uri", 1)], [("uri", 1)]):
                    await documents.create_index(keys)
                await _name(database["store"])
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened[0].close()

    @property
    def ledger(self) -> Ledger:
        """The sources' own documents."""
        return self._parts[2]

    @property
    def _documents(self) -> Collection:
        return self._parts[1]

    @property
    def _parts(self) -> tuple[Client, Collection, Ledger]:
        if self._opened is None:
            raise StoreError(f"{self.address}: the store is not open")
        return self._opened

    def lease(self, source: str, owner: str) -> AbstractAsyncContextManager[None]:
        return self.ledger.lease(source, owner)

    async def cursor(self, source: str) -> str:
        return await self.ledger.cursor(source)

    async def set_cursor(self, source: str, cursor: str) -> None:
        await self.ledger.set_cursor(source, cursor)

    async def identity(self) -> str:
        with mapping(self.address):
            found = await self._documents.database["store"].find_one({"_id": IDENTITY})
        return str(found["id"]) if found else ""

    async def count_changes(self, source: str, after: int) -> tuple[int, int]:
        span = {"$gt": after, "$lte": (await self.revisions()).get(source, 0)}
        counts = []
        for live in (True, False):
            with mapping(self.address):
                counts.append(await self._documents.count_documents({"source": source, "revision": span, "live": live}))
        return counts[0], counts[1]

    async def revisions(self) -> Mapping[str, int]:
        return await self.ledger.revisions()

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
        for one, _ in pairs:
            if len(one.text) * 4 > self.max_bytes and len(one.text.encode()) > self.max_bytes:
                raise StoreError(f"{self.address}: {one.uri} is larger than 16 MB, which is what MongoDB holds; exclude it")
        if not pairs:
            return {}
        async with self.ledger.held(source) as held:
            first = await self.ledger.take(held, len(pairs))
            rows = [row(document, source, first + i, version) for i, (document, version) in enumerate(pairs)]
            refused = await self._put(source, rows)
            await self.ledger.show(held, first + len(rows) - 1)
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

        async with self.ledger.held(source):
            for part in _parts(list(versions.items()), IDS):
                rules = [({"_id": document_id(uri), "source": source, "live": True}, version) for uri, version in part]
                await self._write([UpdateOne(rule, {"$set": {"version": version}}) for rule, version in rules])

    async def bury(self, source: str, uris: Sequence[str]) -> None:
        from pymongo import UpdateOne

        async with self.ledger.held(source) as held:
            live = [row["_id"] async for row in self._by_ids({"source": source}, uris, {"_id": 1})]
            if not live:
                return
            first = await self.ledger.take(held, len(live))
            buried = [({"_id": id, "source": source}, {**BURIED, "revision": first + i}) for i, id in enumerate(live)]
            await self._write([UpdateOne(rule, {"$set": values}) for rule, values in buried])
            await self.ledger.show(held, first + len(live) - 1)

    async def uris(self, source: str) -> AsyncGenerator[str, None]:
        async for found in self._stream({"source": source, "live": True}, "uri", "", fields={"uri": 1}):
            yield found["uri"]

    async def count(self, source: str) -> int:
        with mapping(self.address):
            return await self._documents.count_documents({"source": source, "live": True})

    async def changes(self, source: str, after: int) -> AsyncGenerator[Change, None]:
        last = (await self.revisions()).get(source, 0)
        async for found in self._stream({"source": source}, "revision", after, last=last):
            yield change(found)

    async def get(self, document_id: str) -> Document | None:
        with mapping(self.address):
            found = await self._documents.find_one({"_id": document_id, "live": True})
        return document(found) if found else None

    async def documents(
        self, source: str = "", author: str = "", kind: str = "", limit: int = 0
    ) -> AsyncGenerator[Document, None]:
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


async def _name(collection: Collection) -> None:
    """Give the database an id of its own, unless it has one, or another process has just given one."""
    from pymongo.errors import DuplicateKeyError

    if await collection.find_one({"_id": IDENTITY}) is None:
        with suppress(DuplicateKeyError):
            await collection.insert_one({"_id": IDENTITY, "id": uuid.uuid4().hex})


def _parts(values: Sequence[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part
