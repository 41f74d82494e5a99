"""A chat's JSON -> the model server's own answer, byte by byte, over connections that are kept. Knows no field of it.

A request goes out again only when a kept connection turns out to be closed and nothing at all came back.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from twin.drivers.openai.connection import Connection, Phase
from twin.errors import SettingsError, UpstreamError

KEPT = 60.0  # seconds that an unused connection is kept
PORTS = {"http": 80, "https": 443}


class Relay:
    """One model server at `url` (ending in /v1). Connects at the first request. Raises SettingsError for a wrong address."""

    def __init__(self, url: str, headers: Mapping[str, str], connect_timeout: float) -> None:
        self._host, self._port, self._head = _address(url, headers)
        self._tls = ssl.create_default_context() if urlsplit(url).scheme == "https" else None
        self._timeout = connect_timeout
        self._idle: dict[Connection, None] = {}  # in the order in which they were used

    async def ask(self, body: bytes) -> Connection:
        """The answer, its headers read; it must be given back with `done`. Raises UpstreamError."""
        data = b"%s%d\r\n\r\n%s" % (self._head, len(body), body)
        while True:
            kept = self._kept()
            connection = kept or await self._connect()
            connection.send(data)
            try:
                await connection.head()
            except UpstreamError:
                if kept is None or kept.answered:
                    raise
                continue
            except BaseException:
                connection.close()
                raise
            return connection

    def done(self, connection: Connection) -> None:
        """Keep the connection of a whole answer, close any other, which cancels the call."""
        if connection.phase is not Phase.IDLE or not connection.reusable:
            connection.close()
            return
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle[connection] = None
        while (oldest := next(iter(self._idle))).idle_since < connection.idle_since - KEPT:
            del self._idle[oldest]
            oldest.close()

    async def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.popitem()[0].close()

    def _kept(self) -> Connection | None:
        """The one used last: the others grow old and are closed."""
        earliest = asyncio.get_running_loop().time() - KEPT
        while self._idle:
            connection = self._idle.popitem()[0]
            if connection.reusable and connection.idle_since >= earliest:
                return connection
            connection.close()
        return None

    def _lost(self, connection: Connection) -> None:
        self._idle.pop(connection, None)

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._lost), self._host, self._port, ssl=self._tls
                )
        except TimeoutError as exc:
            said = f"the model server cannot be reached: no connection within {self._timeout:g} s; check that it runs"
            raise UpstreamError(said, status=504, code="upstream_timeout", retryable=True) from exc
        except OSError as exc:  # ssl's errors are such too
            said = f"the model server cannot be reached: {exc.strerror or exc}; check that it runs and TWIN_MODEL_URL"
            raise UpstreamError(said, code="upstream_unreachable", retryable=True) from exc
        return connection


def _address(url: str, headers: Mapping[str, str]) -> tuple[str, int, bytes]:
    """Host, port and the beginning of every request, up to the number that is its length."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        host, port = "", 0
    if not host:
        raise SettingsError("the address of a model server should look like http://127.0.0.1:8000/v1; check TWIN_MODEL_URL")
    fields = {"host": parts.netloc.rpartition("@")[2], "content-type": "application/json", "accept": "*/*", **headers}
    if parts.username is not None and "authorization" not in fields:
        given = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        fields["authorization"] = f"Basic {base64.b64encode(given.encode()).decode()}"
    if any(not value.isascii() or not value.isprintable() for value in fields.values()):
        raise SettingsError("the model server's address or key holds what no header can carry; check TWIN_MODEL_KEY")
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
    lines = [
        f"POST {path}/chat/completions HTTP/1.1",
        *(f"{name}: {value}" for name, value in fields.items()),
        "content-length: ",
    ]
    return host, port, "\r\n".join(lines).encode()
