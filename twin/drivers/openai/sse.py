"""Bytes of a server-sent event stream -> the data of its events, however the bytes were cut. Knows no JSON and no network.

Follows the HTML standard, section 9.2: lines end in LF, CRLF or CR, comments begin with a colon, several data lines make one.
"""

from __future__ import annotations

import re

from twin.errors import UpstreamError

EVENT_LIMIT = 4_000_000  # bytes of one event
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class EventParser:
    """Feed it bytes as they come."""

    def __init__(self, limit: int = EVENT_LIMIT) -> None:
        self._limit = limit
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._first = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that `chunk` completes. Raises UpstreamError when one grows beyond the limit."""
        text = self._rest + chunk
        if self._first and len(text) >= len(_BOM):
            self._first, text = False, text.removeprefix(_BOM)
        held = text.endswith(b"\r")  # a line feed may belong to it
        lines = _LINE_END.split(text[:-1] if held else text) if b"\r" in text else text.split(b"\n")
        self._rest = lines.pop() + (b"\r" if held else b"")
        if len(self._rest) + self._size > self._limit:
            raise UpstreamError(f"the model server sent an event of more than {self._limit:,} bytes")
        return self._events(lines)

    def close(self) -> list[bytes]:
        """The event at the end of a stream that did not end in an empty line."""
        lines = [self._rest.rstrip(b"\r"), b""]
        self._rest = b""
        return self._events(lines)

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for line in lines:
            if line.startswith(b"data:"):
                part = line[6:] if line.startswith(b"data: ") else line[5:]
                self._data.append(part)
                self._size += len(part)
            elif not line and self._data:
                events.append(b"\n".join(self._data))
                self._data, self._size = [], 0
        return events
