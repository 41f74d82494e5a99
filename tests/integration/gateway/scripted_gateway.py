"""The real gateway in a thread, over an answerer that plays scripts: a test decides what is answered, and how it fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import uvicorn
import uvloop

from services.gateway.limits import Admission
from services.gateway.reviews import Desk
from services.gateway.serve import config, ended, listen
from services.gateway.state import Gateway
from tests.unit.dataset.reviewing import Decisions, Marked
from twin.answer.ports import Delta, Done
from twin.answer.prompt import Prompt
from twin.drivers.keys import Keys
from twin.errors import AnswerError, IndexStoreError, StoreError, UpstreamError
from twin.records import Answer, Author, Chunk, Citation, Fault, Kind, Passage, Question, Span, Trace

RELEASE, INDEX = "2026-11-20.1", "minilm-l6-v2.c1.9f2c41"
TRACE = "0199c0de-0000-7000-8000-000000000001"


class RefusalError(AnswerError):
    """A question that is refused before its first byte."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None, trace: str = "") -> None:
        super().__init__(message, status=status)
        self.headers, self.trace_id = headers or {}, trace


@dataclass
class Stream:
    """An answer: pieces of text, then its record. `hang` waits after the text, `error` and `defect` end it early."""

    pieces: Sequence[str] = ()
    passages: Sequence[Passage] = ()
    mode: str = "model"
    degraded: tuple[str, ...] = ()
    trace: str = TRACE
    finish: str = "stop"
    hang: bool = False
    error: str = ""
    defect: bool = False

    def record(self) -> Answer:
        text = "".join(self.pieces)
        cited = [(passage, text.find(f"[{passage.rank}]")) for passage in self.passages]
        citations = tuple(Citation(one.rank, at, at + 3, one) for one, at in cited if at >= 0)
        return Answer(
            text=text, citations=citations, passages=tuple(self.passages), mode=self.mode, model="m", index=INDEX,
            release=RELEASE, trace=self.trace, finish_reason=self.finish, degraded=self.degraded,
        )  # fmt: skip


def passage(rank: int, text: str, *, author: str = "Ada Author", **fields: Any) -> Passage:
    """A passage with an address of its own."""
    made = {
        "id": f"c{rank}", "document": f"d{rank}", "content_hash": "", "uri": f"https://example.org/{rank}", "source": "notes",
        "kind": Kind.ARTICLE, "title": f"Note {rank}", "heading": (), "span": (0, len(text)), "position": 0, "link": "",
    }  # fmt: skip
    return Passage(rank, 0.9 / rank, Chunk(author=Author("ada", author), text=text, **{**made, **fields}))


def trace(*spans: Span, id: str = TRACE, status: str = "ok", **fields: Any) -> Trace:
    """A trace of `spans`."""
    return Trace(id=id, release=RELEASE, index=INDEX, model="m", thread="", status=status, spans=spans, **fields)


@dataclass
class ScriptedTwin:
    """Answerer, searcher, embedder, traces and sink in one. What came in is kept in `asked` and `votes`."""

    answers: dict[str, Stream | RefusalError] = field(default_factory=dict)
    kept: dict[str, Trace] = field(default_factory=dict)
    asked: list[Question] = field(default_factory=list)
    named: list[str] = field(default_factory=list)  # the trace ids that were asked for
    votes: list[tuple[str, float, str]] = field(default_factory=list)
    marked: Marked = field(default_factory=Marked)  # what waits for a review
    decisions: Decisions = field(default_factory=Decisions)
    lacking: str = ""  # why there is no index
    full: str = ""  # why no vote can be kept
    fault: Fault | None = None
    released: threading.Event = field(default_factory=threading.Event)  # ends the answers that hang
    cancelled: threading.Event = field(default_factory=threading.Event)  # a reader went away in mid-stream
    mode: str = "extractive"
    model: str = "extractive"
    canary: None = None
    prompt: Prompt = field(default_factory=Prompt)

    def model_for(self, _: str) -> str:
        return self.model

    async def live(self) -> str:
        if self.lacking:
            raise IndexStoreError(self.lacking)
        return INDEX

    async def answer(self, question: Question, parameters: Mapping[str, Any], **named: str) -> AsyncIterator[Delta | Done]:
        self.named.append(named["trace"])
        self.asked.append(question)
        script = self.answers[question.text]
        if isinstance(script, RefusalError):
            raise script
        for piece in script.pieces:
            yield Delta(piece)
        if script.hang:
            await self._hang()
        if script.defect:
            raise RuntimeError("scripted: a defect in mid-stream")
        if script.error:
            raise UpstreamError(script.error)
        left = trace(Span(id="a", parent="", name="answer", start=0, end=1), id=script.trace)
        self.kept.setdefault(script.trace, left)
        yield Done(script.record(), left)

    async def _hang(self) -> None:
        try:
            await asyncio.to_thread(self.released.wait, 20)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def score(self, trace_id: str, name: str, value: float, comment: str = "") -> None:
        if self.full:
            raise StoreError(self.full)
        self.votes.append((trace_id, value, comment))

    async def find_fault(self, _: Trace) -> Fault | None:
        return self.fault

    async def get(self, id: str) -> Trace | None:
        return self.kept.get(id)


class Served:
    """The gateway over `twin` on loopback and a free port, served as `twin serve` does. `keys` are its real keys.

    `cut` cuts its connections, as a failing network does; `stop` ends it with its streams.
    """

    def __init__(self, twin: ScriptedTwin, folder: Path) -> None:
        self.keys = Keys(folder / "keys.json")
        everything: Any = twin
        self.state = Gateway(
            answerer=everything, searcher=everything, embedder=everything, embedder_name="e", sink=everything, traces=everything,
            desk=Desk(twin.marked, twin.decisions), keys=self.keys, admission=Admission(8, 8, 5), release=RELEASE,
            find_fault=twin.find_fault,
        )  # fmt: skip
        self.server = uvicorn.Server(config(self.state))
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread = threading.Thread(target=lambda: uvloop.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        ready, startup = threading.Event(), self.server.startup

        async def start(sockets: Any = None) -> None:
            await startup(sockets)
            ready.set()

        self.server.startup = start  # uvicorn has no event for it
        self.thread.start()
        assert ready.wait(20), "the gateway did not start"
        self.port = self.sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        return self

    async def _serve(self) -> None:
        self.loop, self.sock = asyncio.get_running_loop(), listen("127.0.0.1", 0)
        await self.server.serve(sockets=[self.sock])
        await ended(self.server.server_state.tasks)
        if self.state.session is not None:
            await self.state.session.close()
        await self.loop.shutdown_default_executor()

    def cut(self) -> None:
        def abort() -> None:
            for connection in list(self.server.server_state.connections):
                connection.transport.abort()

        assert self.loop
        self.loop.call_soon_threadsafe(abort)

    def stop(self) -> None:
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(20)

    def __exit__(self, *_: object) -> None:
        self.stop()
