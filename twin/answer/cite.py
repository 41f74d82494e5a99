"""Streamed text with markers `[n]` -> the same text with checked ones only, and where each stands.

Markers are `[1]`, `[1, 2]`, `[1-3]`, written out as `[1][2]`; in inline code, fenced code and link text they are none. The
result is the same however the text was cut into pieces. Knows no passages, only how many there are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLAIN = re.compile(r"[^`~\[ \n]+")
_MARKER = re.compile(r"\[([ \d,;\u2013-]{1,40})\]")
_MARKER_BEGUN = re.compile(r"\[[ \d,;\u2013-]{0,40}\Z")
_NUMBERS = re.compile(r"(\d{1,3})(?: ?[\u2013-] ?(\d{1,3}))?")
_LIST = re.compile(r" ?\d{1,3}(?: ?[,;\u2013-] ?\d{1,3})* ?")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`\n]{0,100})\n")
_FENCE_BEGUN = re.compile(r" {0,3}(?:`{1,2}|~{1,2}|(?:`{3,}|~{3,})[^`\n]{0,100})?\Z")
_CODE_LIMIT = 400  # characters of inline code held back while its end is awaited
_RANGE_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Mark:
    """A checked citation of passage `number`, at [start, end) in characters of the text that was given out."""

    number: int
    start: int
    end: int


class CitationParser:
    """Feed it text as it comes. `marks` and `dropped` grow as text is given out."""

    def __init__(self, passages: int) -> None:
        self._passages = passages
        self._buffer = ""
        self._length = 0
        self._line_start = True
        self._fence = ""
        self.marks: list[Mark] = []
        self.dropped = 0

    def feed(self, text: str) -> str:
        """The text that is certain by now."""
        self._buffer += text
        return self._pull(final=False)

    def close(self) -> str:
        """The text that was held back."""
        return self._pull(final=True)

    def _pull(self, *, final: bool) -> str:
        out: list[str] = []
        at = 0
        while at < len(self._buffer):
            step = self._fenced(at, final) if self._fence else self._open(at, final)
            if step is None:
                break
            text, end = step
            out.append(text)
            self._length += len(text)
            self._line_start = self._buffer[end - 1] == "\n"
            at = end
        self._buffer = self._buffer[at:]
        return "".join(out)

    def _fenced(self, at: int, final: bool) -> tuple[str, int] | None:
        """Inside a fence: whole lines, so that its end is seen; a line's beginning is held only while it may be that."""
        newline = self._buffer.find("\n", at)
        end = len(self._buffer) if newline < 0 else newline + 1
        line = self._buffer[at:end]
        if self._line_start:
            bare = line.strip()
            if newline < 0 and not final and (not bare or set(bare) == {self._fence[0]}):
                return None
            if len(bare) >= len(self._fence) and set(bare) == {self._fence[0]}:
                self._fence = ""
        return line, end

    def _open(self, at: int, final: bool) -> tuple[str, int] | None:
        buffer = self._buffer
        if self._line_start and buffer[at] in " `~":
            fence = _FENCE.match(buffer, at)
            if fence:
                self._fence = fence[1]
                return fence[0], fence.end()
            if not final and _FENCE_BEGUN.match(buffer, at):
                return None
        plain = _PLAIN.match(buffer, at)
        if plain:
            return plain[0], plain.end()
        if buffer[at] == "`":
            return self._inline_code(at, final)
        if buffer[at] in " [":
            return self._marker(at, final)
        return buffer[at], at + 1

    def _inline_code(self, at: int, final: bool) -> tuple[str, int] | None:
        """Code up to a run of as many backticks on the same line; without one the backticks are plain text."""
        buffer, limit = self._buffer, at + _CODE_LIMIT
        run = at
        while run < len(buffer) and buffer[run] == "`" and run < limit:
            run += 1
        ticks = buffer[at:run]
        for found in re.finditer(r"`+|\n", buffer[run:limit]):
            if found[0] == "\n":
                return ticks, run
            if found[0] == ticks and (run + found.end() < len(buffer) or final):
                return buffer[at : run + found.end()], run + found.end()
        if final or len(buffer) > limit:
            return ticks, run
        return None

    def _marker(self, at: int, final: bool) -> tuple[str, int] | None:
        """One space and a marker; the space goes with a marker that is dropped."""
        buffer = self._buffer
        bracket = at + (buffer[at] == " ")
        if bracket == len(buffer):
            return (" ", bracket) if final else None
        if buffer[bracket] != "[":
            return buffer[at:bracket], bracket
        if not final and _MARKER_BEGUN.match(buffer, bracket):
            return None
        found = _MARKER.match(buffer, bracket)
        if not found or not _LIST.fullmatch(found[1]):
            return buffer[at : bracket + 1], bracket + 1
        if found.end() == len(buffer) and not final:
            return None
        link = buffer[found.end() : found.end() + 1] == "("
        return self._checked(buffer[at:bracket], found, link=link), found.end()

    def _checked(self, space: str, found: re.Match[str], *, link: bool) -> str:
        numbers = _expand(found[1])
        if not link and set(numbers) == {0}:
            return space + found[0]  # an index in unmarked code: no citation is numbered 0
        valid = [] if link else [n for n in dict.fromkeys(numbers) if 1 <= n <= self._passages]
        self.dropped += len(set(numbers)) - len(valid)
        if not valid:
            return ""
        position = self._length + len(space)
        for number in valid:
            width = len(str(number)) + 2
            self.marks.append(Mark(number, position, position + width))
            position += width
        return space + "".join(f"[{number}]" for number in valid)


def _expand(inside: str) -> list[int]:
    numbers: list[int] = []
    for first, last in _NUMBERS.findall(inside):
        low, high = int(first), int(last or first)
        numbers.extend(range(low, high + 1) if low <= high <= low + _RANGE_LIMIT else (low, high))
    return numbers
