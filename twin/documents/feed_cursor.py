"""What one run over a feed source leaves for the next: where looking again stopped, and whether the feed may be asked
"has it changed?". Pure.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from twin.documents import stamps
from twin.documents.pages import Validators, compact
from twin.documents.sources import FeedSource


@dataclass(frozen=True, slots=True)
class FeedCursor:
    """`again` is the last stored page that was asked for again in turn.

    `address` (empty: ask in full), `validators` and `complete` are of the feed as it was read; `stored` is the digest of what
    was stored after it: an unchanged feed says what is there only if nothing else has changed it since, such as a run that
    failed in the middle.
    """

    again: str = ""
    address: str = ""
    validators: Validators = Validators()  # noqa: RUF009 - frozen
    complete: bool = False
    stored: str = ""


def parse_cursor(text: str, source: FeedSource) -> FeedCursor:
    """The cursor in `text`; an empty one when there is none, or when `source` is declared otherwise now."""
    try:
        values: Any = json.loads(text)
        if values["d"] != _declared(source):
            return FeedCursor()
        again, address, etag, modified, stored = (str(values.get(key, "")) for key in "auems")
        return FeedCursor(again, address, Validators(etag, modified), values.get("c") is True, stored)
    except (ValueError, TypeError, KeyError):
        return FeedCursor()


def cursor_text(cursor: FeedCursor, source: FeedSource) -> str:
    """The cursor as it is stored; empty when there is nothing to remember."""
    parts: dict[str, object] = {"a": cursor.again, "u": cursor.address, "c": cursor.complete, "s": cursor.stored}
    said = {**parts, "e": cursor.validators.etag, "m": cursor.validators.modified}
    kept = {key: value for key, value in said.items() if value}
    return compact({**kept, "d": _declared(source)}) if kept else ""


def _declared(source: FeedSource) -> str:
    return stamps.cursor(source)[:16]


class UriSet:
    """Uris, in any order and each once -> a digest of the set."""

    def __init__(self) -> None:
        self._sum = 0
        self._count = 0

    def add(self, uri: str) -> None:
        self._sum += int.from_bytes(sha256(uri.encode("utf-8", "surrogatepass")).digest()[:16])
        self._count += 1

    @property
    def digest(self) -> str:
        return f"{self._count:x}-{self._sum % (1 << 128):032x}"
