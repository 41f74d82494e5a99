"""A teacher's replies <-> a SQLite file, by a digest of what it was asked: a run that was killed asks nothing twice."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec

from twin.dataset.ports import Reply
from twin.drivers.sqlite.connection import Database

_SCHEMA = "CREATE TABLE reply (asked TEXT PRIMARY KEY, reply BLOB NOT NULL, problem TEXT NOT NULL) WITHOUT ROWID"


class TeacherJournal:
    """The Journal of one machine. With `forgive` replies that were of no use are asked for again."""

    def __init__(self, path: Path, *, forgive: bool = False) -> None:
        self._database = Database(path, _SCHEMA)
        self._forgive = forgive

    async def open(self) -> None:
        await self._database.open()
        if self._forgive:
            await self._database.write(lambda db: db.execute("DELETE FROM reply WHERE problem <> ''"))

    async def close(self) -> None:
        await self._database.close()

    async def get(self, key: str) -> Reply | None:
        """Raises StoreError."""

        def work(db: sqlite3.Connection) -> bytes | None:
            found = db.execute("SELECT reply FROM reply WHERE asked = ?", (key,)).fetchone()
            return found[0] if found else None

        found = await self._database.read(work)
        return msgspec.json.decode(found, type=Reply) if found is not None else None

    async def put(self, key: str, reply: Reply) -> None:
        """Raises StoreError."""
        row = (key, msgspec.json.encode(reply), reply.problem)
        await self._database.write(lambda db: db.execute("INSERT OR REPLACE INTO reply VALUES (?, ?, ?)", row))
