"""A file of JSON records, as one array or one after the other -> the records, one at a time, with their place.

Holds one record and a buffer, however large the file. The standard library's decoder takes one value at a position (140 to
250 MB/s here). ijson 3.6 with its C back end is faster (230 to 900 MB/s) but says neither where an error is nor how a record
stood in the file, which is its version; and what is made of a record takes far longer than either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

CHUNK = 1 << 20  # characters read at once
LARGEST = 64 << 20  # characters of one record
LONGEST_JOINT = 4  # characters that may stand between the two halves of a number
NEAR_END = 64  # an error this close to the buffer's end may be a value that is cut there
_SPACES = re.compile(r"[ \t\r\n]*")
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\0\0", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class BrokenJsonError(ValueError):
    """The file is no JSON from some place on; the message says byte and line."""


@dataclass(frozen=True, slots=True)
class Raw:
    """The `number`th record, counted from 1. `text` is the record as it stands in the file."""

    number: int
    line: int
    text: str
    value: Any


def charset_of(head: bytes) -> str:
    """The charset that a file's first bytes say, UTF-8 when they say none."""
    return next((charset for mark, charset in _BOMS if head.startswith(mark)), "utf-8")


def records(path: Path) -> Iterator[Raw]:
    """The records of a JSON array, of JSON lines, or of values one after the other. Raises OSError, BrokenJsonError.

    What is before a break has been yielded when it is raised.
    """
    with path.open("rb") as probe:
        charset = charset_of(probe.read(4))
    with path.open(encoding=charset, newline="") as file:
        yield from _Reader(file, charset).records()


class _Reader:
    def __init__(self, file: TextIO, charset: str) -> None:
        self._file = file
        self._charset = charset
        self._buffer = ""
        self._at = 0
        self._ended = False
        self._bytes = 0  # of what left the buffer
        self._lines = 1  # of what is before `_counted`
        self._counted = 0
        self._decoder = json.JSONDecoder()

    def records(self) -> Iterator[Raw]:
        array = self._peek() == "["
        if array:
            self._at += 1
        number = 0
        while (character := self._peek()) and character != ("]" if array else ""):
            if number and array:
                self._expect(",")
            number += 1
            yield self._value(number)
        if array:
            self._expect("]")
            if self._peek():
                raise self._broken("text after the array's end", self._at)

    def _expect(self, character: str) -> None:
        found = self._peek()
        if found != character:
            what = f"found {found!r}" if found else "the file ends"
            raise self._broken(f"expected {character!r}, {what}", self._at)
        self._at += 1

    def _peek(self) -> str:
        """The next character that is no white space, empty at the end."""
        while True:
            self._at = _SPACES.match(self._buffer, self._at).end()  # type: ignore[union-attr]  # it matches nothing, too
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._fill():
                return ""

    def _value(self, number: int) -> Raw:
        self._peek()
        if self._at > CHUNK:
            self._drop()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as exc:
                cut = exc.pos > len(self._buffer) - NEAR_END or exc.msg.startswith("Unterminated string")
                if not (cut and self._fill()):
                    raise self._broken(exc.msg, exc.pos) from exc
                continue
            except (RecursionError, ValueError) as exc:
                raise self._broken("nested too deep or a number too long", self._at) from exc
            if isinstance(value, int | float) and len(self._buffer) - end < LONGEST_JOINT and self._fill():
                continue  # the number may go on: `1` was cut out of `1.5` or `1e+5`
            raw = Raw(number, self._line(self._at), self._buffer[self._at : end], value)
            self._at = end
            return raw

    def _fill(self) -> bool:
        """Read on, twice as much each time one record needs more, so that a long one is not decoded over and over."""
        if self._ended:
            return False
        held = len(self._buffer) - self._at
        if held > LARGEST:
            raise self._broken(f"a record of more than {LARGEST:,} characters, or a quote that never ends", self._at)
        try:
            more = self._file.read(max(CHUNK, held))
        except UnicodeDecodeError as exc:
            raise self._broken(f"not {self._charset} behind here", len(self._buffer)) from exc
        self._ended = not more
        self._buffer += more
        return bool(more)

    def _drop(self) -> None:
        gone = self._buffer[: self._at]
        self._bytes += self._size(gone)
        self._line(self._at)
        self._buffer = self._buffer[self._at :]
        self._at = self._counted = 0

    def _size(self, text: str) -> int:
        width = {"utf-16": 2, "utf-32": 4}.get(self._charset)
        return len(text.encode("utf-16-le" if width == 2 else "utf-32-le" if width else "utf-8", "surrogatepass"))  # noqa: PLR2004

    def _line(self, at: int) -> int:
        if at >= self._counted:
            self._lines += self._buffer.count("\n", self._counted, at)
            self._counted = at
            return self._lines
        return self._lines - self._buffer.count("\n", at, self._counted)

    def _broken(self, what: str, at: int) -> BrokenJsonError:
        byte = self._bytes + self._size(self._buffer[:at])
        return BrokenJsonError(f"line {self._line(at):,}, byte {byte:,}: invalid JSON: {what}")
