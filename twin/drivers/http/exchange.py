"""One request -> one answer: the wire. Maps every error of aiohttp once. Knows no robots.txt, no redirects, no retries."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from twin.documents.links import host_of
from twin.documents.pages import Validators
from twin.drivers.http.body import ACCEPTED, read_body
from twin.drivers.http.guard import REFUSED, RefusedAddressError, guarded_socket
from twin.drivers.http.retry import BUSY, retry_after
from twin.errors import BlockedError, FetchError, LimitError

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver

CONNECT = 10.0  # seconds
IDLE = 15.0  # seconds without a byte
CHUNK = 1 << 16
LONGEST_VALIDATOR = 1024
ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,text/markdown;q=0.8,text/plain;q=0.8,*/*;q=0.5"
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


@dataclass(frozen=True, slots=True)
class Answer:
    """A status of 200, 304 (`unchanged`) or a redirect (`location`); `body` only of a 200 whose type was wanted."""

    location: str = ""
    unchanged: bool = False
    body: bytes = b""
    content_type: str = ""
    charset: str = ""
    validators: Validators = field(default_factory=Validators)
    robots: tuple[str, ...] = ()


class BusyError(FetchError):
    """The server asks to come again; `retry_after` in seconds, None when it does not say when."""

    def __init__(self, message: str, *, status: int = 0, retryable: bool = True) -> None:
        super().__init__(message, status=status, retryable=retryable)
        self.retry_after: float | None = None


class Exchange:
    """Two sessions, one that may reach private addresses and one that may not: a connection is never lent to the other."""

    def __init__(self, user_agent: str, *, timeout: float, max_bytes: int, resolver: AbstractResolver | None) -> None:
        self._user_agent = user_agent
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._resolver = resolver
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def send(
        self,
        url: str,
        *,
        allow_private: bool,
        validators: Validators = Validators(),  # noqa: B008 - frozen
        wanted: Callable[[str], bool] | None = None,
        cut_at: int = 0,
    ) -> Answer:
        """GET `url`, once. Raises FetchError; with `cut_at`, a longer body is cut there."""
        import aiohttp

        try:
            async with asyncio.timeout(self._timeout):
                return await self._send(url, allow_private, validators, wanted, cut_at)
        except FetchError as exc:
            raise _named(url, exc) from exc
        except TimeoutError as exc:
            raise LimitError(f"{url}: {_slow(exc, self._timeout)}", retryable=True) from exc
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise _mapped(url, exc) from exc

    async def _send(
        self, url: str, allow_private: bool, validators: Validators, wanted: Callable[[str], bool] | None, cut_at: int
    ) -> Answer:
        from yarl import URL

        session = self._session(allow_private=allow_private)
        async with session.get(URL(url, encoded=True), headers=_conditions(validators), allow_redirects=False) as response:
            if response.status in _REDIRECTS and response.headers.get("Location"):
                response.close()
                return Answer(location=response.headers["Location"])
            if response.status == 304 and validators != Validators():  # noqa: PLR2004 - HTTP's own number
                return Answer(unchanged=True, validators=validators, robots=_robots(response))
            if response.status != 200:  # noqa: PLR2004
                response.close()
                raise _refused(response)
            kind = (response.content_type if "Content-Type" in response.headers else "").lower()
            if wanted is not None and not wanted(kind):
                response.close()
                return Answer(content_type=kind)
            body = await self._body(response, cut_at)
            return Answer("", False, body, kind, response.charset or "", _validators(response), _robots(response))

    async def _body(self, response: aiohttp.ClientResponse, cut_at: int) -> bytes:
        limit = cut_at or self._max_bytes
        declared = 0 if cut_at else response.content_length or 0
        encoding = response.headers.get("Content-Encoding", "")
        try:
            return await read_body(_chunks(response), encoding, limit, declared=declared, cut=bool(cut_at))
        except BaseException:
            response.close()  # what is left of it must not be read to keep the connection
            raise

    def _session(self, *, allow_private: bool) -> aiohttp.ClientSession:
        import aiohttp

        if allow_private not in self._sessions:
            connector = aiohttp.TCPConnector(
                limit=0,  # our own turns bound it
                resolver=self._resolver,
                use_dns_cache=self._resolver is None,
                ttl_dns_cache=60,
                socket_factory=guarded_socket(allow_private=allow_private),
            )
            self._sessions[allow_private] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": self._user_agent, "Accept": ACCEPT, "Accept-Encoding": ACCEPTED},
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=min(CONNECT, self._timeout), sock_read=min(IDLE, self._timeout)
                ),
                auto_decompress=False,
                trust_env=False,
            )
        return self._sessions[allow_private]


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async for chunk in response.content.iter_chunked(CHUNK):
        yield chunk


def _conditions(validators: Validators) -> dict[str, str]:
    named = {"If-None-Match": validators.etag, "If-Modified-Since": validators.modified}
    return {key: value for key, value in named.items() if value}


def _validators(response: aiohttp.ClientResponse) -> Validators:
    values = (response.headers.get(name, "") for name in ("ETag", "Last-Modified"))
    return Validators(*(value if len(value) <= LONGEST_VALIDATOR and value.isprintable() else "" for value in values))


def _robots(response: aiohttp.ClientResponse) -> tuple[str, ...]:
    return tuple(response.headers.getall("X-Robots-Tag", ()))


def _refused(response: aiohttp.ClientResponse) -> FetchError:
    reason = f"{response.status} {_phrase(response.status)}".strip()
    if response.status not in BUSY:
        return FetchError(reason, status=response.status)
    error = BusyError(reason, status=response.status)
    error.retry_after = retry_after(response.headers.get("Retry-After", ""), time.time())
    if error.retry_after:
        error.args = (f"{reason}; it asks to come again in {error.retry_after:,.0f} s",)
    return error


def _phrase(status: int) -> str:
    """Our own words for a status: the server's reason phrase is untrusted text."""
    from http import HTTPStatus

    return next((known.phrase for known in HTTPStatus if known == status), "")


def _named(url: str, exc: FetchError) -> FetchError:
    """The same error with the URL in front."""
    exc.args = (f"{url}: {exc}",)
    return exc


def _slow(exc: BaseException, seconds: float) -> str:
    text = str(exc)
    if "connect" in text.lower():
        return "no connection in time"
    return f"no byte for {min(IDLE, seconds):g} s" if "reading" in text.lower() else f"not read within {seconds:g} s"


def _mapped(url: str, exc: Exception) -> FetchError:
    """What aiohttp, the system or a resolver says, in our words; only what may pass by itself is retryable."""
    import aiohttp

    inner: Any = getattr(exc, "os_error", None) or exc
    if isinstance(inner, RefusedAddressError) or REFUSED in str(inner):
        how = "say `allow_private: true` in sources.yaml if the source is yours"
        return BlockedError(f"{url}: {host_of(url)} {REFUSED}; {how}")
    if isinstance(exc, aiohttp.ClientConnectorError):
        return _unreachable(url, exc, inner)
    if isinstance(exc, aiohttp.InvalidURL | ValueError):
        return FetchError(f"{url}: is no URL that can be asked ({_brief(exc)})")
    if isinstance(exc, aiohttp.ClientResponseError):
        return FetchError(f"{url}: the answer is no HTTP ({_brief(exc)})")
    return FetchError(f"{url}: the connection broke ({_brief(exc)})", retryable=True)


def _unreachable(url: str, exc: Exception, inner: Any) -> FetchError:
    import aiohttp

    if isinstance(exc, aiohttp.ClientConnectorCertificateError) or isinstance(inner, ssl.SSLError):
        return FetchError(f"{url}: its certificate or TLS is not valid ({_brief(inner)})")
    if isinstance(inner, socket.gaierror) or isinstance(exc, aiohttp.ClientConnectorDNSError):
        temporary = getattr(inner, "errno", None) == socket.EAI_AGAIN
        return FetchError(f"{url}: there is no host {host_of(url)} ({_brief(inner)})", retryable=temporary)
    return FetchError(f"{url}: cannot be reached ({_brief(inner)})", retryable=True)


def _brief(exc: BaseException) -> str:
    text = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
    return " ".join(str(text).split())[:200]
