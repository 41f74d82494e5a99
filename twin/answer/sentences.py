"""The text of a passage -> its sentences and code blocks, as a person would quote them. Knows no question and no model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from twin.records import Chunk, Kind

PROSE = frozenset({"", ".md", ".markdown", ".mdx", ".txt", ".rst", ".html", ".htm", ".ipynb", ".pdf", ".adoc", ".org"})
_FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n(.*?)(?:\n {0,3}\1[^\n]*|\Z)", re.MULTILINE | re.DOTALL)
_DOCSTRING = re.compile(r'"""(.+?)"""|/\*\*?(.+?)\*/', re.DOTALL)
_COMMENT = re.compile(r"(?:^[ \t]*(?:#|//)(?!!)[ \t]?(.+)\n?)+", re.MULTILINE)
_BULLET = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+")
_SKIPPED = re.compile(r"^\s*(?:#{1,6}\s|\||[-*_=]{3,}\s*$|!\[|\[[^\]]+\]:\s|<)")
_END = re.compile(r"(?<=[.!?…])[\"'”’)*_]*\s+(?=[\"'“‘(*_`]*[A-Z0-9\u00c0-\u00de\u0400-\u042f`])|(?<=[。！？])")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|cf|vs|Dr|Mr|Mrs|Ms|Prof|No|Fig|St|approx|[A-Z])\.[\"')]*$")
_REFERENCE = re.compile(r"\s?\[\^?\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*\](?!\()")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\((?:[^()\n]|\([^()\n]*\))*\)")
_SHORTEST, _LONGEST = 20, 420
_CODE_LONGEST = 1600


@dataclass(frozen=True, slots=True)
class Sentence:
    """One quotable piece. `position` orders the pieces of a passage; `code` is a block with its fence."""

    text: str
    position: int
    code: bool = False


def sentences(chunk: Chunk) -> list[Sentence]:
    """What may be quoted, in the passage's order: whole sentences, list items, code blocks; no headings and tables."""
    suffix = PurePosixPath(chunk.uri.partition("#")[0].partition("?")[0]).suffix.lower()
    source = chunk.kind == Kind.REPOSITORY and suffix not in PROSE
    pieces = _of_source(chunk.text, suffix) if source else _of_prose(chunk.text)
    return [Sentence(text, position, code) for position, (text, code) in enumerate(pieces)]


def _of_prose(text: str) -> Iterator[tuple[str, bool]]:
    at = 0
    for block in _FENCED.finditer(text):
        yield from _of_paragraphs(text[at : block.start()])
        if len(block[2].strip()) > 0 and len(block[0]) <= _CODE_LONGEST:
            yield _closed(block), True
        at = block.end()
    yield from _of_paragraphs(text[at:])


def _closed(block: re.Match[str]) -> str:
    quoted = block[0].strip("\n")
    return quoted if quoted.rstrip().endswith(block[1]) and "\n" in block[0].strip() else f"{quoted}\n{block[1]}"


def _of_source(text: str, suffix: str) -> Iterator[tuple[str, bool]]:
    """Docstrings and comments as sentences, then the whole as one block."""
    for found in _DOCSTRING.finditer(text):
        yield from _of_paragraphs(found[1] or found[2])
    for found in _COMMENT.finditer(text):
        lines = [re.sub(r"^[ \t]*(?:#|//)[ \t]?", "", line) for line in found[0].splitlines()]
        yield from _of_paragraphs("\n".join(lines))
    if len(text) <= _CODE_LONGEST:
        yield f"```{suffix.lstrip('.')}\n{text.strip(chr(10))}\n```", True


def _of_paragraphs(text: str) -> Iterator[tuple[str, bool]]:
    for paragraph in _paragraphs(text):
        for sentence in split(paragraph):
            shown = plain(sentence)
            if _SHORTEST <= len(shown) <= _LONGEST and sum(c.isalpha() for c in shown) > len(shown) // 2:
                yield shown, False


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
    for part in _END.split(paragraph):
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] += " " + part
        else:
            found.append(part)
    return [part.strip() for part in found if part.strip()]


def plain(sentence: str) -> str:
    """A sentence without the markup that would not survive being quoted: links, emphasis, reference numbers."""
    text = _LINK.sub(r"\1", sentence)
    text = _REFERENCE.sub("", text)
    return re.sub(r"(?<!\w)(\*\*|__|\*)(?=\S)(.+?)(?<=\S)\1(?!\w)", r"\2", text).strip()
