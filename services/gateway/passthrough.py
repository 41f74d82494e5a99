"""`twin.retrieval: off`: a request relayed to the model server and its bytes back, with keys, limits, metrics and a trace.

What the model server says is not changed; what it breaks is said in OpenAI's form, and never ends as if it were whole.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from services.gateway.http import JSON, SSE, Request
from services.gateway.state import Gateway
from twin.answer.recorder import Recorder, ending, explain
from twin.drivers.openai import replies
from twin.drivers.openai.connection import Connection
from twin.drivers.openai.relay import Relay
from twin.errors import AnswerError, UnavailableError, UpstreamError

REPLY_LIMIT = 32_000_000  # bytes of a reply that is not streamed
TAIL = 2048  # bytes at the end of a stream in which its end must stand
ENDS = (b"[DONE]", b'"finish_reason":"', b'"finish_reason": "')
PASSED = (b"retry-after", b"retry-after-ms", b"x-request-id")  # headers that are the client's business
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search  # uvicorn sends no such characters
OK, BAD, LAST = 200, 400, 599
REFUSED = (401, 403)  # of our key to the model server, not of the client's to us
_is_json = msgspec.json.Decoder(msgspec.Raw).decode


def chosen(state: Gateway, body: Mapping[str, msgspec.Raw]) -> str:
    """Whom `body` is relayed to: the model or the candidate where it asks for the twin, else the model server's default."""
    if state.upstream is None:
        return ""
    canary = state.answerer.canary
    if canary is None or not _is_ours(bytes(body.get("model", b"null"))):
        return state.upstream.model
    return state.answerer.model_for(_beginning(body))


class _Turn(msgspec.Struct):
    role: str = ""
    content: msgspec.Raw = msgspec.Raw(b"null")


class _Options(msgspec.Struct):
    thread: str = ""


def _beginning(body: Mapping[str, msgspec.Raw]) -> str:
    """What stays the same over the turns of a conversation; of one that cannot be read, nothing."""
    try:
        options = msgspec.json.decode(body.get("twin", b"{}"), type=_Options)
        turns = msgspec.json.decode(body.get("messages", b"[]"), type=list[_Turn])
    except msgspec.DecodeError:
        return ""
    first = next((bytes(turn.content) for turn in turns if turn.role == "user"), b"")
    return options.thread or first.decode("utf-8", "replace")


async def pass_through(state: Gateway, request: Request, body: Mapping[str, msgspec.Raw], raw: bytes, model: str) -> None:
    """Relay `body`, the fields of `raw` as they were sent, to `model` where the twin itself is asked for.

    Raises UnavailableError without a model server, UpstreamError when it cannot be reached or breaks off.
    """
    if state.upstream is None:
        raise UnavailableError("there is no model server: set TWIN_MODEL_URL, or leave twin.retrieval on", code="no_model")
    sent: dict[str, Any] = {key: value for key, value in body.items() if key != "twin"}
    if _is_ours(bytes(body.get("model", b"null"))):
        sent["model"] = model
    recorder = Recorder(sink=state.sink, release=state.release, model=model, thread="", input={"bytes": len(raw)})
    request.trace = recorder.id
    try:
        with recorder.span("generate") as span:
            size = await _relay(state, request, msgspec.json.encode(sent), recorder)
            span.output = {"bytes": size, "status": request.status}
        refused = f"the model server answered {request.status}" if request.status >= BAD else ""
        recorder.finish("error" if refused else "ok", error=refused)
    except asyncio.CancelledError as exc:
        status, reason = ending(exc)
        recorder.finish(status, error=reason)
        raise
    except AnswerError as exc:
        recorder.finish("error", error=explain(exc))
        raise
    finally:  # of a defect; after any other end it does nothing
        recorder.finish("error", error="the gateway failed unexpectedly")


def _is_ours(model: bytes) -> bool:
    """Whether a request's model, in JSON, is the twin itself."""
    return model == b"null" or (model.startswith(b'"') and msgspec.json.decode(model) in ("", "twin"))


async def _relay(state: Gateway, request: Request, body: bytes, recorder: Recorder) -> int:
    relay = _server(state)
    answer = None
    try:
        with request.bounds.within(state.first_token_timeout):
            answer = await relay.ask(body)
        _refuse(answer)
        headers = [(b"x-twin-trace", recorder.id.encode()), *_passed(answer)]
        if answer.headers.get(b"content-type", b"").startswith(b"text/event-stream") and answer.status == OK:
            return await _stream(state, request, answer, headers, recorder.model)
        return await _whole(state, request, answer, headers)
    except TimeoutError as exc:
        raise UpstreamError("the model server took too long", status=504, code="upstream_timeout") from exc
    finally:
        if answer is not None:
            relay.done(answer)  # an unfinished one is closed, which cancels the call upstream


def _server(state: Gateway) -> Relay:
    relay: Relay | None = state.session
    if relay is None:
        relay = state.session = Relay(state.upstream_url, state.upstream_headers, state.connect_timeout)
    return relay


async def _stream(state: Gateway, request: Request, answer: Connection, headers: list[Any], model: str) -> int:
    size, begun, tail, wait = 0, time.perf_counter(), b"", state.first_token_timeout
    while True:
        with request.bounds.within(wait):
            part = await answer.read()
        if not part:
            break
        if not size:
            wait = state.idle_timeout
            state.metrics.first_token.labels(model).observe(time.perf_counter() - begun)
            await request.start(answer.status, (*SSE, *headers))
        size += len(part)
        tail = (tail + part)[-TAIL:]
        request.events = tail.endswith((b"\n\n", b"\r\n\r\n"))
        await request.send(part)
    if not any(end in tail for end in ENDS):
        raise UpstreamError("the model server ended the answer early", code="upstream_broke_off")
    await request.send(b"", more=False)
    return size


async def _whole(state: Gateway, request: Request, answer: Connection, headers: list[Any]) -> int:
    parts, size = [], 0
    while True:
        with request.bounds.within(state.first_token_timeout):
            part = await answer.read()
        if not part:
            break
        size += len(part)
        if size > REPLY_LIMIT:
            raise UpstreamError(f"the model server sent more than {REPLY_LIMIT:,} bytes")
        parts.append(part)
    data = b"".join(parts)
    try:
        _is_json(data)
    except (msgspec.DecodeError, RecursionError) as exc:
        said = f"the model server answered {answer.status} with what is no JSON"
        status, wait = answer.status if answer.status >= BAD else 0, _seconds(answer)
        raise UpstreamError(said, status=status, retry_after=wait) from exc
    await request.reply(answer.status, data, (JSON, *headers))
    return size


def _refuse(answer: Connection) -> None:
    """Raise UpstreamError for what is neither an answer nor the client's own error: a redirect, a refusal of our key."""
    status = answer.status
    if status in REFUSED:
        raise replies.error(status, b"")
    if status != OK and not BAD <= status <= LAST:
        raise UpstreamError(f"the model server answered {status}; check that TWIN_MODEL_URL is its own address")


def _passed(answer: Connection) -> list[tuple[bytes, bytes]]:
    found = answer.headers
    return [(name, found[name]) for name in PASSED if name in found and not CONTROL(found[name])]


def _seconds(answer: Connection) -> int:
    return replies.seconds(answer.headers.get(b"retry-after", b"").decode("latin-1"))
