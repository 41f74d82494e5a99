"""The few words of ASGI that the routes use: a request's parts in, a reply out, errors in OpenAI's form. Knows no route."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from services.gateway.bounds import Bounds
from twin.drivers.keys import Key
from twin.errors import AnswerError, QuestionError, UnavailableError, UpstreamError

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
BODY_LIMIT = 1_000_000  # bytes
BODY_DISCARDED = 16_000_000  # bytes read beyond it and thrown away, so that the client gets to hear why
BODY_SECONDS = 30.0
LAST_WORDS = 1.0  # seconds that a client has to take the reason why its stream ends
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
JSON = (b"content-type", b"application/json")
SSE = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class GoneError(Exception):
    """The client went away."""


class RequestError(AnswerError):
    """A request that never becomes a question: route, method, key, size."""

    def __init__(self, status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, status=status, code=code)
        self.headers = dict(headers or {})


@dataclass(slots=True)
class Request:
    """One HTTP request and the way to answer it. `started` is true once the status went out."""

    scope: Scope
    receive: Receive
    raw_send: Send
    key: Key | None = None
    trace: str = ""  # the trace of the answer that is being made
    started: bool = False
    status: int = 0
    events: bool = False  # a stream of events is being sent, and the last one is whole
    headers: Mapping[bytes, bytes] = field(init=False)  # by lower-case name; of several of one name the last
    bounds: Bounds = field(init=False)

    def __post_init__(self) -> None:
        self.headers = dict(self.scope["headers"])
        self.bounds = Bounds()

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the address; of several of one name the last."""
        return dict(parse_qsl(self.scope["query_string"].decode("latin-1"), keep_blank_values=True))

    async def body(self, limit: int = BODY_LIMIT) -> bytes:
        """The whole body. Raises RequestError: 413 beyond `limit`, 408 when it does not end; GoneError when the client left."""
        announced = self.headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > BODY_DISCARDED:
            raise _too_large(limit)
        try:
            with self.bounds.within(BODY_SECONDS):
                return await self._body(limit)
        except TimeoutError as exc:
            said = f"the request's body did not end within {BODY_SECONDS:g} s"
            raise RequestError(408, said, "request_timeout", {"connection": "close"}) from exc

    async def _body(self, limit: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise GoneError
            part = message.get("body", b"")
            size += len(part)
            if size <= limit:
                parts.append(part)
            if size > BODY_DISCARDED or (size > limit and not message.get("more_body")):
                raise _too_large(limit)
            if not message.get("more_body"):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def start(self, status: int, headers: Any) -> None:
        """Send status and headers."""
        self.started, self.status = True, status
        await self.raw_send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def send(self, data: bytes, *, more: bool = True) -> None:
        """Send a part of the body."""
        await self.raw_send({"type": "http.response.body", "body": data, "more_body": more})

    async def reply(self, status: int, data: bytes, headers: Any = (JSON,)) -> None:
        """Send a whole reply."""
        await self.start(status, (*headers, (b"content-length", str(len(data)).encode())))
        await self.send(b"" if self.scope["method"] == "HEAD" else data, more=False)

    async def json(self, status: int, value: Any, headers: Any = ()) -> None:
        """Send a JSON value."""
        await self.reply(status, msgspec.json.encode(value), (JSON, *headers))

    async def cut(self, exc: AnswerError) -> None:
        """End a reply that has begun and cannot be finished: with an event that says why, else by cutting the connection."""
        if self.events:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS):
                    await self.send(event(error_of(exc)), more=False)
                    return
        if abort := self.scope.get("extensions", {}).get("twin.abort"):
            abort()
        raise ConnectionAbortedError(str(exc)) from exc

    def watch(self, told: Callable[[], None]) -> None:
        """Call `told` when the client leaves."""
        self.scope["extensions"]["twin.watch"](told)

    def unwatch(self, told: Callable[[], None]) -> None:
        """Not any more."""
        self.scope["extensions"]["twin.unwatch"](told)


def _too_large(limit: int) -> RequestError:
    return RequestError(413, f"the request is larger than {limit:,} bytes", "request_too_large", {"connection": "close"})


def event(value: Any) -> bytes:
    """A JSON value as a server-sent event."""
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def decode(body: bytes) -> Any:
    """A JSON object. Raises QuestionError."""
    found = value(body)
    if not isinstance(found, dict):
        raise QuestionError("the request must be a JSON object")
    return found


def value(body: bytes | msgspec.Raw) -> Any:
    """A JSON value. Raises QuestionError."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise QuestionError(f"the request is not valid JSON: {exc}") from exc


def fields(body: bytes) -> dict[str, msgspec.Raw]:
    """A JSON object whose values stay as they were sent. Raises QuestionError."""
    try:
        str(body, "utf-8")  # the decoder does not look into strings that it only passes on
        return _fields(body)
    except msgspec.ValidationError as exc:
        raise QuestionError("the request must be a JSON object") from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise QuestionError(f"the request is not valid JSON: {exc}") from exc


def convert(value: Any, type: Any, *, strict: bool = True) -> Any:
    """`value` as `type`; without `strict` also numbers that are written as text. Raises QuestionError naming the field."""
    try:
        return msgspec.convert(value, type, strict=strict)
    except msgspec.ValidationError as exc:
        reason, _, path = str(exc).partition(" - at `$")
        param = path.rstrip("`").removeprefix(".")
        raise QuestionError(f"{param}: {reason}" if param else reason, param=param) from exc


def error_of(exc: AnswerError) -> dict[str, Any]:
    """OpenAI's form of an error."""
    kind = TYPES.get(exc.status, "invalid_request_error" if exc.status < 500 else "server_error")  # noqa: PLR2004
    error: dict[str, Any] = {"message": str(exc), "type": kind, "param": exc.param or None, "code": exc.code}
    if trace := getattr(exc, "trace_id", ""):
        error["trace"] = trace
    return {"error": error}


def headers_of(exc: AnswerError) -> list[tuple[bytes, bytes]]:
    """The headers that go with an error."""
    named = dict(getattr(exc, "headers", {}))
    if isinstance(exc, UnavailableError | UpstreamError) and exc.retry_after:
        named["retry-after"] = str(exc.retry_after)
    if trace := getattr(exc, "trace_id", ""):
        named["x-twin-trace"] = trace
    return [(name.encode(), value.encode()) for name, value in named.items()]
