"""A document as it was fetched -> the text that is split and embedded. Pure; the same result when done twice.

Prose loses what no reader sees; code in fences, indented code and files of repositories keep every character but line ends.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from twin.records import Document, Kind

CLEANING_VERSION = "c1"  # part of an index's name: raise it when cleaned text changes
MOST_BLANK_LINES = 2

_LINE_ENDS = re.compile("\r\n|[\r\x85\u2028\u2029]")
_FORBIDDEN = re.compile("[\x00\ufffe\uffff]")  # stores and models refuse them even in code
# Zero-width joiners stay: emoji, Persian and Indic words need them. Directional controls go: they hide what text says.
_INVISIBLE = {
    **dict.fromkeys(
        [*range(9), *range(0x0E, 0x20), *range(0x7F, 0xA0), 0xAD, 0x180E, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF], None
    ),
    **dict.fromkeys([*range(0x202A, 0x202F), *range(0x2061, 0x2070), *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080)], None),
    **dict.fromkeys([0x0B, 0x0C, 0xA0, 0x202F], " "),
}
_FENCE = re.compile(r"^ {0,12}(?:[-*+>] |\d{1,3}[.)] )* {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_INDENTED = re.compile(r"^(?: {4}|\t)")


def clean(document: Document) -> Document:
    """`document` with its text and title cleaned. `content_hash` stays that of the stored document, for bookkeeping."""
    text = _well_formed(document.text)
    text = text.strip("\n") if document.kind is Kind.REPOSITORY else _prose(text)
    title = " ".join(_visible(_well_formed(document.title)).split())
    if text == document.text and title == document.title:
        return document
    return replace(document, text=text, title=title, content_hash=document.content_hash)


def _well_formed(text: str) -> str:
    """Line feeds for line ends, U+FFFD for halves of characters, nothing that a store refuses."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _FORBIDDEN.sub("", _LINE_ENDS.sub("\n", text))


def _visible(line: str) -> str:
    """One line of prose. Done twice it is the same: nothing that composition makes is invisible."""
    if line.isascii() and line.isprintable():
        return line.rstrip()
    return unicodedata.normalize("NFC", line.translate(_INVISIBLE)).rstrip()


def _prose(text: str) -> str:
    """Clean lines outside code. What is code is decided on cleaned lines, so that a second pass decides alike."""
    out: list[str] = []
    fence, indented, blanks = "", False, MOST_BLANK_LINES
    for raw in text.split("\n"):
        line = _visible(raw)
        if fence:
            out.append(raw)
            fence = "" if _closes(raw, fence) else fence
            blanks = 0
            continue
        if not line:
            blanks += 1
            if blanks <= MOST_BLANK_LINES:
                out.append("")
            continue
        indented = bool(_INDENTED.match(line)) and (blanks > 0 or indented)
        opening = None if indented else _FENCE.match(line)
        out.append(raw if indented else line)
        fence, blanks = opening.group(1) if opening else "", 0
    return _without_blank_ends(out)


def _closes(line: str, fence: str) -> bool:
    """A line of nothing but the fence's own character, at least as many of them."""
    mark = line.strip(" \t>")
    return len(mark) >= len(fence) and not mark.strip(fence[0])


def _without_blank_ends(lines: list[str]) -> str:
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return "\n".join(lines[start:end])
