"""`/v1/chat/completions`: a question answered with citations, streamed or not. Knows no step of an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from typing import Any

from services.gateway import wire
from services.gateway.admit import admitted
from services.gateway.http import GoneError, Request, decode
from services.gateway.passthrough import pass_through
from services.gateway.state import Gateway
from services.gateway.stream import Stream
from twin.answer.ports import Delta, Done, Event
from twin.answer.recorder import new_trace_id
from twin.errors import AnswerError

PASSAGES = 6


async def chat(state: Gateway, request: Request) -> None:
    """Answer one chat."""
    raw = await request.body()
    body = decode(raw)
    options = body.get("twin")
    if isinstance(options, dict) and options.get("retrieval") == "off":
        with counted(state, request, "pass_through"):
            await admitted(state, request, lambda: pass_through(state, request, body, raw))
        return
    asked = wire.chat_of(body, PASSAGES)
    known = {wire.MODEL, "", state.answerer.model, *((state.upstream.model,) if state.upstream else ())}
    if asked.request.model not in known:
        raise wire.no_model(asked.request.model)
    work = _stream if asked.request.stream else _whole
    with counted(state, request, state.answerer.mode):
        await admitted(state, request, lambda: work(state, request, asked))


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
    message: dict[str, Any] = {}
    async with _answering(state, asked, new_trace_id()) as events:
        async for event in events:
            if isinstance(event, Delta):
                _collect(message, event.raw or {})
                continue
            state.metrics.answered(event.answer, event.trace)
            message.pop("logprobs", None)
            answer = wire.completion(event.answer, int(time.time()), message)
            await request.json(200, answer, [(b"x-twin-trace", event.answer.trace.encode())])


def _collect(message: dict[str, Any], raw: Any) -> None:
    """Put a provider's deltas together again: strings are joined, tool calls merged by their index."""
    for key, value in raw.items():
        if key == "tool_calls":
            for call in value:
                _merge(message.setdefault("tool_calls", []), call)
        elif isinstance(value, str) and isinstance(message.get(key), str):
            message[key] += value
        else:
            message[key] = value


def _merge(calls: list[dict[str, Any]], part: dict[str, Any]) -> None:
    place = int(part.get("index", len(calls)))
    while len(calls) <= place:
        calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
    call, function = calls[place], part.get("function") or {}
    call["id"] = part.get("id") or call["id"]
    call["function"]["name"] += function.get("name") or ""
    call["function"]["arguments"] += function.get("arguments") or ""


async def _stream(state: Gateway, request: Request, asked: wire.Chat) -> None:
    trace = new_trace_id()
    sending = Stream(state, request, trace, include_usage=asked.include_usage)
    async with _answering(state, asked, trace) as events:
        async for event in events:
            await (sending.done(event) if isinstance(event, Done) else sending.delta(event))
