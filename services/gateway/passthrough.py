"""`twin.retrieval: off`: a request relayed to the model server and its bytes back, with keys, limits, metrics and a trace.

What the model server says is not changed; what it breaks is said in OpenAI's form, and never ends as if it were whole.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from services.gateway.http import JSON, SSE, Request
from services.gateway.state import Gateway
from twin.answer.recorder import Recorder, ending, explain
from twin.drivers.openai import replies
from twin.errors import AnswerError, UnavailableError, UpstreamError

if TYPE_CHECKING:
    import aiohttp

REPLY_LIMIT = 32_000_000  # bytes of a reply that is not streamed
TAIL = 2048  # bytes at the end of a stream in which its end must stand
ENDS = (b"[DONE]", b'"finish_reason":"', b'"finish_reason": "')
PASSED = ("retry-after", "retry-after-ms", "x-request-id")  # headers that are the client's business
OK, BAD, LAST = 200, 400, 599
REFUSED = (401, 403)  # of our key to the model server, not of the client's to us
_is_json = msgspec.json.Decoder(msgspec.Raw).decode


async def pass_through(state: Gateway, request: Request, body: Mapping[str, Any], raw: bytes) -> None:
    """Relay. Raises UnavailableError without a model server, UpstreamError when it cannot be reached or breaks off."""
    if state.upstream is None:
        raise UnavailableError("there is no model server: set TWIN_MODEL_URL, or leave twin.retrieval on", code="no_model")
    sent = {key: value for key, value in body.items() if key != "twin"}
    if sent.get("model") in (None, "", "twin"):
        sent["model"] = state.upstream.model
    recorder = Recorder(
        sink=state.sink, release=state.release, model=state.upstream.model, thread="", input={"bytes": len(raw)}
    )
    request.trace = recorder.id
    try:
        with recorder.span("generate") as span:
            size = await _relay(state, request, msgspec.json.encode(sent), recorder.id)
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


async def _relay(state: Gateway, request: Request, body: bytes, trace: str) -> int:
    import aiohttp

    if state.session is None:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
        state.session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
    try:
        async with _asked(state, body) as response:
            _refuse(response)
            headers = [(b"x-twin-trace", trace.encode()), *_passed(response)]
            if response.headers.get("content-type", "").startswith("text/event-stream") and response.status == OK:
                return await _stream(state, request, response, headers)
            return await _whole(state, request, response, headers)
    except TimeoutError as exc:
        raise UpstreamError("the model server took too long", status=504, code="upstream_timeout") from exc
    except (aiohttp.ClientConnectionError, OSError) as exc:
        reason = "broke off while sending" if request.started else f"failed ({type(exc).__name__}); check that it runs"
        code = "upstream_broke_off" if request.started else "upstream_unreachable"
        raise UpstreamError(f"the model server {reason}", code=code) from exc
    except aiohttp.ClientError as exc:
        raise UpstreamError(f"the model server broke off or is none ({type(exc).__name__})", code="upstream_broke_off") from exc


@asynccontextmanager
async def _asked(state: Gateway, body: bytes) -> AsyncIterator[aiohttp.ClientResponse]:
    """The response, its headers read. An unfinished one is closed, which cancels the call upstream."""
    import aiohttp

    bounds = aiohttp.ClientTimeout(total=None, sock_connect=state.connect_timeout)
    headers = {"content-type": "application/json", **state.upstream_headers}
    url = f"{state.upstream_url}/chat/completions"
    async with asyncio.timeout(state.first_token_timeout):
        response = await state.session.post(url, data=body, headers=headers, timeout=bounds, allow_redirects=False)
    try:
        yield response
    finally:
        response.close()


async def _stream(state: Gateway, request: Request, response: aiohttp.ClientResponse, headers: list[Any]) -> int:
    size, begun, tail, wait = 0, time.perf_counter(), b"", state.first_token_timeout
    while part := await _next(response, wait):
        if not size:
            wait = state.idle_timeout
            state.metrics.first_token.observe(time.perf_counter() - begun)
            await request.start(response.status, (*SSE, *headers))
        size += len(part)
        tail = (tail + part)[-TAIL:]
        request.events = tail.endswith((b"\n\n", b"\r\n\r\n"))
        await request.send(part)
    if not any(end in tail for end in ENDS):
        raise UpstreamError("the model server ended the answer early", code="upstream_broke_off")
    await request.send(b"", more=False)
    return size


async def _whole(state: Gateway, request: Request, response: aiohttp.ClientResponse, headers: list[Any]) -> int:
    parts, size = [], 0
    while part := await _next(response, state.first_token_timeout):
        size += len(part)
        if size > REPLY_LIMIT:
            raise UpstreamError(f"the model server sent more than {REPLY_LIMIT:,} bytes")
        parts.append(part)
    data = b"".join(parts)
    try:
        _is_json(data)
    except (msgspec.DecodeError, RecursionError) as exc:
        said = f"the model server answered {response.status} with what is no JSON"
        status, wait = response.status if response.status >= BAD else 0, replies.seconds(response.headers.get("retry-after"))
        raise UpstreamError(said, status=status, retry_after=wait) from exc
    await request.reply(response.status, data, (JSON, *headers))
    return size


def _refuse(response: aiohttp.ClientResponse) -> None:
    """Raise UpstreamError for what is neither an answer nor the client's own error: a redirect, a refusal of our key."""
    status = response.status
    if status in REFUSED:
        raise replies.error(status, b"")
    if status != OK and not BAD <= status <= LAST:
        raise UpstreamError(f"the model server answered {status}; check that TWIN_MODEL_URL is its own address")


async def _next(response: aiohttp.ClientResponse, seconds: float) -> bytes:
    async with asyncio.timeout(seconds):
        return await response.content.readany()


def _passed(response: aiohttp.ClientResponse) -> list[tuple[bytes, bytes]]:
    found = response.headers  # uvicorn sends no control characters
    return [(name.encode(), found[name].encode()) for name in PASSED if name in found and found[name].isprintable()]
