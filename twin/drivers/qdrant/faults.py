"""An address and a key -> a client of a Qdrant server; its errors -> IndexStoreError, with neither password nor key in it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from yarl import URL

from twin.drivers.qdrant.patience import be_patient
from twin.errors import IndexStoreError, SettingsError

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

LONGEST = 300  # characters of a server's words
DENIED = frozenset({401, 403})


def connection(url: str, key: str, timeout: int) -> AsyncQdrantClient:
    """A client over REST; connects at the first request. Credentials in `url` are sent as HTTP's own."""
    from qdrant_client import AsyncQdrantClient

    try:
        address = URL(url)
        bare = str(address.with_user(None)).rstrip("/")
    except ValueError as exc:
        raise SettingsError("qdrant_url is no address; it should look like http://127.0.0.1:6333") from exc
    headers = {}
    if address.user is not None:
        from aiohttp import encode_basic_auth

        headers["authorization"] = encode_basic_auth(address.user, address.password or "")
    with warnings.catch_warnings():  # that a key goes over http is the operator's choice, inside a cluster
        warnings.simplefilter("ignore")
        made = AsyncQdrantClient(
            url=bare, api_key=key or None, timeout=timeout, headers=headers, check_compatibility=False, prefer_grpc=False
        )
    be_patient(made)
    return made


class Faults:
    """Maps what the client raises, once."""

    def __init__(self, url: str, key: str) -> None:
        try:
            parts = urlsplit(url)
            self.shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
            secrets = [key, parts.password or ""]
        except ValueError:
            self.shown, secrets = "qdrant_url", [key]
        self._secrets = tuple(secret for secret in secrets if secret)

    @contextmanager
    def mapped(self, doing: str, unless: int = 0) -> Iterator[None]:
        """Raises IndexStoreError; a reply with the status `unless` ends the block and raises nothing."""
        from pydantic import ValidationError
        from qdrant_client.common.client_exceptions import QdrantException
        from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

        try:
            yield
        except UnexpectedResponse as exc:
            if exc.status_code != unless or not unless:
                raise self._error(doing, _said(exc.status_code, exc.content)) from exc
        except ResponseHandlingException as exc:
            raise self._error(
                doing, f"{exc.source or type(exc.source).__name__}; check that it runs and TWIN_QDRANT_URL"
            ) from exc
        except QdrantException as exc:  # 429, with a wait that is longer than ours
            raise self._error(doing, "HTTP 429: it is too busy and asks to wait; try again later") from exc
        except (ApiException, ValidationError, msgspec.MsgspecError, KeyError, TypeError, ValueError) as exc:
            raise self._error(doing, f"its reply is not as expected ({type(exc).__name__})") from exc

    def _error(self, doing: str, why: str) -> IndexStoreError:
        for secret in self._secrets:
            why = why.replace(secret, "***")
        return IndexStoreError(f"the index server at {self.shown} could not {doing}: {' '.join(why.split())[:LONGEST]}")


def _said(status: int | None, content: bytes) -> str:
    if status in DENIED:
        return f"HTTP {status}; check TWIN_QDRANT_API_KEY"
    try:
        words = msgspec.json.decode(content)["status"]["error"]
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        words = ""
    return f"HTTP {status} {words}".strip()
