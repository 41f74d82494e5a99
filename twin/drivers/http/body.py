"""A response's raw bytes, as they arrive -> the decompressed body, within bounds. Knows no URL and no retry.

aiohttp would decompress by itself, but bounds neither the result nor its ratio; here a bomb ends after its first megabytes.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

from twin.errors import FetchError, LimitError

ACCEPTED = "gzip, deflate"
RATIO = 200  # no page of text is compressed so well; what deflate can do at most is 1,032
RATIO_FROM = 1 << 20  # bytes from which the ratio counts
STEP = 1 << 18  # bytes that are decompressed at a time
MOST_MEMBERS = 64  # of a gzip body; one is usual
_IDENTITY = ("", "identity", "none")


async def read_body(
    chunks: AsyncIterator[bytes], encoding: str, max_bytes: int, *, declared: int = 0, cut: bool = False
) -> bytes:
    """The whole body. Raises LimitError above `max_bytes` (or with `cut`, ends there), FetchError for a broken encoding.

    `declared` is the length that the server says, to refuse a body before it comes; 0 when it says none.
    """
    if declared > max_bytes:
        raise LimitError(f"larger than {max_bytes:,} bytes: it says {declared:,}")
    encoding = encoding.strip().lower()
    made = bytearray()
    decoder = None if encoding in _IDENTITY else _Inflater(encoding)
    raw = 0
    async for chunk in chunks:
        raw += len(chunk)
        for piece in decoder.feed(chunk) if decoder else (chunk,):
            made += piece
            if len(made) > max_bytes:
                if cut:
                    return bytes(made[:max_bytes])
                raise LimitError(f"larger than {max_bytes:,} bytes{' when decompressed' if decoder else ''}")
            if decoder and len(made) > RATIO_FROM and len(made) > RATIO * raw:
                raise LimitError(f"unfolds more than {RATIO} times: a decompression bomb")
        if raw > max_bytes:  # padding that decompresses to nothing
            raise LimitError(f"larger than {max_bytes:,} bytes")
    if decoder and raw and not decoder.complete:
        raise FetchError(f"its {encoding} body ends early", retryable=True)
    return bytes(made)


class _Inflater:
    """gzip (of several members), zlib and, as some servers say deflate for it, raw deflate; a step at a time."""

    def __init__(self, encoding: str) -> None:
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise FetchError(f"is encoded as {encoding[:40]!r}, which was not asked for")
        self._gzip = encoding != "deflate"
        self._inflate = zlib.decompressobj(31 if self._gzip else 15)
        self._members = 1
        self._begun = False

    @property
    def complete(self) -> bool:
        return self._inflate.eof

    def feed(self, chunk: bytes) -> list[bytes] | _Pieces:
        return _Pieces(self, chunk)

    def step(self, data: bytes) -> tuple[bytes, bytes]:
        """Some output, and the input that is left."""
        if self._inflate.eof:
            if not self._gzip or self._members >= MOST_MEMBERS or not data.lstrip(b"\0"):
                return b"", b""  # padding, as zlib and browsers pass over it
            self._inflate = zlib.decompressobj(31)
            self._members += 1
        try:
            made = self._inflate.decompress(data, STEP)
        except zlib.error as exc:
            if self._begun or self._gzip:
                raise FetchError(f"its compressed body is broken ({exc})", retryable=True) from exc
            self._inflate = zlib.decompressobj(-15)
            self._begun = True
            return self.step(data)
        self._begun = True
        return made, self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail


class _Pieces:
    """The output of one chunk, made as it is asked for, so that whoever counts it can stop."""

    def __init__(self, inflater: _Inflater, chunk: bytes) -> None:
        self._inflater = inflater
        self._left = chunk

    def __iter__(self) -> _Pieces:
        return self

    def __next__(self) -> bytes:
        if not self._left:
            raise StopIteration
        made, self._left = self._inflater.step(self._left)
        return made
