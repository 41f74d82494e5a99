"""Text -> words and sentences, as every measure counts them. Knows no language: a word is a run of letters and digits."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_END = re.compile(r"(?<=[.!?…])[\"'”’)\]*_]*\s+|(?<=[。！？])|\n\s*\n|\n(?=\s*(?:[-*+]|\d{1,3}[.)]|#{1,6})\s)")
_REFERENCE = re.compile(r"\s?\[\^?\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*\](?!\()")


def words(text: str) -> list[str]:
    """The words of `text` in lower case, in one form of Unicode (NFKC), without the numbers of citations."""
    return _WORD.findall(unicodedata.normalize("NFKC", _REFERENCE.sub("", text)).casefold())


def sentences(text: str) -> list[list[str]]:
    """The words of each sentence or list item of `text` that has any."""
    return [found for part in _END.split(text) if part and (found := words(part))]
