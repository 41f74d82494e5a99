"""Documents and tombstones <-> a SQLite file: the document store of one machine. Knows no fetcher and no index."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from twin.drivers.sqlite.connection import Database
from twin.drivers.sqlite.lease import file_lease
from twin.drivers.sqlite.rows import BURY, IDENTITY, PUT, SCHEMA, SELECT, VERSION, Row, change, document, row
from twin.records import Change, Document, Known, document_id

PAGE_ROWS = 500
PAGE_CHARACTERS = 4_000_000  # a page of a stream ends here, so that large documents do not pile up
MARKS = 500  # values of one IN (...)


class SqliteDocuments:
    """The DocumentStore of one machine: the file at `path`, and beside it a folder of leases."""

    max_bytes = 500_000_000

    def __init__(self, path: Path) -> None:
        self.database = Database(path, SCHEMA, VERSION)
        self._leases = path.with_name(path.name + ".leases")

    async def open(self) -> None:
        await self.database.open()
        try:
            await self.database.read(lambda c: c.create_function("fold", 1, str.casefold, deterministic=True))
            if not await self.database.read(_named):
                await self.database.write(_name)
        except BaseException:
            await self.database.close()
            raise

    async def close(self) -> None:
        await self.database.close()

    def lease(self, source: str, owner: str) -> AbstractAsyncContextManager[None]:
        return file_lease(self._leases, source, owner)

    async def cursor(self, source: str) -> str:
        found = await self._one("SELECT cursor FROM source WHERE name = ?", source)
        return str(found[0]) if found else ""

    async def set_cursor(self, source: str, cursor: str) -> None:
        def work(connection: sqlite3.Connection) -> None:
            _advance(connection, source, 0)
            connection.execute("UPDATE source SET cursor = ? WHERE name = ?", (cursor, source))

        await self.database.write(work)

    async def known(self, source: str, uris: Sequence[str]) -> Mapping[str, Known]:
        sql = "SELECT uri, content_hash, version FROM document WHERE source = ? AND live = 1 AND uri IN ({})"
        return {found[0]: Known(*found) for found in await self._in(sql, uris, source)}

    async def sources_of(self, uris: Sequence[str]) -> Mapping[str, str]:
        ids = [document_id(uri) for uri in uris]
        return dict(await self._in("SELECT uri, source FROM document WHERE live = 1 AND id IN ({})", ids))

    async def put(self, source: str, items: Iterable[tuple[Document, str]]) -> Mapping[str, str]:
        pairs = list(items)

        def work(connection: sqlite3.Connection) -> Mapping[str, str]:
            first = _advance(connection, source, len(pairs))
            rows = [row(document, source, first + i, version) for i, (document, version) in enumerate(pairs)]
            written = connection.executemany(PUT, rows).rowcount
            return {} if written == len(rows) else _held_elsewhere(connection, source, pairs)

        return await self.database.write(work) if pairs else {}

    async def set_versions(self, source: str, versions: Mapping[str, str]) -> None:
        sql = "UPDATE document SET version = ? WHERE id = ? AND source = ? AND live"
        values = [(version, document_id(uri), source) for uri, version in versions.items()]
        if values:
            await self.database.write(lambda connection: connection.executemany(sql, values))

    async def bury(self, source: str, uris: Sequence[str]) -> None:
        ids = [document_id(uri) for uri in uris]
        live = "SELECT id FROM document WHERE source = ? AND live = 1 AND id IN ({})"

        def work(connection: sqlite3.Connection) -> None:
            found = [row[0] for row in _select_in(connection, live, ids, source)]
            first = _advance(connection, source, len(found))
            connection.executemany(BURY, [(first + i, id) for i, id in enumerate(found)])

        if ids:
            await self.database.write(work)

    async def uris(self, source: str) -> AsyncGenerator[str, None]:
        sql = "SELECT uri FROM document WHERE source = ? AND live = 1 AND uri > ? ORDER BY uri"
        async for found in self._stream(sql, (source,), "", lambda row: row[0]):
            yield found[0]

    async def count(self, source: str) -> int:
        found = await self._one("SELECT count(*) FROM document WHERE source = ? AND live = 1", source)
        return int(found[0]) if found else 0

    async def identity(self) -> str:
        found = await self._one("SELECT id FROM store")
        return str(found[0]) if found else ""

    async def count_changes(self, source: str, after: int) -> tuple[int, int]:
        sql = "SELECT count(*), coalesce(sum(live), 0) FROM document WHERE source = ? AND revision > ?"
        found = await self._one(sql, source, after)
        every, live = (int(found[0]), int(found[1])) if found else (0, 0)
        return live, every - live

    async def revisions(self) -> Mapping[str, int]:
        return dict(await self.database.read(lambda c: c.execute("SELECT name, revision FROM source").fetchall()))

    async def changes(self, source: str, after: int) -> AsyncGenerator[Change, None]:
        last = (await self.revisions()).get(source, 0)  # what is written meanwhile is for the next reading
        sql = SELECT + "source = ? AND revision <= ? AND revision > ? ORDER BY revision"
        async for found in self._stream(sql, (source, last), after, lambda row: row[3]):
            yield change(found)

    async def get(self, document_id: str) -> Document | None:
        found = await self._one(SELECT + "id = ? AND live = 1", document_id)
        return document(found) if found else None

    async def documents(
        self, source: str = "", author: str = "", kind: str = "", limit: int = 0
    ) -> AsyncGenerator[Document, None]:
        rules = {
            "source = ?": (source,),
            "? IN (fold(author_id), fold(author_name))": (author.casefold(),) if author else ("",),
            "kind = ?": (kind,),
        }
        asked = {sql: values for sql, values in rules.items() if values[0]}
        where = " AND ".join(["live = 1", *asked, "uri > ?"])
        sql = SELECT + where + " ORDER BY uri"
        stream = self._stream(sql, tuple(v for values in asked.values() for v in values), "", lambda row: row[1], limit)
        async for found in stream:
            yield document(found)

    async def _one(self, sql: str, *values: object) -> Row | None:
        found: Row | None = await self.database.read(lambda connection: connection.execute(sql, values).fetchone())
        return found

    async def _in(self, sql: str, values: Sequence[str], *before: str) -> list[Row]:
        return await self.database.read(lambda connection: list(_select_in(connection, sql, values, *before)))

    async def _stream(
        self, sql: str, values: tuple[object, ...], after: Any, key: Callable[[Row], Any], limit: int = 0
    ) -> AsyncIterator[Row]:
        """Rows page by page, each page a reading of its own after the last key: no long transaction holds the file."""
        left = limit or -1
        while left:
            rows = left if 0 < left < PAGE_ROWS else PAGE_ROWS
            page = await self.database.read(partial(_page, sql=f"{sql} LIMIT {rows}", values=(*values, after)))
            if not page:
                return
            for found in page:
                yield found
            after, left = key(page[-1]), left - len(page)


def _named(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'store'").fetchone() is not None


def _name(connection: sqlite3.Connection) -> None:
    """Give the store an id of its own, unless another process has just done so."""
    connection.execute(IDENTITY)
    connection.execute("INSERT INTO store VALUES (1, ?) ON CONFLICT DO NOTHING", (uuid.uuid4().hex,))


def _page(connection: sqlite3.Connection, *, sql: str, values: tuple[object, ...]) -> list[Row]:
    page: list[Row] = []
    characters = 0
    for found in connection.execute(sql, values):
        page.append(found)
        characters += len(found[-1])
        if characters > PAGE_CHARACTERS:
            break
    return page


def _select_in(connection: sqlite3.Connection, sql: str, values: Sequence[str], *before: str) -> Iterator[Row]:
    rest = iter(values)
    while part := tuple(islice(rest, MARKS)):
        yield from connection.execute(sql.format(", ".join("?" * len(part))), (*before, *part)).fetchall()


def _advance(connection: sqlite3.Connection, source: str, by: int) -> int:
    """Take the next `by` revisions of `source` and return the first.

    Revisions start at the time in microseconds and not at 1: an index that remembers revision 500 of a store that was
    deleted and filled again would otherwise believe that it has seen everything.
    """
    sql = "INSERT INTO source (name, revision) VALUES (?, ?) ON CONFLICT DO NOTHING"
    connection.execute(sql, (source, time.time_ns() // 1000))
    update = "UPDATE source SET revision = revision + ? WHERE name = ? RETURNING revision"
    (last,) = connection.execute(update, (by, source)).fetchone()
    return int(last) - by + 1


def _held_elsewhere(connection: sqlite3.Connection, source: str, pairs: Sequence[tuple[Document, str]]) -> Mapping[str, str]:
    ids = [document.id for document, _ in pairs]
    return dict(_select_in(connection, "SELECT uri, source FROM document WHERE source != ? AND id IN ({})", ids, source))
