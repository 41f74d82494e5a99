"""Hand-written fakes of the answer stage's ports, and passages to answer from."""

from __future__ import annotations

import hashlib
import math
import re

from twin.answer.answerer import Answerer
from twin.answer.ports import Delta, Done, Piece
from twin.records import Author, Chunk, Kind, Passage, Usage

ADA = Author("ada", "Ada Author")


class WordEmbedder:
    """Unit vectors of hashed words: texts that share words are near each other, as with a real embedder."""

    async def embed(self, texts):
        return [self._vector(text) for text in texts]

    async def embed_query(self, text):
        return self._vector(text)

    def _vector(self, text):
        vector = [0.0] * 256
        for word in re.findall(r"\w+", text.casefold()):
            vector[hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=1).digest()[0]] += 1.0
        norm = math.sqrt(sum(x * x for x in vector)) or 1.0
        return [x / norm for x in vector]


class ListSearcher:
    """Gives the same passages for every search, and keeps what was asked."""

    def __init__(self, passages=(), index="minilm.c1.abc123", error=None):
        self.passages = list(passages)
        self.index = index
        self.error = error
        self.asked = []

    async def live(self):
        return self.index

    async def search(self, index, *, vector, text, filter, limit):
        self.asked.append((index, text, filter, limit))
        if self.error:
            raise self.error
        wanted = [p for p in self.passages if not filter.author or p.chunk.author.id == filter.author]
        return wanted[:limit]


class Speaker:
    """A generator that says given pieces; an exception among them is raised where it stands."""

    model = "spoken"

    def __init__(self, *pieces):
        self.pieces = pieces
        self.messages = ()
        self.parameters = {}
        self.closed = False

    async def generate(self, messages, parameters):
        self.messages, self.parameters = messages, parameters
        try:
            for piece in self.pieces:
                if isinstance(piece, BaseException):
                    raise piece
                yield Piece(text=piece) if isinstance(piece, str) else piece
            yield Piece(finish_reason="stop", usage=Usage(prompt=10, completion=5))
        finally:
            self.closed = True


class Kept(list):
    """A sink that keeps every trace."""

    put = list.append


def chunk(text, number=1, *, title="Notes", kind=Kind.ARTICLE, uri="", author=ADA):
    uri = uri or f"file:///notes/{number}.md"
    return Chunk(
        id=f"00000000-0000-5000-8000-{number:012d}",
        document=hashlib.sha256(uri.encode()).hexdigest()[:32],
        content_hash="c" * 64,
        uri=uri,
        source="notes",
        kind=kind,
        title=title,
        author=author,
        heading=(),
        span=(0, len(text)),
        text=text,
        position=0,
    )


def passages(*texts, **fields):
    return [Passage(rank, 1 / (1 + rank), chunk(text, rank, **fields)) for rank, text in enumerate(texts, start=1)]


CATS = passages(
    "Cats sleep for most of the day. A cat hunts at dawn and at dusk.",
    "The engine starts with a key. Oil keeps the engine's parts from wearing.",
    "Tombstones mark documents that are gone. A tombstone leaves the index at the next build.",
)


def answerer(found=CATS, generator=None, **fields):
    fields.setdefault("sink", Kept())
    fields.setdefault("searcher", ListSearcher(found))
    return Answerer(embedder=WordEmbedder(), generator=generator, release="2026-11-20.1", **fields)


async def told(events):
    """(the text of all deltas, the raw fields, the answer)"""
    text, raw, answer = "", [], None
    async for event in events:
        if isinstance(event, Delta):
            text += event.text
            raw += [event.raw] if event.raw else []
        elif isinstance(event, Done):
            answer = event.answer
    return text, raw, answer
