"""Texts -> unit vectors, by `POST /embeddings` of an OpenAI-compatible server. Knows no index.

A refusal is told by its status and OpenAI's code, never by the server's words: those may quote a document.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import msgspec

from twin.drivers.embedding.unit import unit
from twin.drivers.http.retry import BUSY, pause, retry_after
from twin.errors import EmbeddingError, SettingsError

if TYPE_CHECKING:
    import aiohttp

BATCH = 64  # texts of one request
CONCURRENT = 4  # requests at once
ATTEMPTS = 5
TIMEOUT = 120.0  # seconds for one request
LARGEST = 64 << 20  # bytes of a reply
OK = 200


class _Row(msgspec.Struct):
    embedding: list[float]
    index: int


class _Reply(msgspec.Struct):
    data: list[_Row]


class _Busy(Exception):  # noqa: N818  no error yet: it is tried again
    """Why a request may be sent again, and how long the server asks to wait."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class OpenAIEmbedder:
    """The model `model` at `url` (ending in /v1). Entering asks for one vector, which tells the dimension.

    `patience` scales the pauses between attempts. Raises SettingsError when `url` is no address.
    """

    dimension = 0

    def __init__(self, url: str, key: str, model: str, *, patience: float = 1.0, timeout: float = TIMEOUT) -> None:
        self._url = url.rstrip("/") + "/embeddings"
        self._shown = _shown(self._url)
        self._key, self._model = key, model
        self._patience, self._timeout = patience, timeout
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(CONCURRENT)
        self.name = f"openai:{model}"
        self.digest = f"server:{model}"

    def __repr__(self) -> str:
        return f"OpenAIEmbedder({self._shown!r}, {self._model!r})"

    async def __aenter__(self) -> Self:
        import aiohttp

        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {self._key}"} if self._key else {})
        timeout = aiohttp.ClientTimeout(total=self._timeout, sock_connect=10)
        self._session = aiohttp.ClientSession(headers=headers, timeout=timeout)
        try:
            self.dimension = len((await self._batch(["dimension"]))[0])
        except BaseException:
            await self._session.close()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        session, self._session = self._session, None
        if session:
            await session.close()

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One unit vector a text, in order. Raises EmbeddingError."""
        try:
            async with asyncio.TaskGroup() as group:
                parts = [group.create_task(self._batch(texts[at : at + BATCH])) for at in range(0, len(texts), BATCH)]
        except ExceptionGroup as failed:  # the first one; the others were stopped
            raise failed.exceptions[0] from None
        return [vector for part in parts for vector in part.result()]

    async def embed_query(self, text: str) -> Sequence[float]:
        """The vector of a question. Raises EmbeddingError."""
        return (await self._batch([text]))[0]

    async def _batch(self, texts: Sequence[str]) -> list[list[float]]:
        asked = [text.encode("utf-8", "replace").decode() or " " for text in texts]  # an empty input is refused
        body = msgspec.json.encode({"model": self._model, "input": asked, "encoding_format": "float"})
        async with self._slots:
            data = await self._retried(body)
        try:
            rows = sorted(msgspec.json.decode(data, type=_Reply).data, key=lambda row: row.index)
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise self._error("its reply is no list of embeddings") from exc
        sizes = {len(row.embedding) for row in rows}
        if [row.index for row in rows] != list(range(len(texts))) or len(sizes) != 1 or 0 in sizes:
            raise self._error(f"it gave {len(rows)} vectors for {len(texts)} texts, or vectors of several sizes")
        if self.dimension and sizes != {self.dimension}:
            raise self._error(
                f"it gave vectors of {sizes.pop()} numbers, {self.dimension} at the start: was its model exchanged?"
            )
        return [unit(row.embedding) for row in rows]

    async def _retried(self, body: bytes) -> bytes:
        attempt = 1
        while True:
            try:
                return await self._sent(body)
            except _Busy as exc:
                wait = pause(attempt, exc.wait, random.random)
                if attempt == ATTEMPTS or wait is None:
                    raise self._error(f"{exc}, {attempt} times") from exc
            await asyncio.sleep(wait * self._patience)
            attempt += 1

    async def _sent(self, body: bytes) -> bytes:
        import aiohttp

        if self._session is None:
            raise self._error("it was closed")
        try:
            async with self._session.post(self._url, data=body, allow_redirects=False) as response:
                data = await _bounded(response)
                if response.status in BUSY:
                    asked = response.headers.get("retry-after", "")
                    raise _Busy(f"it answers HTTP {response.status}", retry_after(asked, time.time()))
                if response.status != OK:
                    raise self._error(f"it answers HTTP {response.status} {_code(data)}".rstrip())
                if data is None:
                    raise self._error(f"its reply is larger than {LARGEST:,} bytes")
                return data
        except TimeoutError as exc:
            raise _Busy(f"no answer within {self._timeout:g} s") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise _Busy(f"it cannot be reached ({type(exc).__name__})") from exc

    def _error(self, why: str) -> EmbeddingError:
        return EmbeddingError(f"embedder {self.name} at {self._shown}: {why}; check TWIN_EMBEDDER, its _URL and its _KEY")


async def _bounded(response: aiohttp.ClientResponse) -> bytes | None:
    """The body; None when it is larger than allowed."""
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            return None
    return b"".join(parts)


def _code(data: bytes | None) -> str:
    """OpenAI's code of an error, when it looks like one: short and without spaces."""
    try:
        error = msgspec.json.decode(data or b"")["error"]
        found = str(error.get("code") or error.get("type") or "")
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        return ""
    return found if len(found) <= 40 and found.isidentifier() else ""  # noqa: PLR2004  longer than any of theirs


def _shown(url: str) -> str:
    """An address without credentials and query."""
    try:
        parts = urlsplit(url)
        host, scheme = parts.hostname, parts.scheme
    except ValueError:
        host, scheme = None, ""
    if scheme not in {"http", "https"} or not host:
        raise SettingsError("embedder_url should look like http://127.0.0.1:8000/v1; check TWIN_EMBEDDER_URL")
    return f"{scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
