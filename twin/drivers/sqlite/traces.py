"""Finished traces -> rows of a SQLite file, written in batches behind the answer's back; the oldest go when there are too many.

Feedback is kept by the trace's id, whether its trace has been written yet or not. Knows no step by name.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
import zlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec

from twin.drivers.sqlite.connection import Database
from twin.errors import StoreError
from twin.records import Trace

log = logging.getLogger(__name__)
_BATCH = 500
_PAUSE = 0.05  # seconds in which traces gather for one transaction
_SMALL = 1024  # bytes below which compression costs more time than it saves room
_SCHEMA = """
CREATE TABLE traces (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, started REAL NOT NULL,
                     trace BLOB NOT NULL);
CREATE TABLE scores (trace TEXT NOT NULL, name TEXT NOT NULL, value REAL NOT NULL, comment TEXT NOT NULL, at REAL NOT NULL,
                     PRIMARY KEY (trace, name)) WITHOUT ROWID;
CREATE INDEX scores_by_time ON scores (at)
"""


class TraceStore:
    """The last `kept` traces of all processes that share `path`. `put` never waits; what does not fit `dropped` counts.

    `redact` changes a trace before it is kept, in the thread that writes.
    """

    def __init__(
        self,
        path: Path,
        *,
        kept: int = 10_000,
        queue: int = 1000,
        clock: Callable[[], float] = time.time,
        redact: Callable[[Trace], Trace] | None = None,
    ) -> None:
        self._database = Database(path, _SCHEMA)
        self._kept = kept
        self._redact = redact or (lambda trace: trace)
        self._queue: deque[Trace] = deque()
        self._unwritten: dict[str, Trace] = {}  # those in the queue and those that are just being written
        self._limit = queue
        self._clock = clock
        self._waiting = asyncio.Event()
        self._written = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0

    async def open(self) -> None:
        """Raises StoreError."""
        await self._database.open()
        if self._task is None:
            self._task = asyncio.create_task(self._write_on(), name="traces")

    async def close(self, seconds: float = 5.0) -> None:
        """Write what waits, for so many seconds at most, and let go of the file."""
        if self._task is not None:
            await self.flush(seconds)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._database.close()

    def put(self, trace: Trace) -> None:
        """Take a trace; it is written soon. From the loop's own thread."""
        if len(self._queue) >= self._limit:
            self.dropped += 1
            return
        self._queue.append(trace)
        self._unwritten[trace.id] = trace
        self._waiting.set()

    async def flush(self, seconds: float = 5.0) -> bool:
        """Whether all that was put is written, or was counted as dropped, in time."""
        try:
            async with asyncio.timeout(seconds), self._written:
                await self._written.wait_for(lambda: not self._unwritten)
        except TimeoutError:
            return False
        return True

    async def score(self, trace_id: str, name: str, value: float, comment: str = "") -> None:
        """Keep a score, instead of an earlier one of that name. The trace may still be on its way. Raises StoreError."""
        row = (trace_id, name, value, comment, self._clock())
        await self._database.write(lambda db: db.execute("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?)", row))

    async def list(self, limit: int = 20) -> list[Trace]:
        """The newest traces, newest first, with their scores. Raises StoreError."""
        return await self._database.read(lambda db: _read(db, "ORDER BY seq DESC LIMIT ?", (limit,)))

    async def get(self, id: str) -> Trace | None:
        """The trace whose id is `id` or begins with it; one that is still to be written by its whole id alone.

        Raises StoreError when several begin so.
        """
        low = id.strip().lower()
        waiting = self._unwritten.get(low)
        found = await self._database.read(
            lambda db: _read(db, "WHERE id >= ? AND id < ? ORDER BY id LIMIT 3", (low, low + "g"))
        )
        if len(found) > 1 and found[0].id != low:
            raise StoreError(f"several traces begin with {id!r} ({found[0].id}, {found[1].id} ...); give more of the id")
        if found or waiting is None:
            return found[0] if found else None
        scores = await self._database.read(lambda db: _scores(db, low))
        return _scored(await asyncio.to_thread(self._redact, waiting), scores)

    async def scored(self) -> AsyncGenerator[Trace, None]:
        """The traces that somebody scored, oldest first (their ids begin with the time), page by page. Raises StoreError."""
        sql, last = "WHERE id > ? AND id IN (SELECT trace FROM scores) ORDER BY id LIMIT ?", ""
        while page := await self._database.read(partial(_read, which=sql, parameters=(last, _BATCH))):
            for trace in page:
                yield trace
            last = page[-1].id

    async def count(self) -> int:
        """How many traces are kept. Raises StoreError."""
        return await self._database.read(lambda db: int(db.execute("SELECT count(*) FROM traces").fetchone()[0]))

    async def _write_on(self) -> None:
        while True:
            await self._waiting.wait()
            await asyncio.sleep(_PAUSE)
            self._waiting.clear()
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]
                await self._write(batch)

    async def _write(self, batch: Sequence[Trace]) -> None:
        try:
            lost = await self._database.write(lambda db: self._insert(db, batch))
            self.dropped += lost
        except StoreError as exc:
            self.dropped += len(batch)
            log.warning("traces were not kept", extra={"traces": len(batch), "reason": str(exc)})
        finally:
            for trace in batch:
                self._unwritten.pop(trace.id, None)
            async with self._written:
                self._written.notify_all()

    def _insert(self, db: sqlite3.Connection, batch: Sequence[Trace]) -> int:
        rows = [row for trace in batch if (row := self._row(trace)) is not None]
        if rows:  # in one statement: between two, this thread waits 5 ms for a busy loop to let it go on
            places = ", ".join(["(?, ?, ?)"] * len(rows))
            values = [value for row in rows for value in row]
            db.execute(f"INSERT OR IGNORE INTO traces (id, started, trace) VALUES {places}", values)  # noqa: S608 - no text in it
        newest = db.execute("SELECT max(seq) FROM traces").fetchone()[0] or 0
        gone = db.execute("DELETE FROM traces WHERE seq <= ?", (newest - self._kept,)).rowcount
        if gone:
            db.execute(
                "DELETE FROM scores WHERE at < (SELECT min(started) FROM traces) AND trace NOT IN (SELECT id FROM traces)"
            )
        return len(batch) - len(rows)

    def _row(self, trace: Trace) -> tuple[str, float, bytes] | None:
        try:
            written = msgspec.json.encode(self._redact(trace))
            return trace.id, trace.spans[0].start, written if len(written) < _SMALL else zlib.compress(written, 1)
        except (TypeError, UnicodeEncodeError, IndexError) as exc:
            log.warning("a trace cannot be written as JSON", extra={"trace": trace.id, "reason": str(exc)})
            return None


def _read(db: sqlite3.Connection, which: str, parameters: Sequence[object]) -> list[Trace]:
    rows = db.execute(f"SELECT trace FROM traces {which}", parameters).fetchall()  # noqa: S608 - `which` is ours, see above
    traces = [msgspec.json.decode(_written(row[0]), type=Trace) for row in rows]
    return [_scored(trace, _scores(db, trace.id)) for trace in traces]


def _written(row: bytes) -> bytes:
    return row if row.startswith(b"{") else zlib.decompress(row)


def _scores(db: sqlite3.Connection, id: str) -> Mapping[str, tuple[float, str]]:
    rows = db.execute("SELECT name, value, comment FROM scores WHERE trace = ? ORDER BY at", (id,))
    return {name: (value, comment) for name, value, comment in rows}


def _scored(trace: Trace, scores: Mapping[str, tuple[float, str]]) -> Trace:
    if not scores:
        return trace
    comments = [comment for _, comment in scores.values() if comment]
    values = {**trace.scores, **{name: value for name, (value, _) in scores.items()}}
    return replace(trace, scores=values, comment=comments[-1] if comments else trace.comment)
