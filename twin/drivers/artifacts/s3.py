"""Blobs in a bucket of S3 or of what speaks its protocol. Credentials come from the usual AWS_* environment, read by the
library when it connects, and never stand in an error: what the library or the server says is not repeated.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from twin.drivers.artifacts.blobs import check_size
from twin.errors import ArtifactError

if TYPE_CHECKING:
    from obstore.store import S3Store

PART = 8 << 20  # bytes: a larger blob goes up in parts of this size, each tried again by itself
PARTS_AT_ONCE = 4
ATTEMPTS = 4  # to read a body that breaks off
RETRIES, RETRY_WITHIN = 6, timedelta(minutes=2)  # of one request, by the library: 5xx, dropped connections, timeouts
REACH_WITHIN = 10.0  # seconds
REFUSED = ("401", "403")
T = TypeVar("T")


class S3Blobs:
    """Blobs at `root` (s3://bucket/prefix), asked of `endpoint` (https://...) unless it is empty: then of AWS."""

    def __init__(self, root: str, endpoint: str = "", *, timeout: float = 60, retries: int = RETRIES) -> None:
        parts = urlsplit(root)
        if parts.username or "@" in parts.netloc:
            raise ArtifactError("the address of the artifacts holds credentials; put them into AWS_ACCESS_KEY_ID and so on")
        if not parts.netloc or parts.query or parts.fragment:
            raise ArtifactError("the address of the artifacts names no bucket, or more than that: write s3://bucket/prefix")
        self.root = root.rstrip("/")
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        self._endpoint, self._timeout, self._retries = endpoint, timeout, retries
        self._opened: S3Store | None = None

    def __repr__(self) -> str:
        return f"S3Blobs({self.root!r})"

    def _store(self) -> S3Store:
        if self._opened is None:
            self._opened = self._connected(self._timeout, self._retries)
        return self._opened

    def _connected(self, timeout: float, retries: int) -> S3Store:
        from obstore.exceptions import BaseError
        from obstore.store import S3Store

        config: Any = {"endpoint": self._endpoint} if self._endpoint else {}
        try:
            return S3Store(
                self._bucket,
                prefix=self._prefix or None,
                config=config,
                client_options={
                    "allow_http": self._endpoint.startswith("http://"),
                    "timeout": timedelta(seconds=timeout),
                },
                retry_config={"max_retries": retries, "retry_timeout": RETRY_WITHIN},
            )
        except (BaseError, ValueError):
            raise ArtifactError(f"{self.root}: cannot be opened; check artifacts_url, s3_endpoint and AWS_*") from None

    async def reach(self) -> None:
        import obstore

        store = self._connected(REACH_WITHIN, retries=0)

        async def first() -> None:
            async for _ in obstore.list(store, "artifacts", chunk_size=1):
                return

        await self._asked("list", "artifacts", first)

    async def size(self, key: str) -> int | None:
        import obstore
        from obstore.exceptions import NotFoundError

        async def head() -> int | None:
            try:
                return (await obstore.head_async(self._store(), key))["size"]
            except (NotFoundError, FileNotFoundError):
                return None

        return await self._asked("look for", key, head)

    async def write(self, key: str, data: bytes) -> None:
        import obstore

        await self._asked(
            "write",
            key,
            lambda: obstore.put_async(self._store(), key, data, chunk_size=PART, max_concurrency=PARTS_AT_ONCE),
        )

    async def read(self, key: str, most: int) -> bytes:
        import obstore

        async def get() -> bytes:
            found = await obstore.get_async(self._store(), key)
            check_size(f"{self.root}/{key}", found.meta["size"], most)
            return bytes(await found.bytes_async())

        return await self._asked("read", key, get, attempts=ATTEMPTS)

    async def _asked(self, verb: str, key: str, ask: Callable[[], Awaitable[T]], *, attempts: int = 1) -> T:
        """The reply. The library asks again where a request failed; a body that broke off is asked for here."""
        from obstore.exceptions import BaseError, GenericError

        for attempt in range(1, attempts + 1):
            try:
                return await ask()
            except GenericError as exc:
                error, again = self._error(verb, key, exc), attempt < attempts
            except (BaseError, OSError) as exc:  # a missing key is a FileNotFoundError, a refused one a PermissionError
                error, again = self._error(verb, key, exc), False
            if not again:
                raise error  # here, so that no traceback leads to what the library said: key id, signature, address
            await asyncio.sleep(random.random() * 0.2 * 2**attempt)  # noqa: S311  spreads callers, keeps no secret
        raise AssertionError(attempts)

    def _error(self, verb: str, key: str, exc: Exception) -> ArtifactError:
        from obstore.exceptions import NotFoundError, PermissionDeniedError, UnauthenticatedError

        where = f"{self.root}: cannot {verb} {key}"
        code = re.search(r"<Code>(\w{1,60})</Code>", str(exc))
        said = f" ({code[1]})" if code else ""
        unknown = code is not None and code[1].endswith(("UserNotFound", "AccessKeyId"))  # a 404 of some servers
        status = re.search(r"\b(?:status:? |HTTP status (?:code )?\w* ?\()(\d{3})", str(exc))
        refused = status is not None and status[1] in REFUSED  # a listing's, for which the library has no error of its own
        if unknown or refused or isinstance(exc, PermissionDeniedError | UnauthenticatedError | PermissionError):
            return ArtifactError(
                f"{where}: the store refuses the credentials{said}; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
                f"AWS_SESSION_TOKEN or the role, and what the bucket allows it"
            )
        if isinstance(exc, NotFoundError | FileNotFoundError):
            return ArtifactError(f"{where}: it is not there{said}; check the bucket's name, or put the artifact there again")
        answer = f"it answers {status[1]}{said}" if status else f"it cannot be reached, or breaks off{said}"
        return ArtifactError(f"{where}: {answer}; check s3_endpoint, AWS_REGION, the network or the credentials")
