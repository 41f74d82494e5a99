"""A double of the gateway's HTTP API: serves the real chat page and plays scripted answers, so that a test decides each byte.

It stands beside the real gateway's own tests: what it shows is the page under answers, failures and attacks that a real
gateway must not give.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import uvicorn

PAGE = Path(__file__).parents[2] / "services" / "gateway" / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]


@dataclass
class Refusal:
    """A request that is answered with an error instead."""

    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    trace: str = ""


@dataclass
class Stream:
    """An answer: pieces of text, then `twin` and `annotations`. `hang` waits after the text, `error` and `cut` end it early."""

    pieces: Sequence[str]
    twin: Mapping[str, Any] | None = None
    hang: bool = False
    error: str = ""
    cut: bool = False
    finish: str = "stop"


class ChatApi:
    """Scripted answers by question; what came in is kept in `asked` and `votes`."""

    def __init__(self) -> None:
        self.answers: dict[str, Stream | Refusal] = {}
        self.traces: dict[str, Any] = {}
        self.asked: list[dict[str, Any]] = []
        self.votes: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.missing: list[str] = []
        self.vote_refusal: Refusal | None = None
        self.released = threading.Event()  # ends the answers that hang
        self.cancelled = threading.Event()  # a reader went away in mid-stream

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path, headers = scope["path"], dict(scope["headers"])
        if path.startswith("/v1/") and self.keys and headers.get(b"authorization", b"")[7:].decode() not in self.keys:
            said = "The key is not known." if b"authorization" in headers else "Send a key: Authorization: Bearer ..."
            await _refuse(send, Refusal(401, said))
        elif path == "/v1/chat/completions":
            await self._chat(json.loads(await _body(receive)), receive, send)
        elif path == "/v1/feedback":
            await self._vote(json.loads(await _body(receive)), send)
        else:
            await self._get(path, send)

    async def _get(self, path: str, send: Send) -> None:
        if path == "/readyz":
            await _json(send, 503 if self.missing else 200, {"missing": self.missing})
        elif path == "/v1/models":
            await _json(send, 200, {"data": [{"id": "twin", "twin": {"release": "2026-11-20.1", "index": "minilm-l6-v2.c1.9f2c41", "mode": "extractive"}}]})
        elif path.startswith("/v1/traces/"):
            trace = self.traces.get(path.rpartition("/")[2])
            await (_json(send, 200, trace) if trace else _refuse(send, Refusal(404, "No such trace is kept.")))
        else:
            await _file(send, PAGE / ("index.html" if path == "/" else path.rpartition("/")[2]))

    async def _vote(self, vote: dict[str, Any], send: Send) -> None:
        if self.vote_refusal:
            await _refuse(send, self.vote_refusal)
            return
        self.votes.append(vote)
        await _json(send, 200, {"trace": vote["trace"]})

    async def _chat(self, body: dict[str, Any], receive: Receive, send: Send) -> None:
        self.asked.append(body)
        answer = self.answers[body["messages"][-1]["content"]]
        if isinstance(answer, Refusal):
            await _refuse(send, answer)
            return
        await _start(send, 200, "text/event-stream")
        for piece in answer.pieces:
            await _event(send, _chunk({"content": piece}))
        if answer.hang and not await self._released(receive):
            self.cancelled.set()
            return
        if answer.cut:
            raise ConnectionAbortedError("scripted: the connection is cut")
        if answer.error:
            await _event(send, {"error": {"message": answer.error, "code": "upstream_error"}})
        elif answer.twin:
            await _event(send, {**_chunk({"content": "", "annotations": []}), "twin": answer.twin})
            await _event(send, _chunk({}, answer.finish))
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    async def _released(self, receive: Receive) -> bool:
        gone = asyncio.ensure_future(receive())
        free = asyncio.ensure_future(asyncio.to_thread(self.released.wait, 20))
        done, _ = await asyncio.wait({gone, free}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        return gone not in done


def _chunk(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"object": "chat.completion.chunk", "model": "twin", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def _start(send: Send, status: int, kind: str, headers: Mapping[str, str] | None = None) -> None:
    named = {"content-type": kind, "content-security-policy": POLICY, "x-content-type-options": "nosniff", **(headers or {})}
    await send({"type": "http.response.start", "status": status, "headers": [(k.encode(), v.encode()) for k, v in named.items()]})


async def _event(send: Send, value: Any) -> None:
    await send({"type": "http.response.body", "body": b"data: " + json.dumps(value).encode() + b"\n\n", "more_body": True})


async def _json(send: Send, status: int, value: Any, headers: Mapping[str, str] | None = None) -> None:
    await _start(send, status, "application/json", headers)
    await send({"type": "http.response.body", "body": json.dumps(value).encode()})


async def _refuse(send: Send, refusal: Refusal) -> None:
    await _json(send, refusal.status, {"error": {"message": refusal.message, "trace": refusal.trace}}, refusal.headers)


async def _file(send: Send, path: Path) -> None:
    if not path.is_file():
        await _json(send, 404, {"error": {"message": "no such file"}})
        return
    await _start(send, 200, mimetypes.guess_type(path.name)[0] or "application/octet-stream")
    await send({"type": "http.response.body", "body": path.read_bytes()})


class Served:
    """`api` on loopback and a free port, in a thread; `stop` ends it at once, running streams included."""

    def __init__(self, api: ChatApi) -> None:
        self.server = uvicorn.Server(uvicorn.Config(api, port=0, log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self) -> Self:
        started = threading.Event()
        startup = self.server.startup

        async def start(sockets: Any = None) -> None:
            await startup(sockets)
            started.set()

        self.server.startup = start  # type: ignore[method-assign]  # uvicorn has no event for it
        self.thread.start()
        assert started.wait(20), "the double did not start"
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}/"
        return self

    def stop(self) -> None:
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(20)

    def __exit__(self, *_: object) -> None:
        self.stop()
