"""Streamed text -> the same text without secrets, e-mail addresses and the canary, the same however it was cut into pieces.

What is held back is the run of characters that a secret could still grow in (2,048 at most) or a private key's block (8,192).
Knows the shapes only through `secrets`, and no passages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from twin.answer.secrets import RUN_CHARACTERS, find, is_named_secret

RUN_LIMIT = 2048
BLOCK_LIMIT = 8192
STOPPED = "[The answer was stopped: it began to repeat the twin's own instructions.]"
_RUN = re.compile(f"[{RUN_CHARACTERS}]{{1,{RUN_LIMIT}}}")
_BEGIN = "-----BEGIN"
_LABEL = r" (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----"
_KEY = re.compile(rf"-----BEGIN{_LABEL}")
_KEY_BEGUN = re.compile(r"-----BEGIN(?: [A-Z0-9 \-]{0,60})?\Z")
_KEY_END = re.compile(rf"-----END{_LABEL}")
_NOT_BODY = re.compile(r"[^A-Za-z0-9+/=\s\\:,.\-]")
_BODY_RUN = re.compile(r"[A-Za-z0-9+/=]{32}")


@dataclass(frozen=True, slots=True)
class Edit:
    """[start, end) of what came in became `length` characters."""

    start: int
    end: int
    length: int
    kind: str


class OutputGuard:
    """Feed it text as it comes. `edits` says what was replaced; once `leaked`, nothing more comes out."""

    def __init__(self, *, canary: str = "", emails: frozenset[str] = frozenset()) -> None:
        self._canary = canary.casefold()
        self._emails = emails
        self._buffer = ""
        self._at = 0  # of the buffer's first character in all that came in
        self._before = ("", "")  # the last run that went out, and what followed it
        self._swallowing = False  # the rest of a run whose beginning was a secret
        self.edits: list[Edit] = []
        self.leaked = False

    def feed(self, text: str) -> str:
        """The text that is certain by now."""
        self._buffer += text
        return self._pull(final=False)

    def close(self) -> str:
        """The text that was held back."""
        return self._pull(final=True)

    def _pull(self, *, final: bool) -> str:
        if self.leaked:
            return ""
        out: list[str] = []
        position = 0
        while position < len(self._buffer) and not self.leaked:
            if self._swallowing:
                position = self._swallow(position)
                continue
            run = _RUN.search(self._buffer, position)
            start = run.start() if run else len(self._buffer)
            gap = self._buffer[position:start]
            out.append(gap)
            self._before = (self._before[0], (self._before[1] + gap)[:40])
            position = start
            if run is None:
                break
            end = self._run(run, final, out)
            if end is None:
                break
            position = end
        self._at += position
        self._buffer = self._buffer[position:]
        return "".join(out)

    def _swallow(self, position: int) -> int:
        """Take the rest of a run into the edit that its beginning became."""
        rest = _RUN.match(self._buffer, position)
        last = self.edits[-1]
        if rest is None:
            self._swallowing = False
            return position
        self.edits[-1] = Edit(last.start, self._at + rest.end(), last.length, last.kind)
        return rest.end()

    def _run(self, run: re.Match[str], final: bool, out: list[str]) -> int | None:
        """Give one run out, cleaned; None while it must be held."""
        start, end = run.span()
        full = end - start == RUN_LIMIT
        if end == len(self._buffer) and not final and not full:
            return None
        block = run[0].find(_BEGIN)
        if block == 0:
            return self._block(start, final, out)
        if block > 0:
            end = start + block
        text = self._buffer[start:end]
        if self._canary and self._canary in text.casefold():
            self._replace(start, len(self._buffer), STOPPED, "canary", out)
            self.leaked = True
            return len(self._buffer)
        # of a run that may go on, the second half stays for the next look: a secret may lie across
        return self._clean(start, text, start + RUN_LIMIT // 2 if full and block < 0 else end, out)

    def _clean(self, start: int, text: str, until: int, out: list[str]) -> int:
        if is_named_secret(*self._before, text):
            self._replace(start, start + len(text), "[redacted: secret]", "secret", out)
            return self._gone(start + len(text), text)
        position = start
        for secret in find(text, self._emails):
            if start + secret.start >= until:
                break
            out.append(self._buffer[position : start + secret.start])
            position = start + secret.end
            self._replace(start + secret.start, position, f"[redacted: {secret.kind}]", secret.kind, out)
        self._swallowing = position - start == RUN_LIMIT and position > until
        until = max(position, until)
        out.append(self._buffer[position:until])
        return self._gone(until, text)

    def _gone(self, end: int, text: str) -> int:
        bare = text.strip("=:")
        self._before = (text[-80:], "") if bare or not text else (self._before[0], (self._before[1] + text)[:40])
        return end

    def _replace(self, start: int, end: int, by: str, kind: str, out: list[str]) -> None:
        self.edits.append(Edit(self._at + start, self._at + end, len(by), kind))
        out.append(by)

    def _block(self, start: int, final: bool, out: list[str]) -> int | None:
        """A private key's block from its BEGIN on: known by its header, over at its END or where no key goes on."""
        buffer = self._buffer
        header = _KEY.match(buffer, start)
        if header is None:
            if not final and _KEY_BEGUN.match(buffer, start):
                return None
            out.append(_BEGIN)
            return self._gone(start + len(_BEGIN), _BEGIN)
        limit = header.end() + BLOCK_LIMIT
        stop = _NOT_BODY.search(buffer, header.end(), limit)
        foot = _KEY_END.search(buffer, header.end(), stop.start() if stop else limit)
        if foot is None and stop is None and not final and len(buffer) < limit:
            return None
        end = foot.end() if foot else stop.start() if stop else min(limit, len(buffer))
        if foot or _BODY_RUN.search(buffer, header.end(), end):
            self._replace(start, end, "[redacted: private key]", "private key", out)
        else:
            end = header.end()
            out.append(header[0])
        return self._gone(end, "")


def moved(start: int, end: int, edits: Sequence[Edit]) -> tuple[int, int] | None:
    """Where [start, end) of what came in stands in what went out; None when it was replaced."""
    shift = 0
    for edit in edits:
        if edit.end <= start:
            shift += edit.length - (edit.end - edit.start)
        elif edit.start < end:
            return None
    return start + shift, end + shift
