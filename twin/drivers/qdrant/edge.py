"""A folder of indexes that several processes use at once, as an `IndexStore`.

The engine locks its files, so the first process owns the folder (a lock file that the kernel frees however it ends) and
listens on a Unix socket; the others send it their calls. When the owner goes, whoever calls next becomes the owner and
repeats its call: every call may be repeated without harm. Knows nothing of chunks.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import random
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from twin.drivers.qdrant import wire
from twin.drivers.qdrant.engine import PAGE, Engine
from twin.errors import IndexStoreError, TwinError
from twin.records import Chunk, Filter, IndexInfo, IndexSpec, Passage

LONGEST_SOCKET = 100  # bytes; the kernel's bound is 108
ATTACH_WITHIN = 30.0  # seconds: an owner that neither serves nor lets go is named after that
INLINE = frozenset({"live", "search"})  # about a millisecond: cheaper in the loop than a thread


class EdgeIndexes:
    """Indexes under `folder`. The same object is owner or client by turns; its user never knows."""

    def __init__(self, folder: Path, quantization: str = "") -> None:
        self._folder = folder
        self._quantization = quantization
        self._engine: Engine | None = None
        self._lock: int | None = None
        self._listener: asyncio.Server | None = None
        self._socket: Path | None = None
        self._peers: set[asyncio.StreamWriter] = set()
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="index")

    @property
    def owner(self) -> bool:
        """Whether this process has the engine."""
        return self._engine is not None

    async def open(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise IndexStoreError(f"{self._folder}: cannot be made ({exc.strerror}); set TWIN_HOME elsewhere") from exc
        async with self._turn:
            await self._attach()

    async def close(self) -> None:
        async with self._turn:
            await self._detach()
            if self._listener:
                self._listener.close()
                for peer in list(self._peers):
                    peer.close()
            if self._engine:
                engine, self._engine = self._engine, None
                await asyncio.get_running_loop().run_in_executor(self._writer, engine.close)
            if self._socket:
                self._socket.unlink(missing_ok=True)
                if self._socket.parent != self._folder:
                    shutil.rmtree(self._socket.parent, ignore_errors=True)
            if self._lock is not None:
                os.close(self._lock)
            self._listener = self._socket = self._lock = None
        self._writer.shutdown(wait=False)

    async def list(self) -> list[IndexInfo]:
        return await self._call("list")  # type: ignore[no-any-return]  # typed by wire.CALLS

    async def live(self) -> str:
        return await self._call("live")  # type: ignore[no-any-return]

    async def create(self, spec: IndexSpec) -> IndexInfo:
        return await self._call("create", spec)  # type: ignore[no-any-return]

    async def write(self, index: str, chunks: Sequence[Chunk], vectors: Sequence[Sequence[float]]) -> None:
        await self._call("write", index, chunks, vectors)

    async def update(self, index: str, chunks: Sequence[Chunk]) -> None:
        await self._call("update", index, chunks)

    async def stored(self, index: str, documents: Sequence[str]) -> Mapping[str, Mapping[str, Chunk]]:
        return await self._call("stored", index, documents)  # type: ignore[no-any-return]

    async def remove(self, index: str, chunk_ids: Sequence[str]) -> None:
        await self._call("remove", index, chunk_ids)

    async def mark(self, index: str, *, revisions: Mapping[str, int] | None = None, recall: float | None = None) -> None:
        await self._call("mark", index, revisions, recall)

    async def optimize(self, index: str) -> None:
        await self._call("optimize", index)

    async def switch(self, index: str) -> None:
        await self._call("switch", index)

    async def drop(self, index: str) -> None:
        await self._call("drop", index)

    async def search(
        self, index: str, *, vector: Sequence[float] | None, text: str, filter: Filter, limit: int
    ) -> Sequence[Passage]:
        return await self._call("search", index, vector, text, filter, limit)  # type: ignore[no-any-return]

    async def scan(self, index: str, limit: int = 0) -> AsyncGenerator[Chunk, None]:
        after, given = "", 0
        while not limit or given < limit:
            chunks, after = await self._call("page", index, after, min(PAGE, limit - given) if limit else PAGE)
            for chunk in chunks:
                yield chunk
            given += len(chunks)
            if not after:
                return

    async def _call(self, method: str, *arguments: Any) -> Any:
        if self._engine and method in INLINE:
            return getattr(self._engine, method)(*arguments)
        deadline = time.monotonic() + ATTACH_WITHIN
        while True:
            if self._engine:
                return await self._perform(method, arguments)
            async with self._turn:  # one call at a time on the stream
                try:
                    await self._attach()
                    if self._stream:
                        return await self._ask(method, arguments)
                except (OSError, asyncio.IncompleteReadError) as exc:
                    await self._detach()
                    if time.monotonic() > deadline:
                        raise IndexStoreError(
                            f"{self._folder}: its owner (process {self._holder()}) does not answer: {exc}"
                        ) from exc

    async def _perform(self, method: str, arguments: Sequence[Any]) -> Any:
        if not self._engine:
            raise IndexStoreError(f"{self._folder}: the index was closed")
        call = getattr(self._engine, method)
        if method in INLINE:
            return call(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._writer, call, *arguments)

    async def _ask(self, method: str, arguments: Sequence[Any]) -> Any:
        assert self._stream  # noqa: S101  _attach gave either an engine or a stream
        reader, writer = self._stream
        try:
            writer.write(wire.encode_call(method, arguments))
            await writer.drain()
            data = await wire.read(reader)
        except asyncio.CancelledError:  # the reply of a cancelled call must not become the next one's
            await self._detach()
            raise
        return wire.decode_result(method, data)

    async def _attach(self) -> None:
        """Become the owner, or connect to it."""
        deadline = time.monotonic() + ATTACH_WITHIN
        while not self._engine and not self._stream:
            if self._take_lock():
                await self._own()
                return
            try:
                self._stream = await asyncio.open_unix_connection(self._socket_of_owner(), limit=1 << 20)
            except OSError as exc:  # between two owners, or one that is just starting or ending
                if time.monotonic() > deadline:
                    raise IndexStoreError(
                        f"{self._folder}: is held by process {self._holder()}, which does not answer; stop it and try again"
                    ) from exc
                await asyncio.sleep(0.02 + random.random() * 0.05)  # noqa: S311  spreads callers, keeps no secret

    async def _detach(self) -> None:
        if self._stream:
            self._stream[1].close()
            self._stream = None

    def _take_lock(self) -> bool:
        descriptor = os.open(self._folder / "owner", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    async def _own(self) -> None:
        assert self._lock is not None  # noqa: S101  the caller took it
        try:
            self._engine = Engine(self._folder, self._quantization)
            self._socket = _socket_path(self._folder)
            self._socket.unlink(missing_ok=True)
            self._listener = await asyncio.start_unix_server(self._serve, self._socket, limit=1 << 20)
            self._socket.chmod(0o600)
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, f"{os.getpid()}\n{self._socket}\n".encode(), 0)
        except BaseException:
            self._engine = None
            os.close(self._lock)
            self._lock = None
            raise

    def _socket_of_owner(self) -> str:
        lines = (self._folder / "owner").read_text(encoding="utf-8").splitlines()
        if len(lines) < 2:  # noqa: PLR2004  the owner has not written its two lines yet
            raise ConnectionRefusedError("the owner is starting")
        return lines[1]

    def _holder(self) -> str:
        with contextlib.suppress(OSError, IndexError):
            return (self._folder / "owner").read_text(encoding="utf-8").splitlines()[0]
        return "unknown"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._peers.add(writer)
        try:
            while True:
                data = await wire.read(reader)
                try:
                    method, arguments = wire.decode_call(data)
                    reply = wire.encode_result(await self._perform(method, arguments))
                except TwinError as exc:
                    if not self._engine:  # closing: let the client find the next owner
                        return
                    reply = wire.encode_error(exc)
                writer.write(reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError, TwinError):
            return  # the client went away, or speaks something else
        finally:
            self._peers.discard(writer)
            writer.close()


def _socket_path(folder: Path) -> Path:
    """In the folder, or where its path would be too long for a socket, in a private one of its own."""
    path = folder.resolve() / "socket"
    if len(os.fsencode(path)) <= LONGEST_SOCKET:
        return path
    return Path(tempfile.mkdtemp(prefix="twin-")) / "socket"
