"""`twin.retrieval: off`: a request relayed to the model server and its bytes back, with keys, limits, metrics and a trace.

What the model server says is not changed; what it breaks is said in OpenAI's form, and never ends as if it were whole.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from services.gateway.http import JSON, SSE, Request
from services.gateway.state import Gateway
from twin.answer.recorder import Recorder, ending, explain
from twin.drivers.openai import replies
from twin.errors import AnswerError, UnavailableError, UpstreamError

if TYPE_CHECKING:
    import aiohttp

PATH = "/chat/completions"
REPLY_LIMIT = 32_000_000  # bytes of a reply that is not streamed
TAIL = 2048  # bytes at the end of a stream in which its end must stand
ENDS = (b"[DONE]", b'"finish_reason":"', b'"finish_reason": "')
PASSED = ("retry-after", "retry-after-ms", "x-request-id")  # headers that are the client's business
OK, BAD, LAST = 200, 400, 599
REFUSED = (401, 403)  # of our key to the model server, not of the client's to us
_is_json = msgspec.json.Decoder(msgspec.Raw).decode


async def pass_through(state: Gateway, request: Request, body: Mapping[str, msgspec.Raw], raw: bytes) -> None:
    """Relay `body`, the fields of `raw` as they were sent.

    Raises UnavailableError without a model server, UpstreamError when it cannot be reached or breaks off.
    """
    if state.upstream is None:
        raise UnavailableError("there is no model server: set TWIN_MODEL_URL, or leave twin.retrieval on", code="no_model")
    sent: dict[str, Any] = {key: value for key, value in body.items() if key != "twin"}
    if _is_ours(bytes(body.get("model", b"null"))):
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


def _is_ours(model: bytes) -> bool:
    """Whether a request's model, in JSON, is the twin itself."""
    return model == b"null" or (model.startswith(b'"') and msgspec.json.decode(model) in ("", "twin"))


async def _relay(state: Gateway, request: Request, body: bytes, trace: str) -> int:
    import aiohttp

    response = None
    try:
        with request.bounds.within(state.first_token_timeout):
            response = await _session(state).post(state.upstream_url + PATH, data=body, allow_redirects=False)
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
    finally:
        if response is not None:
            response.close()  # an unfinished one: it cancels the call upstream


def _session(state: Gateway) -> aiohttp.ClientSession:
    import aiohttp

    session: aiohttp.ClientSession | None = state.session
    if session is None:
        session = state.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=state.connect_timeout),
            headers={"content-type": "application/json", **state.upstream_headers},
            cookie_jar=aiohttp.DummyCookieJar(),  # what one client's answer sets is nothing for the next one
            auto_decompress=False,
        )
    return session


async def _stream(state: Gateway, request: Request, response: aiohttp.ClientResponse, headers: list[Any]) -> int:
    size, begun, tail, wait = 0, time.perf_counter(), b"", state.first_token_timeout
    while True:
        with request.bounds.within(wait):
            part = await response.content.readany()
        if not part:
            break
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
    while True:
        with request.bounds.within(state.first_token_timeout):
            part = await response.content.readany()
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


def _passed(response: aiohttp.ClientResponse) -> list[tuple[bytes, bytes]]:
    found = response.headers  # uvicorn sends no control characters
    return [(name.encode(), found[name].encode()) for name in PASSED if name in found and found[name].isprintable()]
