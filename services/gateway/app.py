"""A Gateway -> an ASGI application: one look-up a request, then its route; every error in OpenAI's form."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from services.gateway import files, routes
from services.gateway.auth import authorise
from services.gateway.chat import chat
from services.gateway.http import GoneError, Receive, Request, RequestError, Scope, Send, error_of, headers_of
from services.gateway.state import Gateway
from twin.errors import AnswerError, TwinError, UnavailableError

Route = Callable[[Gateway, Request], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
log = logging.getLogger(__name__)

ROUTES: dict[str, tuple[str, Route, str]] = {  # path -> method, route, scope of the key (empty: anyone)
    "/v1/chat/completions": ("POST", chat, "ask"),
    "/v1/retrieve": ("POST", routes.retrieve, "ask"),
    "/v1/embeddings": ("POST", routes.embeddings, "ask"),
    "/v1/models": ("GET", routes.models, "ask"),
    "/v1/feedback": ("POST", routes.feedback, "feedback"),
    "/healthz": ("GET", routes.healthz, ""),
    "/readyz": ("GET", routes.readyz, ""),
    "/metrics": ("GET", routes.metrics, ""),
}
TRACES = "/v1/traces/"
TRACE_ROUTE = ("GET", routes.trace, "admin")


def build(state: Gateway) -> App:
    """The application over `state`."""
    page = files.load(state.page)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive, send)
        path = scope["path"]
        if file := page.get(path):
            await files.serve(file, request)
            return
        name = TRACES if path.startswith(TRACES) else path
        found = TRACE_ROUTE if name == TRACES else ROUTES.get(path)
        begun = time.perf_counter()
        await _answer(state, request, found)
        label = name if found else "other"
        state.metrics.requests.labels(label, str(request.status)).inc()
        state.metrics.seconds.labels(label).observe(time.perf_counter() - begun)

    return app


async def _answer(state: Gateway, request: Request, found: tuple[str, Route, str] | None) -> None:
    try:
        if found is None:
            raise RequestError(404, f"there is nothing at {request.scope['path'][:100]}", "not_found")  # noqa: TRY301
        method, route, scope = found
        if request.scope["method"] not in {method, "HEAD" if method == "GET" else method}:
            raise RequestError(405, f"this route takes {method}", "method_not_allowed", {"allow": method})  # noqa: TRY301
        if scope:
            request.key = authorise(state, request, scope)
        await route(state, request)
    except GoneError:
        request.status = 499
    except AnswerError as exc:
        await _refuse(request, exc)
    except TwinError as exc:
        await _refuse(request, UnavailableError(str(exc)))
    except Exception as exc:  # a defect: named in the log, and never shown
        log.exception("request failed unexpectedly", extra={"path": request.scope["path"]})
        await _refuse(request, AnswerError(f"the gateway failed unexpectedly ({type(exc).__name__})"))


async def _refuse(request: Request, exc: AnswerError) -> None:
    if request.started:  # too late for a status: cut the connection rather than end the body as if it were whole
        raise ConnectionAbortedError(str(exc)) from exc
    await request.json(exc.status, error_of(exc), headers_of(exc))
