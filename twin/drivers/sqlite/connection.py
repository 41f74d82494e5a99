"""Work on a SQLite connection -> awaitable result: one file, one thread, every library error mapped. Knows no table."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from twin.errors import StoreError

T = TypeVar("T")
BUSY_SECONDS = 15.0  # how long to wait for another process's transaction; ours last milliseconds

_REMEDIES = {
    "SQLITE_FULL": "there is no space left for it; free some and run again",
    "SQLITE_BUSY": f"another process has been writing to it for more than {BUSY_SECONDS:.0f} s; run again when it is done",
    "SQLITE_LOCKED": "another process is writing to it; run again when it is done",
    "SQLITE_CORRUPT": "the file is damaged; move it away and run again, which makes a new one",
    "SQLITE_NOTADB": "the file is no SQLite database; move it away and run again, which makes a new one",
    "SQLITE_READONLY": "it may not be written; check who owns the file and its folder",
    "SQLITE_CANTOPEN": "it cannot be opened; check that its folder exists and may be written",
    "SQLITE_PERM": "it may not be opened; check who owns the file and its folder",
    "SQLITE_TOOBIG": "a text is larger than SQLite can hold (1 GB)",
    "SQLITE_IOERR": "reading or writing it failed; check the disk, its quota and the limit on file sizes",
}


class Database:
    """A SQLite file in WAL mode, used from a thread of its own. Several processes may open the same file.

    `schema` is run once, when the file is new; `version` is kept in the file and refuses a file of another version.
    All methods raise StoreError.
    """

    def __init__(self, path: Path, schema: str, version: int = 1) -> None:
        self.path = path
        self._schema = schema
        self._version = version
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Make the folder, the file and its tables where they are missing. Opening twice is once."""
        if self._thread is not None:
            return
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        try:
            await self._run(self._connect)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End what was begun and let go of the file. Closing twice is once."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.get_running_loop().run_in_executor(thread, connection.close)
        thread.shutdown(wait=False)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`work` on the connection, in the thread; its statements see what is committed."""
        return await self._run(lambda: work(self._open_connection()))

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`work` in one transaction that holds the write lock from its beginning; all of it or nothing."""
        return await self._run(lambda: self._transaction(work))

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._open_connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite rolls back by itself when the disk is full
                connection.execute("ROLLBACK")
            raise
        return result

    async def _run(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            raise StoreError(f"{self.path}: the store is not open")
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait({future})  # a lease must not end while its transaction is still on the way
            raise
        except sqlite3.Error as exc:
            raise self._mapped(exc) from exc
        except UnicodeEncodeError as exc:
            raise StoreError(f"{self.path}: a text is not valid Unicode ({exc.reason}); clean it before it is stored") from exc
        except OSError as exc:
            raise StoreError(f"{self.path}: {exc.strerror or exc}; check the folder") from exc

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError(f"{self.path}: the store is not open")
        return self._connection

    def _connect(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        self._connection = connection
        connection.execute("PRAGMA synchronous = NORMAL")  # with WAL: a killed process loses nothing, a power cut no integrity
        if self._stored_version() != self._version:
            connection.execute("PRAGMA journal_mode = WAL")
            self._transaction(self._create)

    def _stored_version(self) -> int:
        return int(self._open_connection().execute("PRAGMA user_version").fetchone()[0])

    def _create(self, connection: sqlite3.Connection) -> None:
        stored = self._stored_version()  # again, under the lock: another process may have been first
        if stored == self._version:
            return
        if stored:
            raise StoreError(
                f"{self.path}: made by another version of twin (layout {stored}, this one reads {self._version}); "
                "use that version, or move the file away and run again"
            )
        for statement in self._schema.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {self._version}")

    def _mapped(self, exc: sqlite3.Error) -> StoreError:
        name = getattr(exc, "sqlite_errorname", "") or ""
        remedy = next((text for code, text in _REMEDIES.items() if name.startswith(code)), "")
        return StoreError(f"{self.path}: {exc}" + (f": {remedy}" if remedy else ""))
