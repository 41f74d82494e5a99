"""One client connection: uvicorn's, with bounds for a request's head, errors in OpenAI's form and a way to cut it off.

uvicorn bounds neither how long a head may take nor how large it grows, and loses the body of a request that offers to go on in
HTTP/2, as Java's and curl's do. Knows no route.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

HEAD_LIMIT = 65_536  # bytes of request line and headers
HEAD_SECONDS = 20.0  # for the first byte after connecting, and from there to the end of the headers
REST_SECONDS = 30.0  # for the rest of a body whose request was answered without it
LINGER = 1.0  # seconds in which a refused client's bytes are thrown away, as closing on them would take the refusal along
OFFER = frozenset({b"upgrade", b"connection", b"http2-settings"})
BAD_REQUEST, TOO_SLOW, TOO_LARGE = 400, 408, 431


class Connection(HttpToolsProtocol):
    """What uvicorn makes for each client."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._in_head = True
        self._held = 0  # bytes of a head that is not whole yet
        self._part = 0  # bytes that have just come
        self._refused = False
        self._offered = False  # to go on in another protocol
        self._open = False  # its body has not ended
        self._late: asyncio.TimerHandle | None = None
        self._extensions: dict[str, Any] = {}
        self._told: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._extensions = {"twin.abort": transport.abort, "twin.watch": self.watch, "twin.unwatch": self.unwatch}
        self._late = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._whole()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()  # uvicorn leaves the timer, and with it all of this, after a reset
        if self._told is not None:
            self._told()
        self.cycle = self.scope = self._extensions = None  # type: ignore[assignment]  # circles would wait for the collector

    def watch(self, told: Callable[[], None]) -> None:
        """Call `told` when the client leaves. Reading goes on, for what is not read is not noticed."""
        self._told = told
        self.flow.resume_reading()

    def unwatch(self, told: Callable[[], None]) -> None:
        """Not any more, unless another request is watched for by now."""
        if self._told == told:
            self._told = None

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._part = len(data)
        self._feed(data)
        if not self._in_head or self._refused or self.transport.is_closing():
            return
        self._held += len(data)
        if self._held > HEAD_LIMIT:
            self._too_large()
        elif self._late is None:
            self._late = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _feed(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            self._stay(data[exc.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("this is no HTTP request that can be read")

    def _stay(self, rest: bytes) -> None:
        """Go on as if the offer to leave HTTP/1.1 had not been made: the parser stops behind such a head."""
        method, asking = self.parser.get_method(), self.cycle is not None and not self.cycle.response_complete
        if method == b"CONNECT" or asking:
            self._refuse(BAD_REQUEST, "only HTTP/1.1 is spoken here")
            return
        kept = [b"%b: %b\r\n" % (name, value) for name, value in self.headers if name not in OFFER]
        close = any(name == b"connection" and b"close" in value.lower() for name, value in self.headers)
        kept += [b"connection: close\r\n"] if close else []
        self._offered = False
        self.parser = httptools.HttpRequestParser(self)
        self._feed(b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, self.url, b"".join(kept), rest))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self.scope["extensions"] = self._extensions

    def on_headers_complete(self) -> None:
        large = self._held + self._part > HEAD_LIMIT and self._size() > HEAD_LIMIT
        self._in_head = False
        self._whole()
        self._offered = self.parser.should_upgrade()
        if large:
            self._too_large()
        if not self._refused and not self._offered:
            self._open = True
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._open = False
        self._whole()
        if not self._refused and not self._offered:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._open and not self.transport.is_closing():
            self._late = self.loop.call_later(REST_SECONDS, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        self._refuse(BAD_REQUEST, msg)

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _whole(self) -> None:
        self._held = 0
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_large(self) -> None:
        self._refuse(TOO_LARGE, f"the request's headers are larger than {HEAD_LIMIT:,} bytes")

    def _too_slow(self) -> None:
        self._late = None
        if self._held:
            self._refuse(TOO_SLOW, f"the request's headers took longer than {HEAD_SECONDS:g} s")
        else:
            self.transport.close()  # it never asked anything

    def _refuse(self, status: int, message: str) -> None:
        """Answer and close; only close when another answer is on its way, which must not be written into."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            if self.pipeline or self.cycle.response_started:
                self.transport.close()
                return
            self.cycle.disconnected = True  # the application has said nothing yet, and hears that its client is gone
            self.cycle.message_event.set()
        self._answer(status, message)
        self._late = self.loop.call_later(LINGER, self.transport.close)

    def _answer(self, status: int, message: str) -> None:
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": "bad_request"}
        body = msgspec.json.encode({"error": error})
        length = str(len(body)).encode()
        fields = b"content-type: application/json\r\ncontent-length: " + length + b"\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + fields + body)
        self.transport.write_eof()
