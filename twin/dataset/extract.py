"""A cleaned document -> extracts of 1,000 to 2,000 characters that end at boundaries. Pure; knows no examples.

Prose is cut at headings, paragraphs and sentences, code at blank lines and line ends, both by semantic-text-splitter. Every
character that is not white space stands in exactly one extract; a document shorter than an extract is one.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from twin.prose import is_prose
from twin.records import Document

if TYPE_CHECKING:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

LEAST, MOST = 1000, 2000  # characters; the last extract of a document may have fewer
WINDOW = 100_000  # characters the splitter gets at once: its cost grows faster than the text
DEEPEST = 6
LONGEST_NAME = 200
_HEADING = re.compile(r"\n(?:(#{1,6})[ \t]+(?=\S)| {0,3}(`{3,}|~{3,}))")  # begins with a letter, which is found fast


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a Markdown text: where its line begins and ends, its level and words."""

    start: int
    end: int
    level: int
    name: str


@dataclass(frozen=True, slots=True)
class Extract:
    """A part of a document: what one call of a generator sees.

    `heading` is the path of headings above its beginning, `headings` are those in it.
    """

    document: Document
    text: str
    position: int
    heading: tuple[str, ...] = ()
    headings: tuple[Heading, ...] = ()
    prose: bool = True


def extracts(document: Document) -> Iterator[Extract]:
    """The extracts of a cleaned document, in order."""
    prose = is_prose(document.kind, document.uri)
    found = headings(document.text) if prose else []
    paths, starts = _paths(found), [one.start for one in found]
    splitter: MarkdownSplitter | TextSplitter = _markdown() if prose else _plain()
    position = 0
    for start, end in _windows(document.text):
        for offset, piece in splitter.chunk_indices(document.text[start:end]):
            text = piece.strip("\n").rstrip()
            if text.strip():
                begin = start + offset + len(piece) - len(piece.lstrip("\n"))
                first, last = bisect_left(starts, begin), bisect_left(starts, begin + len(text))
                above = bisect_right(starts, begin)  # a heading that it begins with stands above it too
                yield Extract(
                    document, text, position, paths[above - 1] if above else (), _moved(found[first:last], begin), prose
                )
                position += 1


def headings(text: str) -> list[Heading]:
    """The headings of a Markdown text in order; lines inside fenced code are none."""
    found, fence = [], ""
    for match in _HEADING.finditer("\n" + text):
        level, mark = match.groups()
        if mark:
            fence = mark if not fence else "" if mark.startswith(fence) else fence
        elif not fence:
            end = text.find("\n", match.end() - 1)
            end = len(text) if end < 0 else end
            found.append(Heading(match.start(), end, len(level), _name(text[match.end() - 1 : end])))
    return found


def _name(line: str) -> str:
    """A heading's words without the closing #s, which a space must part from them."""
    words = line.rstrip()
    bare = words.rstrip("#")
    return (bare.rstrip() if bare[-1:] in {" ", "\t"} else words)[:LONGEST_NAME].rstrip()


def _moved(found: list[Heading], by: int) -> tuple[Heading, ...]:
    return tuple(Heading(one.start - by, one.end - by, one.level, one.name) for one in found)


def _paths(found: list[Heading]) -> list[tuple[str, ...]]:
    """For each heading its own path, outermost first."""
    paths: list[tuple[str, ...]] = []
    open_: list[Heading] = []
    for one in found:
        while open_ and open_[-1].level >= one.level:
            open_.pop()
        open_.append(one)
        paths.append(tuple(above.name for above in open_[-DEEPEST:]))
    return paths


def _windows(text: str) -> Iterator[tuple[int, int]]:
    """Stretches of at most WINDOW characters, cut at a blank line, a line end or a space where there is one."""
    start = 0
    while len(text) - start > WINDOW:
        marks = (text.rfind(mark, start + WINDOW // 2, start + WINDOW) for mark in ("\n\n", "\n", " "))
        cut = next((at for at in marks if at > 0), start + WINDOW)
        yield start, cut
        start = cut
    yield start, len(text)


@lru_cache(maxsize=1)
def _markdown() -> MarkdownSplitter:
    from semantic_text_splitter import MarkdownSplitter

    return MarkdownSplitter((LEAST, MOST), trim=False)


@lru_cache(maxsize=1)
def _plain() -> TextSplitter:
    from semantic_text_splitter import TextSplitter

    return TextSplitter((LEAST, MOST), trim=False)
