"""`/v1/chat/completions`: a question answered with citations, streamed or not. Knows no step of an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress

from services.gateway import wire
from services.gateway.admit import Place
from services.gateway.http import GoneError, Request, decode, fields, value
from services.gateway.passthrough import chosen, pass_through
from services.gateway.state import Gateway
from services.gateway.stream import Stream
from services.gateway.whole import Whole
from twin.answer.canary import beginning
from twin.answer.ports import Delta, Done, Event
from twin.answer.recorder import new_trace_id
from twin.errors import AnswerError


async def chat(state: Gateway, request: Request) -> None:
    """Answer one chat."""
    raw = await request.body()
    sent = fields(raw)
    options = value(sent["twin"]) if "twin" in sent else None
    if isinstance(options, dict) and options.get("retrieval") == "off":
        adapter = chosen(state, sent)
        with counted(state, request, "pass_through", adapter):
            async with Place(state, request):
                await pass_through(state, request, sent, raw, adapter)
        return
    asked = wire.chat_of(decode(raw), state.passages)
    adapter = _answering_model(state, asked)
    work = _stream if asked.request.stream else _whole
    with counted(state, request, state.answerer.mode, adapter):
        async with Place(state, request):
            await work(state, request, asked, adapter)


def _answering_model(state: Gateway, asked: wire.Chat) -> str:
    """Who answers: whom the request names, or whoever the conversation is given to. Raises AnswerError for a stranger."""
    named, canary = asked.request.model or "", state.answerer.canary
    if canary and named == canary.generator.model:
        return named
    if named not in {wire.MODEL, "", state.answerer.model, *((state.upstream.model,) if state.upstream else ())}:
        raise wire.no_model(named)
    return state.answerer.model if named == state.answerer.model else state.answerer.model_for(beginning(asked.question))


@contextmanager
def counted(state: Gateway, request: Request, mode: str, adapter: str) -> Iterator[None]:
    """Count how an answer ended."""
    try:
        yield
        state.metrics.answers.labels(mode, adapter, _result(request)).inc()
    except GoneError:
        state.metrics.answers.labels(mode, adapter, "cancelled").inc()
        raise
    except AnswerError as exc:
        state.metrics.answers.labels(mode, adapter, "broken" if request.started else _result(exc)).inc()
        if exc.code == "upstream_not_found" and state.standing:
            state.standing.wake()  # a model server that was started again has no adapters yet
        raise


def _result(ended: Request | AnswerError) -> str:
    return "ok" if ended.status < 400 else "refused" if ended.status < 500 else "error"  # noqa: PLR2004 - HTTP's own numbers


@asynccontextmanager
async def _answering(state: Gateway, asked: wire.Chat, trace: str, model: str) -> AsyncIterator[AsyncGenerator[Event, None]]:
    """The events of an answer; who is cancelled while it sends one tells the answer why."""
    async with aclosing(state.answerer.answer(asked.question, asked.parameters, trace=trace, model=model)) as events:
        try:
            yield events
        except asyncio.CancelledError as exc:
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await events.athrow(exc)
            raise


async def _whole(state: Gateway, request: Request, asked: wire.Chat, model: str) -> None:
    whole = Whole()
    request.trace = new_trace_id()
    async with _answering(state, asked, request.trace, model) as events:
        async for event in events:
            if isinstance(event, Delta):
                whole.add(event.raw or {})
                continue
            state.metrics.answered(event.answer, event.trace, model)
            completion = whole.completion(event.answer, int(time.time()))
            await request.json(200, completion, [(b"x-twin-trace", event.answer.trace.encode())])


async def _stream(state: Gateway, request: Request, asked: wire.Chat, model: str) -> None:
    request.trace = new_trace_id()
    sending = Stream(state, request, request.trace, model, include_usage=asked.include_usage)
    async with _answering(state, asked, request.trace, model) as events:
        async for event in events:
            await (sending.done(event) if isinstance(event, Done) else sending.delta(event))
