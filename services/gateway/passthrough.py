"""`twin.retrieval: off`: a request relayed to the model server and its bytes back, with keys, limits, metrics and a trace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from services.gateway.http import JSON, GoneError, Request
from services.gateway.state import Gateway
from twin.answer.recorder import Recorder
from twin.errors import UnavailableError, UpstreamError

if TYPE_CHECKING:
    import aiohttp


async def pass_through(state: Gateway, request: Request, body: Mapping[str, Any], raw: bytes) -> None:
    """Relay. Raises UnavailableError without a model server, UpstreamError when it cannot be reached."""
    if state.upstream is None:
        raise UnavailableError("there is no model server: set TWIN_MODEL_URL, or leave twin.retrieval on", code="no_model")
    sent = {key: value for key, value in body.items() if key != "twin"}
    if sent.get("model") in {None, "", "twin"}:
        sent["model"] = state.upstream.model
    recorder = Recorder(
        sink=state.sink, release=state.release, model=state.upstream.model, thread="", input={"bytes": len(raw)}
    )
    await state.admission.enter()
    try:
        with recorder.span("generate") as span:
            size = await _relay(state, request, msgspec.json.encode(sent))
            span.output = {"bytes": size, "status": request.status}
        recorder.finish("ok")
    except GoneError:
        recorder.finish("cancelled", error="the client went away")
        raise
    except UpstreamError as exc:
        recorder.finish("error", error=str(exc))
        raise
    finally:
        state.admission.leave()


async def _relay(state: Gateway, request: Request, body: bytes) -> int:
    import aiohttp

    if state.session is None:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
        state.session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
    bounds = aiohttp.ClientTimeout(
        total=state.total_timeout, sock_connect=state.connect_timeout, sock_read=state.first_token_timeout
    )
    url = f"{state.upstream_url}/chat/completions"
    call = asyncio.ensure_future(_copy(state, request, url, body, bounds))
    gone = asyncio.ensure_future(request.gone())
    try:
        await asyncio.wait({call, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not call.done():
            raise GoneError
        return call.result()
    except (aiohttp.ClientError, TimeoutError, OSError) as exc:
        slow = isinstance(exc, TimeoutError)
        reason = "took too long" if slow else f"failed ({type(exc).__name__})"
        raise UpstreamError(f"the model server {reason}", status=504 if slow else 502) from exc
    finally:
        gone.cancel()
        if not call.done():
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)


async def _copy(state: Gateway, request: Request, url: str, body: bytes, bounds: aiohttp.ClientTimeout) -> int:
    size, begun = 0, time.perf_counter()
    headers = {"content-type": "application/json", **state.upstream_headers}
    async with state.session.post(url, data=body, headers=headers, timeout=bounds) as response:
        kind = response.headers.get("content-type", "")
        if not kind.startswith("text/event-stream"):
            data = await response.read()
            await request.reply(response.status, data, (JSON if "json" in kind else (b"content-type", kind.encode()),))
            return len(data)
        await request.start(response.status, ((b"content-type", kind.encode()), (b"cache-control", b"no-store")))
        async for part in response.content.iter_any():
            if not size:
                state.metrics.first_token.observe(time.perf_counter() - begun)
            size += len(part)
            await request.send(part)
        await request.send(b"", more=False)
    return size
