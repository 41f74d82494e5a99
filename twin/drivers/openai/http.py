"""One JSON request to an OpenAI-compatible server -> its response, within the timeouts, retried only before its first byte.

Maps aiohttp's errors to UpstreamError once. Knows no endpoint.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from twin.drivers.openai import replies
from twin.errors import SettingsError, UpstreamError

if TYPE_CHECKING:
    import aiohttp

_RETRIED = frozenset({429, 502, 503})
_OK = 200
_REFUSAL_LIMIT = 65_536  # bytes of an error reply that are read
REPLY_LIMIT = 32_000_000  # bytes of an answer
_LONGEST_WAIT = 5.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds: to connect, from the request to the first piece, between two pieces, in all."""

    connect: float = 3.0
    first_token: float = 60.0
    idle: float = 30.0
    total: float = 300.0


class Server:
    """One server at `url` (ending in /v1). Connects at the first request, in whichever loop that runs.

    Raises SettingsError when `url` is no address.
    """

    def __init__(
        self, url: str, *, key: str = "", timeouts: Timeouts | None = None, retries: int = 2, wait: float = 0.2
    ) -> None:
        self.url = url.rstrip("/")
        self.shown = _shown(self.url)
        self.timeouts = timeouts or Timeouts()
        self._headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
        self._retries = retries
        self._wait = wait
        self._session: aiohttp.ClientSession | None = None
        import aiohttp  # noqa: F401 - here, so that no question waits for it

    def __repr__(self) -> str:
        return f"Server({self.shown!r})"

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @asynccontextmanager
    async def post(self, path: str, body: Mapping[str, Any], deadline: float) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """A 200 response, headers read; leaving closes the connection unless all was read. Raises UpstreamError.

        `deadline` is the loop's time by which the headers must have come, retries included.
        """
        response = await self._retried("POST", path, msgspec.json.encode(body), deadline, str(body.get("model", "")))
        try:
            yield response
        finally:
            response.close()

    async def read(self, response: aiohttp.ClientResponse, deadline: float) -> bytes:
        """The whole body. Raises UpstreamError, also when it is larger than REPLY_LIMIT."""
        data = bytearray()
        while part := await self.chunk(response, deadline, "the reply"):
            data += part
            if len(data) > REPLY_LIMIT:
                raise too_much()
        return bytes(data)

    async def chunk(self, response: aiohttp.ClientResponse, deadline: float, what: str) -> bytes:
        """The next bytes of a stream, empty at its end. Raises UpstreamError."""
        return await self._mapped(response.content.readany(), deadline, what)

    async def get(self, path: str) -> Mapping[str, Any]:
        """A JSON object. Raises UpstreamError."""
        deadline = asyncio.get_running_loop().time() + self.timeouts.connect + self.timeouts.idle
        response = await self._send("GET", path, b"", deadline)
        try:
            data = await self.read(response, deadline)
            if response.status != _OK:
                raise replies.error(response.status, data)
            return replies.decode(data)
        finally:
            response.close()

    async def _retried(self, method: str, path: str, body: bytes, deadline: float, model: str) -> aiohttp.ClientResponse:
        attempt = 0
        while True:
            try:
                response = await self._send(method, path, body, deadline)
                if response.status == _OK:
                    return response
                raise await self._refusal(response, deadline, model)
            except UpstreamError as exc:
                wait = self._wait * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, not a secret
                wait = max(wait, exc.retry_after)
                late = wait > _LONGEST_WAIT or asyncio.get_running_loop().time() + wait >= deadline
                if not exc.retryable or attempt >= self._retries or late:
                    raise
            await asyncio.sleep(wait)
            attempt += 1

    async def _send(self, method: str, path: str, body: bytes, deadline: float) -> aiohttp.ClientResponse:
        request = self._open().request(method, self.url + path, data=body or None, allow_redirects=False)
        try:
            return await self._mapped(request, deadline, "the first token")
        except UpstreamError as exc:
            exc.retryable = exc.retryable or exc.code == "upstream_broke_off"  # nothing of an answer has come yet
            raise

    async def _refusal(self, response: aiohttp.ClientResponse, deadline: float, model: str) -> UpstreamError:
        try:
            data = await self._mapped(response.content.read(_REFUSAL_LIMIT), deadline, "the reply")
        finally:
            response.close()
        refusal = replies.error(response.status, data, model)
        refusal.retryable = response.status in _RETRIED
        refusal.retry_after = replies.seconds(response.headers.get("retry-after"))
        return refusal

    async def _mapped(self, call: Awaitable[T], deadline: float, what: str) -> T:
        """Await `call` until `deadline`, with aiohttp's errors in our words."""
        import aiohttp

        try:
            async with asyncio.timeout_at(deadline):
                return await call
        except aiohttp.ConnectionTimeoutError as exc:
            raise self._unreachable(f"no connection within {self.timeouts.connect:g} s", status=504) from exc
        except TimeoutError as exc:
            raise UpstreamError(
                f"the model server at {self.shown} took too long for {what}", status=504, code="upstream_timeout"
            ) from exc
        except aiohttp.ClientConnectorError as exc:
            raise self._unreachable(exc.strerror or str(exc.os_error)) from exc
        except aiohttp.ServerDisconnectedError as exc:
            raise self._unreachable("it closed the connection before it answered") from exc
        except (aiohttp.ClientPayloadError, ConnectionError, aiohttp.ClientOSError) as exc:
            raise UpstreamError(f"the model server at {self.shown} broke off while sending", code="upstream_broke_off") from exc
        except (aiohttp.ClientError, ValueError) as exc:
            raise UpstreamError(
                f"the model server at {self.shown} does not speak HTTP as expected: {type(exc).__name__}"
            ) from exc

    def _unreachable(self, why: str, status: int = 502) -> UpstreamError:
        return UpstreamError(
            f"the model server at {self.shown} cannot be reached: {why}; check that it runs and TWIN_MODEL_URL",
            status=status,
            code="upstream_timeout" if status == 504 else "upstream_unreachable",  # noqa: PLR2004 - HTTP's own number
            retryable=True,
        )

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            import aiohttp

            self._session = aiohttp.ClientSession(
                headers=self._headers,
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),  # the gateway bounds concurrency
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.timeouts.connect),
                read_bufsize=2**18,
            )
        return self._session


def too_much() -> UpstreamError:
    """The error for an answer that does not end."""
    return UpstreamError(f"the model server sent more than {REPLY_LIMIT:,} bytes")


def _shown(url: str) -> str:
    """An address without credentials and query."""
    try:
        parts = urlsplit(url)
        host, scheme = parts.hostname, parts.scheme
    except ValueError:
        host, scheme = None, ""
    if scheme not in {"http", "https"} or not host:
        raise SettingsError("the address of a model server should look like http://127.0.0.1:8000/v1; check TWIN_MODEL_URL")
    return f"{scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
