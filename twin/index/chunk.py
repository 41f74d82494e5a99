"""A cleaned document -> its chunks: passages cut at the boundaries of its kind, with exact spans. Pure; knows no vectors.

Prose and Markdown are cut at headings, paragraphs and sentences by semantic-text-splitter; code at top-level definitions. Every
character that is not white space stands in exactly one chunk.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from twin.index.outline import Outline
from twin.prose import is_prose
from twin.records import Chunk, Document, Kind

if TYPE_CHECKING:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

CHUNKER_VERSION = "c3"
WINDOW = 100_000  # characters the splitter gets at once: its cost grows faster than the text
FILL = 0.6  # a chunk may end at a boundary once it holds this share of its limit
DEFINITION = re.compile(
    r"^(?:@|(?:async )?def |class |func |function |fn |pub |impl |type |struct |interface |export |public |private |static |"
    r"const |var |let |package |module |resource |[A-Za-z_.-]+:(?: |$))",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most characters a chunk may have, by kind of document."""

    article: int = 1500
    post: int = 400
    repository: int = 1500

    def of(self, kind: Kind) -> int:
        """The limit for `kind`."""
        return int(getattr(self, kind.value))

    @property
    def chunker(self) -> str:
        """The chunker's part of an index's recipe."""
        return f"{CHUNKER_VERSION}:article={self.article},post={self.post},repository={self.repository}"


def chunk(document: Document, limits: Limits) -> list[Chunk]:
    """The chunks of a cleaned document, in order. Ids are UUIDs, the same for the same passage of the same document."""
    limit = limits.of(document.kind)
    prose = is_prose(document.kind, document.uri)
    outline = Outline.of_markdown(document.text) if prose else Outline.of_code(document.text)
    spans = _prose(document.text, limit) if prose else _code(document.text, limit)
    seen: dict[str, int] = {}
    return [_chunk(document, position, span, outline, seen) for position, span in enumerate(spans)]


def _chunk(document: Document, position: int, span: tuple[int, int], outline: Outline, seen: dict[str, int]) -> Chunk:
    text = document.text[span[0] : span[1]]
    nth = seen[text] = seen.get(text, -1) + 1
    return Chunk(
        id=_chunk_id(document.id, text, nth),
        document=document.id,
        content_hash=document.content_hash,
        uri=document.uri,
        source=document.source,
        kind=document.kind,
        title=document.title,
        author=document.author,
        heading=outline.path(span[0], span[1]),
        span=span,
        text=text,
        position=position,
        link=document.link,
        language=document.language,
        published=document.published,
    )


def _chunk_id(document: str, text: str, nth: int) -> str:
    made = hashlib.sha256(f"{document}\x1f{nth}\x1f{text}".encode("utf-8", "surrogatepass"))
    return str(uuid.UUID(bytes=made.digest()[:16], version=5))


def embedded_text(chunk: Chunk) -> str:
    """What the embedder sees of a chunk: where it stands, then what it says."""
    place = " > ".join(dict.fromkeys((chunk.title, *chunk.heading)))
    return f"{place}\n{chunk.text}" if place else chunk.text


def _prose(text: str, limit: int) -> Iterator[tuple[int, int]]:
    splitter = _markdown_splitter(limit)
    for start, end in _windows(text):
        for offset, piece in splitter.chunk_indices(text[start:end]):
            yield from _trimmed(text, start + offset, start + offset + len(piece))


def _code(text: str, limit: int) -> Iterator[tuple[int, int]]:
    begin = 0
    for start, end in _blocks(text):
        if end - begin > limit and start > begin:
            yield from _fitted(text, begin, start, limit)
            begin = start
    yield from _fitted(text, begin, len(text), limit)


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Spans from one top-level definition (with its decorators and the comment above it) to the next."""
    begin, last = 0, -1
    for match in DEFINITION.finditer(text):
        start = _above(text, match.start(), last)
        last = match.start()
        if start > begin:
            yield begin, start
            begin = start
    yield begin, len(text)


def _above(text: str, start: int, last: int) -> int:
    """Where the comment or decorators above `start` begin; 0 when those reach up to the definition at `last`."""
    while start > 0:
        before = text.rfind("\n", 0, start - 1) + 1
        if not text.startswith(("@", "#", "//", "/*", " *", "--"), before) or text[before:start].isspace():
            return start
        if before == last:  # seen already: every line is looked at once, however many decorators there are
            return 0
        start = before
    return start


def _fitted(text: str, start: int, end: int, limit: int) -> Iterator[tuple[int, int]]:
    """A block of code as it is when it fits, else cut at its blank lines and line ends."""
    if end - start <= limit:
        yield from _trimmed(text, start, end)
        return
    for window_start, window_end in _windows(text, start, end):
        for offset, piece in _text_splitter(limit).chunk_indices(text[window_start:window_end]):
            yield from _trimmed(text, window_start + offset, window_start + offset + len(piece))


def _windows(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Stretches of at most WINDOW characters, cut at a blank line, a line end or a space where there is one."""
    end = len(text) if end is None else end
    while end - start > WINDOW:
        cut = next((at for mark in ("\n\n", "\n", " ") if (at := text.rfind(mark, start + WINDOW // 2, start + WINDOW)) > 0), 0)
        cut = cut or start + WINDOW
        yield start, cut
        start = cut
    yield start, end


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span without blank lines before it and white space after it; nothing when only white space is left."""
    while end > start and text[end - 1].isspace():
        end -= 1
    first = start
    while first < end and text[first].isspace():
        first += 1
    line = text.rfind("\n", start, first) + 1  # the first line keeps its indentation
    if first < end:
        yield (line if line > start else start if text[start:first].strip("\n") == text[start:first] else first), end


@lru_cache(maxsize=8)
def _markdown_splitter(limit: int) -> MarkdownSplitter:
    from semantic_text_splitter import MarkdownSplitter

    return MarkdownSplitter((max(1, int(limit * FILL)), limit), trim=False)


@lru_cache(maxsize=8)
def _text_splitter(limit: int) -> TextSplitter:
    from semantic_text_splitter import TextSplitter

    return TextSplitter((max(1, int(limit * FILL)), limit), trim=False)
