"""The text of a passage -> its sentences and code blocks, as a person would quote them. Knows no question and no model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from twin.prose import is_prose, suffix
from twin.records import Chunk

_FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n(.*?)(?:\n {0,3}\1[^\n]*|\Z)", re.MULTILINE | re.DOTALL)
_DOCSTRING = re.compile(r'"""(.+?)"""|/\*\*?(.+?)\*/', re.DOTALL)
_COMMENT = re.compile(r"(?:^[ \t]*(?:#|//)(?!!)[ \t]?(.+)\n?)+", re.MULTILINE)
_BULLET = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+")
_SKIPPED = re.compile(r"^\s*(?:#{1,6}\s|\||[-*_=]{3,}\s*$|!\[|\[[^\]]+\]:\s|<)")
_END = re.compile(
    r"[.!?…]+[\"'”’)*_]*(?P<gap>\s+)(?=[\"'“‘(*_`]*[A-Z0-9\u00c0-\u00de\u0400-\u042f`])|[。！？]+[”’」』）]*(?P<none>)"
)
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|cf|vs|al|Dr|Mr|Mrs|Ms|Prof|Fig|St|approx|[A-Z])\.\Z")
_REFERENCE = re.compile(r"\s?\[\^?\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*\](?!\()")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\((?:[^()\n]|\([^()\n]*\))*\)")
_INLINE_CODE = re.compile(r"(`+[^`]+`+)")
_MARKUP = re.compile(r"(?<!\w)(\*\*|__|\*)(?=\S)([^*\n]+?)(?<=\S)\1(?!\w)")
_SHORTEST, _LONGEST = 20, 420
_CODE_LONGEST = 1600


@dataclass(frozen=True, slots=True)
class Sentence:
    """One quotable piece. `position` orders the pieces of a passage.

    `code` is a block with its fence, led in by `text` where a sentence ending in a colon stands before it. `source` says that
    the passage is program text, whose docstrings and comments are less of an answer than prose.
    """

    text: str
    position: int
    code: str = ""
    source: bool = False


def sentences(chunk: Chunk) -> list[Sentence]:
    """What may be quoted, in the passage's order: whole sentences, list items, code blocks; no headings and tables."""
    source = not is_prose(chunk.kind, chunk.uri)
    pieces = _of_source(chunk.text, suffix(chunk.uri)) if source else _of_prose(chunk.text)
    return [Sentence(text, position, code, source) for position, (text, code) in enumerate(pieces)]


def _of_prose(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    for block in _FENCED.finditer(text):
        before = list(_of_paragraphs(text[at : block.start()]))
        lead = before.pop()[0] if before and before[-1][0].endswith(":") else ""
        yield from before
        if block[2].strip() and len(block[0]) <= _CODE_LONGEST:
            yield lead, _closed(block)
        at = block.end()
    yield from _of_paragraphs(text[at:])


def _closed(block: re.Match[str]) -> str:
    quoted = block[0].strip("\n")
    return quoted if quoted.rstrip().endswith(block[1]) and "\n" in block[0].strip() else f"{quoted}\n{block[1]}"


def _of_source(text: str, suffix: str) -> Iterator[tuple[str, str]]:
    """Docstrings and comments as sentences, then the whole as one block."""
    for found in _DOCSTRING.finditer(text):
        yield from _of_paragraphs(found[1] or found[2])
    for found in _COMMENT.finditer(text):
        lines = [re.sub(r"^[ \t]*(?:#|//)[ \t]?", "", line) for line in found[0].splitlines()]
        yield from _of_paragraphs("\n".join(lines))
    if len(text) <= _CODE_LONGEST:
        yield "", f"```{suffix.lstrip('.')}\n{text.strip(chr(10))}\n```"


def _of_paragraphs(text: str) -> Iterator[tuple[str, str]]:
    for paragraph in _paragraphs(text):
        for sentence in split(paragraph):
            shown = plain(sentence)
            if _SHORTEST <= len(shown) <= _LONGEST and sum(c.isalpha() for c in shown) > len(shown) // 2:
                yield shown, ""


def _paragraphs(text: str) -> Iterator[str]:
    """Lines joined to what a reader sees as one paragraph or list item."""
    lines: list[str] = []
    for line in (*text.splitlines(), ""):
        bare = re.sub(r"^\s*>\s?", "", line)
        skipped = bool(_SKIPPED.match(bare))
        if not bare.strip() or skipped or _BULLET.match(bare):
            if lines:
                yield " ".join(lines)
            lines = []
        if bare.strip() and not skipped:
            lines.append(_BULLET.sub("", bare).strip())


def split(paragraph: str) -> list[str]:
    """Sentences of one paragraph; an abbreviation ends none."""
    found: list[str] = []
    start = 0
    for end in _END.finditer(paragraph):
        stop = end.start("gap") if end["gap"] else end.end()
        if not _ABBREVIATION.search(paragraph, max(start, stop - 10), stop):
            found.append(paragraph[start:stop].strip())
            start = end.end()
    return [part for part in (*found, paragraph[start:].strip()) if part]


def plain(sentence: str) -> str:
    """A sentence without the markup that would not survive being quoted: links, emphasis, reference numbers."""
    parts = _INLINE_CODE.split(sentence)
    parts[::2] = [_MARKUP.sub(r"\2", _REFERENCE.sub("", _LINK.sub(r"\1", part))) for part in parts[::2]]
    return "".join(parts).strip()
