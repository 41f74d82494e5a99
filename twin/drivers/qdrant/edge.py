"""A folder of indexes that several processes use at once, as an `IndexStore`.

The engine locks its files, so the first process owns the folder and listens on a Unix socket; the others send it their calls,
one stream a call. When the owner goes, whoever calls next becomes the owner and repeats its call: every call may be
repeated without harm. Knows nothing of chunks.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

from twin.drivers.qdrant import points, wire
from twin.drivers.qdrant.engine import PAGE, Engine
from twin.drivers.qdrant.ownership import Ownership, socket_path
from twin.drivers.qdrant.payload import plain
from twin.errors import IndexStoreError, TwinError
from twin.records import Chunk, Filter, IndexInfo, IndexSpec, Passage

ATTACH_WITHIN = 30.0  # seconds: an owner that neither serves nor lets go is named after that
INLINE = frozenset({"live", "search"})  # about a millisecond: cheaper in the loop than a thread
BUFFER = 1 << 20
STREAMS = 16  # calls of one client under way at once; the others wait their turn
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class EdgeIndexes:
    """Indexes under `folder`. The same object is owner or client by turns; its user never knows."""

    def __init__(self, folder: Path, quantization: str = "", *, attach_within: float = ATTACH_WITHIN) -> None:
        self._folder = folder
        self._quantization = quantization
        self._attach_within = attach_within
        self._ownership = Ownership(folder)
        self._engine: Engine | None = None
        self._listener: asyncio.Server | None = None
        self._peers: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}
        self._streams: set[asyncio.StreamWriter] = set()
        self._idle: list[Stream] = []
        self._slots = asyncio.Semaphore(STREAMS)
        self._turn = asyncio.Lock()  # one coroutine at a time becomes the owner or ceases to be it
        self._writer: ThreadPoolExecutor | None = None  # None: closed

    @property
    def owner(self) -> bool:
        """Whether this process has the engine."""
        return self._engine is not None

    async def open(self) -> None:
        """Own the folder, or reach its owner."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise IndexStoreError(f"{self._folder}: cannot be made ({exc.strerror}); set TWIN_HOME elsewhere") from exc
        self._writer = self._writer or ThreadPoolExecutor(max_workers=1, thread_name_prefix="index")
        if stream := await self._attach():
            self._idle.append(stream)

    async def close(self) -> None:
        """Finish what others asked for, then let the next process own the folder; to its end, even when cancelled."""
        writer, self._writer = self._writer, None
        await asyncio.shield(asyncio.ensure_future(self._end(writer)))

    async def _end(self, writer: ThreadPoolExecutor | None) -> None:
        async with self._turn:
            if not writer or self._writer:  # closed before, or opened again meanwhile
                return
            for stream in self._streams:
                stream.close()
            self._streams.clear()
            self._idle.clear()
            engine, self._engine = self._engine, None
            if self._listener:
                await _deafened(self._listener)
                self._listener.close()
                for peer in self._peers.values():
                    peer.close()
                await asyncio.gather(*self._peers, return_exceptions=True)
                if engine:
                    await asyncio.get_running_loop().run_in_executor(writer, engine.close)
                socket_path(self._folder).unlink(missing_ok=True)
            self._listener = None
            self._ownership.release()
        writer.shutdown(wait=False)

    async def list(self) -> list[IndexInfo]:
        return await self._call("list")  # type: ignore[no-any-return]  # typed by wire.CALLS

    async def live(self) -> str:
        return await self._call("live")  # type: ignore[no-any-return]

    async def create(self, spec: IndexSpec) -> IndexInfo:
        return await self._call("create", spec)  # type: ignore[no-any-return]

    async def write(self, index: str, chunks: Sequence[Chunk], vectors: Sequence[Sequence[float]]) -> None:
        for part in wire.spans(chunks):
            await self._call("write", index, chunks[part], vectors[part])

    async def update(self, index: str, chunks: Sequence[Chunk]) -> None:
        for part in wire.spans(chunks):
            await self._call("update", index, chunks[part])

    async def stored(self, index: str, documents: Sequence[str]) -> Mapping[str, Mapping[str, Chunk]]:
        found: dict[str, dict[str, Chunk]] = {}
        if documents:
            async for one in self._pages(index, 0, documents):
                found.setdefault(one.document, {})[one.id] = one
        return found

    async def remove(self, index: str, chunk_ids: Sequence[str]) -> None:
        await self._call("remove", index, chunk_ids)

    async def mark(
        self, index: str, *, revisions: Mapping[str, int] | None = None, recall: float | None = None, store: str | None = None
    ) -> None:
        await self._call("mark", index, revisions, recall, store)

    async def optimize(self, index: str) -> None:
        await self._call("optimize", index)

    async def switch(self, index: str) -> None:
        await self._call("switch", index)

    async def drop(self, index: str) -> None:
        await self._call("drop", index)

    async def snapshot(self, index: str, into: Path) -> tuple[IndexInfo, str]:
        """Save `index` (empty: the live one) at the absolute path `into`, while writers wait; also its documents' digest."""
        return await self._call("snapshot", index, str(into))  # type: ignore[no-any-return]

    async def restore(self, saved: Path, *, replace: bool = False) -> IndexInfo:
        """Make the index that was saved at `saved`; `replace` what one of its name holds. Raises RefusedError."""
        return await points.fill(self, saved, replace=replace)

    async def search(
        self, index: str, *, vector: Sequence[float] | None, text: str, filter: Filter, limit: int
    ) -> Sequence[Passage]:
        return await self._call("search", index, vector, plain(text), filter, limit)  # type: ignore[no-any-return]

    async def scan(self, index: str, limit: int = 0) -> AsyncGenerator[Chunk, None]:
        name = index or await self.live()  # the same one to its end, should the alias move
        async with aclosing(self._pages(name, limit, ())) as found:
            async for chunk in found:
                yield chunk

    async def _pages(self, index: str, limit: int, documents: Sequence[str]) -> AsyncGenerator[Chunk, None]:
        after, given = "", 0
        while not limit or given < limit:
            asked = min(PAGE, limit - given) if limit else PAGE
            chunks, after = await self._call("page", index, after, asked, documents, wire.room())
            for chunk in chunks:
                yield chunk
            given += len(chunks)
            if not after:
                return

    async def _call(self, method: str, *arguments: Any) -> Any:
        if self._engine:
            return await self._perform(method, arguments)
        call = wire.encode_call(method, arguments)
        async with self._slots:
            reply = await self._asked(call)
        return wire.decode_result(method, reply) if reply else await self._perform(method, arguments)

    async def _asked(self, call: bytes) -> bytes:
        """The owner's reply; empty when this process has become the owner."""
        failing = 0.0
        while not self._engine:
            stream = self._idle.pop() if self._idle else await self._attach()
            if stream is None:
                break
            try:
                return await self._ask(stream, call)
            except (OSError, asyncio.IncompleteReadError) as exc:  # the owner went: find the next one
                failing = failing or time.monotonic()
                if time.monotonic() - failing > self._attach_within:
                    raise self._unanswered() from exc
                self._drop_idle()
                await asyncio.sleep(random.random() * 0.02)  # noqa: S311  spreads callers, keeps no secret
        return b""

    def _drop_idle(self) -> None:
        """Close streams that no call waits on: they went to the same owner."""
        for _, writer in self._idle:
            self._streams.discard(writer)
            writer.close()
        self._idle.clear()

    async def _perform(self, method: str, arguments: Sequence[Any]) -> Any:
        if not self._engine or not self._writer:
            raise self._closed()
        call = getattr(self._engine, method)
        if method in INLINE:
            return call(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._writer, call, *arguments)

    async def _ask(self, stream: Stream, call: bytes) -> bytes:
        reader, writer = stream
        answered = False
        try:
            writer.write(call)
            await writer.drain()
            data = await wire.read(reader)
            answered = True
        finally:  # the reply of a call that was given up must not become the next one's
            if answered and writer in self._streams:
                self._idle.append(stream)
            else:
                self._streams.discard(writer)
                writer.close()
        return data

    async def _attach(self) -> Stream | None:
        """A stream to the owner, or None: this process is it."""
        deadline = time.monotonic() + self._attach_within
        while True:
            async with self._turn:
                if not self._writer:
                    raise self._closed()
                if not self._engine and self._ownership.take():
                    await self._own()
            if self._engine:
                return None
            try:
                stream = await asyncio.open_unix_connection(self._ownership.socket(), limit=BUFFER)
            except OSError as exc:  # between two owners, or one that is just starting or ending
                if time.monotonic() > deadline:
                    raise self._unanswered() from exc
                await asyncio.sleep(0.02 + random.random() * 0.05)  # noqa: S311  spreads callers, keeps no secret
            else:
                self._streams.add(stream[1])
                return stream

    async def _own(self) -> None:
        listener = None
        try:
            socket = socket_path(self._folder)
            socket.unlink(missing_ok=True)  # of an owner that was killed
            engine = Engine(self._folder, self._quantization)
            listener = await asyncio.start_unix_server(self._serve, socket, limit=BUFFER, backlog=1024)
            socket.chmod(0o600)
            self._ownership.announce(socket)
        except BaseException as exc:
            if listener:
                listener.close()
            self._ownership.release()
            if isinstance(exc, OSError):
                raise IndexStoreError(f"{self._folder}: cannot be shared ({exc.strerror} {exc.filename or ''})") from exc
            raise
        self._listener, self._engine = listener, engine

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task  # noqa: S101  a server's callback runs in one
        self._peers[task] = writer
        try:
            while self._writer and (reply := await self._reply(await wire.read(reader))) is not None:
                writer.write(reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError, TwinError, asyncio.CancelledError):
            return  # the client went away or speaks something else, or the loop ends
        finally:
            del self._peers[task]
            writer.close()

    async def _reply(self, data: bytes) -> bytes | None:
        """The frame that answers one; None while closing, so that the client finds the next owner."""
        try:
            method, arguments = wire.decode_call(data)
            return wire.encode_result(await self._perform(method, arguments))
        except TwinError as exc:
            return wire.encode_error(exc) if self._engine and self._writer else None

    def _closed(self) -> IndexStoreError:
        return IndexStoreError(f"{self._folder}: the index was closed")

    def _unanswered(self) -> IndexStoreError:
        return IndexStoreError(
            f"{self._folder}: is held by process {self._ownership.holder()}, which does not answer; stop it and try again"
        )


async def _deafened(listener: asyncio.Server) -> None:
    """Accept nothing more, and let begin what was accepted: asyncio forgets a connection that it took in the moment in which
    its server closes, without closing it, and whoever is at its other end would wait for ever.
    """
    loop = asyncio.get_running_loop()
    for socket in listener.sockets:
        loop.remove_reader(socket.fileno())
    for _ in range(2):
        await asyncio.sleep(0)
