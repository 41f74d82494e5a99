"""`/v1/chat/completions`: a question answered with citations, streamed or not. Knows no step of an answer."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Any

import msgspec

from services.gateway import wire
from services.gateway.http import SSE, GoneError, Request, decode, error_of
from services.gateway.passthrough import pass_through
from services.gateway.state import Gateway
from twin.answer.ports import Delta, Done
from twin.errors import AnswerError

PASSAGES = 6


async def chat(state: Gateway, request: Request) -> None:
    """Answer one chat."""
    raw = await request.body()
    body = decode(raw)
    options = body.get("twin")
    if isinstance(options, dict) and options.get("retrieval") == "off":
        await pass_through(state, request, body, raw)
        return
    asked = wire.chat_of(body, PASSAGES)
    known = {wire.MODEL, "", state.answerer.model, *((state.upstream.model,) if state.upstream else ())}
    if asked.request.model not in known:
        raise AnswerError(
            f"model: there is no model {asked.request.model!r}; ask for {wire.MODEL!r}",
            status=404,
            code="model_not_found",
            param="model",
        )
    await state.admission.enter()
    try:
        work = asyncio.ensure_future(_stream(state, request, asked) if asked.request.stream else _whole(state, request, asked))
        await unless_gone(request, work)
    finally:
        state.admission.leave()


async def unless_gone(request: Request, work: asyncio.Future[None]) -> None:
    """Do `work`, and cancel it when the client leaves. Raises what it raises, or GoneError."""
    gone = asyncio.ensure_future(request.gone())
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise GoneError
        work.result()
    finally:
        gone.cancel()
        if not work.done():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


async def _whole(state: Gateway, request: Request, asked: wire.Chat) -> None:
    message: dict[str, Any] = {}
    async with aclosing(state.answerer.answer(asked.question, asked.parameters)) as events:
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
    sending = _Sending(state, request, asked)
    try:
        async with aclosing(state.answerer.answer(asked.question, asked.parameters)) as events:
            async for event in events:
                await (sending.done(event) if isinstance(event, Done) else sending.delta(event))
    except AnswerError as exc:
        if not request.started:
            raise
        await sending.broken(exc)


class _Sending:
    """One stream of chunks; the last that has `content`, an empty one, carries citations and the `twin` object.

    Holding text back for it was tried: a reader sees a word without its end whenever the model pauses.
    """

    def __init__(self, state: Gateway, request: Request, asked: wire.Chat) -> None:
        self._state, self._request, self._asked = state, request, asked
        self._begun = time.perf_counter()
        self._created = int(time.time())
        self._id = f"chatcmpl-{time.time_ns():x}"
        self._role: dict[str, Any] = {"role": "assistant"}

    async def delta(self, event: Delta) -> None:
        if not self._request.started:
            self._state.metrics.first_token.observe(time.perf_counter() - self._begun)
            await self._request.start(200, SSE)
        content = {"content": event.text} if event.text else {}
        await self._request.send(_event(self._chunk({**self._role, **content, **(event.raw or {})})))
        self._role = {}

    async def done(self, event: Done) -> None:
        answer = event.answer
        self._state.metrics.answered(answer, event.trace)
        if not self._request.started:
            await self._request.start(200, SSE)
        cited = {**self._role, "content": "", "annotations": [wire.annotation(one) for one in answer.citations]}
        last = self._chunk(cited) | {"twin": wire.about(answer)}
        parts = [_event(last), _event(self._chunk({}, answer.finish_reason))]
        if self._asked.include_usage:
            parts.append(_event({**self._chunk({}), "choices": [], "usage": wire.usage(answer.usage)}))
        await self._request.send(b"".join(parts) + b"data: [DONE]\n\n", more=False)

    async def broken(self, error: AnswerError) -> None:
        """Say in the stream why it ends here."""
        await self._request.send(_event(error_of(error)), more=False)
        self._state.metrics.answers.labels(self._state.answerer.mode, "broken").inc()

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return wire.chunk(self._id, self._created, delta, finish)


def _event(value: Any) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"
