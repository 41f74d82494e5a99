"""The real gateway with its real answerer before a scripted model server: all in the test's own loop, on real sockets.

async with gateway(folder, server, first_token=0.3) as gate:
    reply = await gate.ask(retrieval="off", stream=True)
    assert (await gate.trace()).status == "ok"
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from services.gateway.limits import Admission
from services.gateway.reviews import Desk
from services.gateway.serve import config, ended, listen
from services.gateway.state import Gateway
from tests.doubles.model_server import ModelServer
from tests.unit.answer.fakes import CATS, ListSearcher, WordEmbedder
from tests.unit.dataset.reviewing import Decisions, Marked
from twin.answer.answerer import Answerer
from twin.drivers.keys import Keys
from twin.drivers.openai.generator import OpenAIGenerator
from twin.drivers.openai.http import Server, Timeouts
from twin.records import Trace

QUESTION = "When do cats hunt?"
UPSTREAM_KEY = "sk-upstream-do-not-show-1234567890"
PATIENT = 30.0


@dataclass
class Sink:
    """Traces as they are put, kept for `get`."""

    put_ones: asyncio.Queue[Trace] = field(default_factory=asyncio.Queue)
    kept: dict[str, Trace] = field(default_factory=dict)
    scores: list[tuple[str, float, str]] = field(default_factory=list)
    dropped: int = 0

    def put(self, trace: Trace) -> None:
        self.kept[trace.id] = trace
        self.put_ones.put_nowait(trace)

    async def get(self, id: str) -> Trace | None:
        return self.kept.get(id)

    async def score(self, trace_id: str, name: str, value: float, comment: str = "") -> None:
        self.scores.append((trace_id, value, comment))


@dataclass(frozen=True)
class Reply:
    """A reply as it came; `whole` is false when the connection was cut inside it."""

    status: int
    headers: dict[str, str]
    raw: bytes
    whole: bool = True

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def events(self) -> list[Any]:
        return [_value(part[6:]) for part in self.raw.split(b"\n\n") if part.startswith(b"data: ")]

    @property
    def said(self) -> str:
        """The text of a stream's chunks."""
        chosen = [one["choices"][0]["delta"] for one in self.events if isinstance(one, dict) and one.get("choices")]
        return "".join(delta.get("content") or "" for delta in chosen)


def _value(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:  # [DONE], or what a model server sent
        return data.decode("utf-8", "replace")


@dataclass
class Gate:
    """A gateway that serves."""

    state: Gateway
    sink: Sink
    server: uvicorn.Server
    port: int
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        async with self.session.request(method, self.url + path, data=data, headers=headers) as reply:
            raw, whole = bytearray(), True
            try:
                async for part in reply.content.iter_any():
                    raw += part
            except aiohttp.ClientError:
                whole = False
            return Reply(reply.status, {name.lower(): value for name, value in reply.headers.items()}, bytes(raw), whole)

    async def ask(self, retrieval: str = "on", text: str = QUESTION, key: str = "", **more: Any) -> Reply:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return await self.call("POST", "/v1/chat/completions", asked(retrieval, text, **more), **headers)

    async def connect(self, buffer: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection of its own; `buffer` bounds what its kernel takes for a client that does not read."""
        sock = socket.socket()
        if buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        return await asyncio.open_connection(sock=sock)

    async def send(self, data: bytes) -> bytes:
        """What comes back for these bytes until the connection ends; what was said is kept when it is cut."""
        reader, writer = await self.connect()
        with closing(writer):
            writer.write(data)
            return await asyncio.wait_for(received(reader), PATIENT)

    async def trace(self) -> Trace:
        """The next trace that is put."""
        return await asyncio.wait_for(self.sink.put_ones.get(), PATIENT)

    async def idle(self) -> None:
        """Wait until every request has ended, and hold the gateway to having all its places again."""
        while tasks := set(self.server.server_state.tasks):
            _, late = await asyncio.wait(tasks, timeout=PATIENT)
            assert not late
        assert (self.state.admission.active, self.state.admission.waiting) == (0, 0)


async def received(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the connection ends; what was said is kept when it is cut."""
    got = bytearray()
    with suppress(ConnectionError):
        while part := await reader.read(65_536):
            got += part
    return bytes(got)


def asked(retrieval: str = "on", text: str = QUESTION, **more: Any) -> dict[str, Any]:
    """The body of a question."""
    options = {} if retrieval == "on" else {"twin": {"retrieval": retrieval}}
    return {"model": "twin", "messages": [{"role": "user", "content": text}], **options, **more}


def request(body: Any, path: str = "/v1/chat/completions", *headers: str) -> bytes:
    """A POST as bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(data)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


class _Unsignalled(uvicorn.Server):
    """The test runner's signals stay its own."""

    def capture_signals(self) -> Any:
        return nullcontext()


@asynccontextmanager
async def gateway(
    folder: Path,
    server: ModelServer | str | None = None,
    *,
    first_token: float = PATIENT,
    idle: float = PATIENT,
    total: float = PATIENT,
    admission: Admission | None = None,
    **fields: Any,
) -> AsyncIterator[Gate]:
    """A gateway before `server`, which may be an address where nothing is; extractive without one."""
    url = server.url if isinstance(server, ModelServer) else server
    times = Timeouts(PATIENT, first_token, idle, total)
    model = OpenAIGenerator(Server(url, key=UPSTREAM_KEY, timeouts=times, wait=0.001), "double") if url else None
    sink, searcher, embedder = Sink(), ListSearcher(CATS), WordEmbedder()
    state = Gateway(
        answerer=Answerer(embedder=embedder, searcher=searcher, sink=sink, generator=model, release="r1"),
        searcher=searcher, embedder=embedder, embedder_name="words", sink=sink, traces=sink,
        admission=admission or Admission(64, 64, PATIENT), release="r1", upstream=model, upstream_url=url or "",
        upstream_headers={"authorization": f"Bearer {UPSTREAM_KEY}"}, connect_timeout=PATIENT,
        first_token_timeout=first_token, idle_timeout=idle, total_timeout=total,
        **{"keys": Keys(folder / "keys.json"), "desk": Desk(Marked(), Decisions()), **fields},
    )  # fmt: skip
    sock = listen("127.0.0.1", 0)
    served = _Unsignalled(config(state))
    serving = asyncio.create_task(_serve(served, sock, state))
    async with aiohttp.ClientSession() as session:
        try:
            yield Gate(state, sink, served, sock.getsockname()[1], session)
        finally:
            await session.close()
            served.should_exit = served.force_exit = True
            await serving
            if model:
                await model.close()


async def _serve(server: uvicorn.Server, sock: Any, state: Gateway) -> None:
    await server.serve(sockets=[sock])
    await ended(server.server_state.tasks)
    if state.session is not None:
        await state.session.close()
