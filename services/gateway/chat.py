"""`/v1/chat/completions`: a question answered with citations, streamed or not. Knows no step of an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress

from services.gateway import wire
from services.gateway.admit import Place
from services.gateway.http import GoneError, Request, decode, fields, value
from services.gateway.passthrough import pass_through
from services.gateway.state import Gateway
from services.gateway.stream import Stream
from services.gateway.whole import Whole
from twin.answer.ports import Delta, Done, Event
from twin.answer.recorder import new_trace_id
from twin.errors import AnswerError

PASSAGES = 6


async def chat(state: Gateway, request: Request) -> None:
    """Answer one chat."""
    raw = await request.body()
    sent = fields(raw)
    options = value(sent["twin"]) if "twin" in sent else None
    if isinstance(options, dict) and options.get("retrieval") == "off":
        with counted(state, request, "pass_through"):
            async with Place(state, request):
                await pass_through(state, request, sent, raw)
        return
    asked = wire.chat_of(decode(raw), PASSAGES)
    known = {wire.MODEL, "", state.answerer.model, *((state.upstream.model,) if state.upstream else ())}
    if asked.request.model not in known:
        raise wire.no_model(asked.request.model)
    work = _stream if asked.request.stream else _whole
    with counted(state, request, state.answerer.mode):
        async with Place(state, request):
            await work(state, request, asked)


@contextmanager
def counted(state: Gateway, request: Request, mode: str) -> Iterator[None]:
    """Count how an answer ended."""
    try:
        yield
        state.metrics.answers.labels(mode, _result(request)).inc()
    except GoneError:
        state.metrics.answers.labels(mode, "cancelled").inc()
        raise
    except AnswerError as exc:
        state.metrics.answers.labels(mode, "broken" if request.started else _result(exc)).inc()
        raise


def _result(ended: Request | AnswerError) -> str:
    return "ok" if ended.status < 400 else "refused" if ended.status < 500 else "error"  # noqa: PLR2004 - HTTP's own numbers


@asynccontextmanager
async def _answering(state: Gateway, asked: wire.Chat, trace: str) -> AsyncIterator[AsyncGenerator[Event, None]]:
    """The events of an answer; who is cancelled while it sends one tells the answer why."""
    async with aclosing(state.answerer.answer(asked.question, asked.parameters, trace=trace)) as events:
        try:
            yield events
        except asyncio.CancelledError as exc:
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await events.athrow(exc)
            raise


async def _whole(state: Gateway, request: Request, asked: wire.Chat) -> None:
    whole = Whole()
    request.trace = new_trace_id()
    async with _answering(state, asked, request.trace) as events:
        async for event in events:
            if isinstance(event, Delta):
                whole.add(event.raw or {})
                continue
            state.metrics.answered(event.answer, event.trace)
            completion = whole.completion(event.answer, int(time.time()))
            await request.json(200, completion, [(b"x-twin-trace", event.answer.trace.encode())])


async def _stream(state: Gateway, request: Request, asked: wire.Chat) -> None:
    request.trace = new_trace_id()
    sending = Stream(state, request, request.trace, include_usage=asked.include_usage)
    async with _answering(state, asked, request.trace) as events:
        async for event in events:
            await (sending.done(event) if isinstance(event, Done) else sending.delta(event))
