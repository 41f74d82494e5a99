"""A double of an OpenAI-compatible model server: real HTTP on loopback, scripted answers and faults.

async with ModelServer() as server:          # answers every request with TEXT
    server.script = [Hang(), Status(503), Say("word ", "word")]   # one entry a request, the last one stays
    server.by = lambda request: Say((request["model"],))          # or an answer to each request, in place of the script
    ... server.url, server.requests, server.gone (set when a client left in the middle)
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

TEXT = ("Tombstones ", "mark documents ", "that are gone ", "[1].")


def delta(text="", *, finish=None, index=0, **fields):
    body = {"role": "assistant", "content": text, **fields}
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "model": "double",
        "choices": [{"index": index, "delta": body, "finish_reason": finish}],
    }


def frame(value):
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


@dataclass(frozen=True)
class Say:
    """A good answer; `hold` waits on the server's `release` event before piece number `hold`."""

    pieces: tuple = TEXT
    finish: str | None = "stop"
    done: bool = True
    hold: int = -1
    extra: tuple = ()  # further chunks, before the finish


@dataclass(frozen=True)
class Status:
    """An error reply."""

    status: int
    body: bytes = b'{"error": {"message": "scripted", "code": "scripted_code"}}'
    kind: str = "application/json"
    headers: tuple = ()  # pairs


@dataclass(frozen=True)
class Raw:
    """These bytes as an event stream, in pieces of `step`, then the end (`reset`: of the connection, not of the body).

    `pause`: seconds after each piece. `hang`: then nothing more; `endless`: the same again and again.
    """

    data: bytes
    step: int = 0
    pause: float = 0.0
    reset: bool = False
    kind: str = "text/event-stream"
    hang: bool = False
    endless: bool = False


@dataclass(frozen=True)
class Bytes:
    """These bytes in place of a reply, then the end of the connection."""

    data: bytes


@dataclass(frozen=True)
class Hang:
    """Nothing, or after `after` pieces nothing more."""

    after: int = -1


@dataclass(frozen=True)
class Drop:
    """Closes the connection before it answers."""


@dataclass
class ModelServer:
    script: list = field(default_factory=lambda: [Say()])
    requests: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    models: tuple = ("double",)  # names, or what /v1/models says of each
    by: Callable | None = None

    async def __aenter__(self):
        self.gone = asyncio.Event()
        self.release = asyncio.Event()
        self._tasks = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *error):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if head.startswith("GET"):
            cards = [one if isinstance(one, dict) else {"id": one} for one in self.models]
            await self._reply(writer, 200, json.dumps({"data": cards}).encode())
            return True
        self.headers.append(headers)
        self.requests.append(json.loads(body))
        answer = self.by(self.requests[-1]) if self.by else self._next()
        if isinstance(answer, Drop):
            return False
        if isinstance(answer, Status):
            await self._reply(writer, answer.status, answer.body, answer.kind, answer.headers)
            return True
        if isinstance(answer, Bytes):
            writer.write(answer.data)
            return False
        watch = asyncio.create_task(self._watch(reader))
        try:
            return await self._stream(writer, answer, self.requests[-1])
        except ConnectionError:
            self.gone.set()
            raise
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    def _next(self):
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    async def _watch(self, reader):
        with suppress(ConnectionError):
            if await reader.read(1):
                return
        self.gone.set()

    async def _stream(self, writer, answer, request):
        if isinstance(answer, Hang):
            if answer.after >= 0:
                await self._head(writer)
                await self._frames(writer, [delta(piece) for piece in TEXT[: answer.after]])
            await asyncio.Event().wait()
        if isinstance(answer, Raw):
            return await self._raw(writer, answer)
        if not request.get("stream"):
            if answer.hold >= 0:
                await self.release.wait()
            message = {"role": "assistant", "content": "".join(answer.pieces)}
            usage = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
            whole = {
                "id": "c",
                "object": "chat.completion",
                "model": "double",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": usage,
            }
            await self._reply(writer, 200, json.dumps(whole).encode())
            return True
        await self._head(writer)
        for at, piece in enumerate(answer.pieces):
            if at == answer.hold:
                await self.release.wait()
            await self._frames(writer, [delta(piece)])
        last = [*answer.extra, delta(finish=answer.finish)]
        if request.get("stream_options", {}).get("include_usage"):
            last.append({"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}})
        await self._frames(writer, last + ([b"[DONE]"] if answer.done else []))
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _raw(self, writer, answer):
        await self._head(writer, answer.kind)
        step = answer.step or max(1, len(answer.data))
        for at in range(0, len(answer.data), step):
            self._chunk(writer, answer.data[at : at + step])
            await writer.drain()
            if answer.step:
                await asyncio.sleep(answer.pause)
        while answer.endless:
            self._chunk(writer, answer.data)
            await writer.drain()
            await asyncio.sleep(0)
        if answer.hang:
            await asyncio.Event().wait()
        if not answer.reset:
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        return False

    async def _head(self, writer, kind="text/event-stream"):
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        await writer.drain()

    async def _frames(self, writer, values):
        for value in values:
            self._chunk(writer, frame(value))
        await writer.drain()

    def _chunk(self, writer, data):
        writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def _reply(self, writer, status, body, kind="application/json", headers=()):
        named = (("content-type", kind), ("content-length", len(body)), *headers)
        lines = "".join(f"{name}: {value}\r\n" for name, value in named)
        writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body)
        await writer.drain()
