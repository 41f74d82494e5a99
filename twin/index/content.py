"""Passages of an index -> the digest of the documents that they are of: the same for the same documents, in any store."""

from __future__ import annotations

import hashlib

from twin.digest import PREFIX
from twin.records import Chunk


class Content:
    """What an index holds. `chunks` were added; their order does not matter."""

    def __init__(self) -> None:
        self.chunks = 0
        self._documents: set[str] = set()

    def add(self, chunk: Chunk) -> None:
        self.chunks += 1
        self._documents.add(f"{chunk.uri} {chunk.content_hash}\n")

    @property
    def documents(self) -> str:
        """Of the lines `uri hash` in order."""
        lines = "".join(sorted(self._documents)).encode("utf-8", "surrogatepass")
        return PREFIX + hashlib.sha256(lines).hexdigest()
