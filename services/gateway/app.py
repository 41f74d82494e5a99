"""A Gateway -> an ASGI application: one look-up a request, then its route; every error in OpenAI's form."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from services.gateway import files, reviews, routes
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
    "/v1/models/": ("GET", routes.model, "ask"),
    "/v1/feedback": ("POST", routes.feedback, "feedback"),
    "/v1/traces/": ("GET", routes.trace, "admin"),
    "/v1/reviews": ("GET", reviews.listed, "admin"),
    "/v1/reviews/": ("POST", reviews.decided, "admin"),
    "/healthz": ("GET", routes.healthz, ""),
    "/readyz": ("GET", routes.readyz, ""),
    "/metrics": ("GET", routes.metrics, ""),
}
NAMED = ("/v1/traces/", "/v1/models/", "/v1/reviews/")  # what follows is a name


def build(state: Gateway) -> App:
    """The application over `state`."""
    page = {path: ("GET", _page(file), "") for path, file in files.load(state.page).items()}
    table: Mapping[str, tuple[str, Route, str]] = {**ROUTES, **page}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive, send)
        path = scope["path"]
        name = next((one for one in NAMED if path.startswith(one)), path)
        found = table.get(name)
        label = name if found else "other"
        begun = time.perf_counter()
        try:
            await _answer(state, request, found)
        finally:
            request.bounds.close()
            state.metrics.requested(label, request.status, time.perf_counter() - begun)

    return app


def _page(file: files.File) -> Route:
    return lambda _state, request: files.serve(file, request)


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
    exc.trace_id = exc.trace_id or request.trace  # what ended from outside knows no trace
    if request.started:  # too late for a status, and the body must not end as if it were whole
        await request.cut(exc)
        return
    await request.json(exc.status, error_of(exc), headers_of(exc))
