"""What a person decided about proposed examples <-> a SQLite file. Approved ones are kept whole: their traces may go."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from twin.drivers.sqlite.connection import Database
from twin.records import Example

_SCHEMA = "CREATE TABLE review (id TEXT PRIMARY KEY, approved INTEGER NOT NULL, example BLOB NOT NULL) WITHOUT ROWID"
_Row = tuple[Example, tuple[str, ...]]


class ReviewStore:
    """The Reviews of one machine. All methods raise StoreError."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    async def open(self) -> None:
        await self._database.open()

    async def close(self) -> None:
        await self._database.close()

    async def decided(self) -> Mapping[str, bool]:
        """What was decided, by the example's id: whether it was approved."""
        rows = await self._database.read(lambda db: db.execute("SELECT id, approved FROM review").fetchall())
        return {id: bool(approved) for id, approved in rows}

    async def decide(self, example: Example, documents: Sequence[str], *, approved: bool) -> bool | None:
        """Keep a decision and give None; of an example that was decided already give that decision, which stands."""
        row = (example.id, int(approved), msgspec.json.encode((example, tuple(documents))))

        def work(db: sqlite3.Connection) -> bool | None:
            if db.execute("INSERT OR IGNORE INTO review VALUES (?, ?, ?)", row).rowcount:
                return None
            return bool(db.execute("SELECT approved FROM review WHERE id = ?", row[:1]).fetchone()[0])

        return await self._database.write(work)

    async def approved(self) -> Sequence[_Row]:
        """In order of their ids, each with the documents that it was made from."""

        def work(db: sqlite3.Connection) -> list[bytes]:
            return [row[0] for row in db.execute("SELECT example FROM review WHERE approved ORDER BY id")]

        return [msgspec.json.decode(row, type=_Row) for row in await self._database.read(work)]
