"""A MongoDB URL -> a client with short, bounded waits, and its errors as StoreError. Knows no collection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from twin.errors import StoreError

if TYPE_CHECKING:
    from pymongo import AsyncMongoClient

    Client = AsyncMongoClient[dict[str, Any]]

_OPTIONS = {"serverSelectionTimeoutMS": 5_000, "connectTimeoutMS": 5_000, "socketTimeoutMS": 60_000}
_CODES = {
    13: "the user may not do this; grant it readWrite on the database",
    18: "user name or password is wrong",
    8000: "user name or password is wrong",  # Atlas
    14031: "its disk is full; free some space and run again",
}


def masked(url: str) -> str:
    """The URL without credentials and options: what messages may show."""
    scheme, found, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}" if found else "documents_url"


def client(url: str) -> Client:
    """A client that has not connected yet. Raises StoreError for a URL that is none.

    What the URL itself says about timeouts is left as it says.
    """
    from pymongo import AsyncMongoClient
    from pymongo.errors import PyMongoError

    options: dict[str, Any] = {name: value for name, value in _OPTIONS.items() if name.lower() not in url.lower()}
    try:
        if not url.startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError(url)  # noqa: TRY301 - pymongo would take it for a host's name
        return AsyncMongoClient(url, appname="llm-twin", tz_aware=True, **options)
    except (PyMongoError, ValueError) as exc:  # its text, and any part of the URL, may hold a piece of the password
        raise StoreError(
            f"documents_url: not a usable MongoDB URL ({type(exc).__name__}); it reads mongodb://user:password@host/database, "
            "with / : @ % in user and password written as %2F %3A %40 %25"
        ) from None


@contextmanager
def mapping(address: str) -> Iterator[None]:
    """Raise what pymongo raises inside as StoreError that names `address`."""
    from bson.errors import BSONError
    from pymongo.errors import PyMongoError

    try:
        yield
    except PyMongoError as exc:
        raise StoreError(f"{address}: {_reason(exc)}") from exc
    except (BSONError, UnicodeEncodeError, OverflowError) as exc:
        raise StoreError(f"{address}: a document cannot be stored: {type(exc).__name__}; clean it at its source") from exc


def _reason(exc: Exception) -> str:
    from pymongo.errors import BulkWriteError, ConnectionFailure, DocumentTooLarge, OperationFailure

    if isinstance(exc, ConnectionFailure):
        said = str(exc).partition(" (configured")[0].partition(", Timeout")[0]
        return f"the server cannot be reached ({said}); check that it runs and may be reached from here, then run again"
    if isinstance(exc, DocumentTooLarge):
        return "a document is larger than 16 MB, which is what MongoDB holds; exclude it at its source"
    if isinstance(exc, BulkWriteError):
        errors = exc.details.get("writeErrors") or exc.details.get("writeConcernErrors") or [{}]
        return f"it refused to write: {_said(errors[0].get('errmsg', 'no reason given'))}"
    if isinstance(exc, OperationFailure) and exc.code in _CODES:
        return _CODES[exc.code]
    return f"{type(exc).__name__}: {_said(str(exc).partition(', full error')[0])}"


def _said(text: str) -> str:
    """What the server said, up to where it quotes a document."""
    return text.partition("{")[0].strip(" :")[:200]
