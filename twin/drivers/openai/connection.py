"""One connection to a model server: a request's bytes out, status, headers and body back as they come.

Own code over httptools, and only for the gateway's relay: aiohttp's client took half the time of a relayed request. Knows no
pool, no URL and no JSON. Every error is an UpstreamError.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import cast

import httptools

from twin.errors import UpstreamError

HEAD_LIMIT = 65_536  # bytes of a reply's status line and headers
HELD = 65_536  # bytes of a body that nobody has read yet; reading stops there
_NO_BODY = (204, 304)
_FINAL = 200


class Phase(Enum):
    """Where an exchange stands."""

    IDLE = "nothing was asked, or all of the answer has come"
    HEAD = "asked"
    BODY = "the headers have come"
    BROKEN = "the connection is of no use any more"


class Connection(asyncio.Protocol):
    """One request at a time: `send`, `head`, then `read` until it is empty."""

    def __init__(self, lost: Callable[[Connection], None]) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}  # by lower-case name, the last of several
        self.phase = Phase.IDLE
        self.answered = False  # whether anything at all came back
        self.reusable = True
        self.idle_since = 0.0
        self._lost = lost
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_headers=True)  # odd values: what is passed on is looked at there
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._parts: list[bytes] = []
        self._held = 0
        self._head_size = 0
        self._paused = self._to_the_end = False
        self._error = UpstreamError("the connection to the model server is closed", code="upstream_unreachable")

    def send(self, data: bytes) -> None:
        """Ask. The connection must be idle."""
        self.phase, self.headers, self.status, self.answered, self._head_size = Phase.HEAD, {}, 0, False, 0
        if self._transport is not None:
            self._transport.write(data)

    async def head(self) -> None:
        """Wait for status and headers. Raises UpstreamError."""
        while self.phase is Phase.HEAD:
            await self._wait()
        if self.phase is Phase.BROKEN and not self.status:
            raise self._error

    async def read(self) -> bytes:
        """What has come of the body, empty at its end. Raises UpstreamError when it breaks off."""
        while not self._parts:
            if self.phase is Phase.IDLE:
                return b""
            if self.phase is Phase.BROKEN:
                raise self._error
            await self._wait()
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts, self._held = [], 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    def close(self) -> None:
        """End it at once, which cancels what the model server is doing."""
        self.phase = Phase.BROKEN
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _break(self, why: str, code: str) -> None:
        """Give up; an answer that has come whole stays one."""
        self.reusable = False
        if self.phase in {Phase.HEAD, Phase.BODY}:
            self.phase = Phase.BROKEN
            self._error = UpstreamError(f"the model server {why}", code=code)
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.phase is Phase.IDLE:  # nobody asked
            self._break("spoke unasked", "upstream_broke_off")
            return
        self.answered = True
        in_head = self.phase is Phase.HEAD
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            self._break(f"broke off or is none ({exc})", "upstream_broke_off")
            return
        if in_head:
            self._head_size += len(data)
            if self.phase is Phase.HEAD and self._head_size > HEAD_LIMIT:
                self._break(f"sent more than {HEAD_LIMIT:,} bytes of headers", "upstream_broke_off")
                return
        if self._held > HELD and not self._paused and self.phase is Phase.BODY and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(self)
        if self.phase is Phase.BODY and self._to_the_end and exc is None:
            self.phase, self.reusable = Phase.IDLE, False
            self._wake()
        elif self.phase is Phase.HEAD:
            self._break("closed the connection before it answered; check that it runs", "upstream_unreachable")
        elif self.phase is Phase.BODY:
            self._break("broke off while sending", "upstream_broke_off")
        else:
            self._break("closed the connection", "upstream_unreachable")

    # httptools' side

    def on_message_begin(self) -> None:
        if self.phase is not Phase.HEAD:  # a second answer to one question
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase is Phase.HEAD:  # not a trailer
            self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self.phase is not Phase.HEAD:
            return
        if status < _FINAL:  # an interim answer
            self.headers = {}
            return
        self.status, self.phase = status, Phase.BODY
        framed = b"content-length" in self.headers or b"chunked" in self.headers.get(b"transfer-encoding", b"").lower()
        self._to_the_end = not framed and status not in _NO_BODY

    def on_body(self, data: bytes) -> None:
        if self.phase is Phase.BODY:
            self._parts.append(data)
            self._held += len(data)

    def on_message_complete(self) -> None:
        if self.phase is Phase.BODY:
            self.phase = Phase.IDLE
            self.reusable = self.reusable and bool(self._parser.should_keep_alive())
