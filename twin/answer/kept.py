"""Passages and answers -> what a trace keeps of them. Knows no step."""

from __future__ import annotations

from typing import Any

from twin.answer.recorder import short
from twin.records import Answer, Passage


def found_passage(passage: Passage) -> dict[str, Any]:
    """A passage in the span that found it."""
    chunk = passage.chunk
    return {
        "rank": passage.rank,
        "score": passage.score,
        "chunk": chunk.id,
        "document": chunk.document,
        "content_hash": chunk.content_hash,
        "uri": chunk.uri,
        "title": chunk.title,
        "author": chunk.author.id,
        "text": short(chunk.text, 4000),
    }


def summary(answer: Answer) -> dict[str, Any]:
    """An answer in the root span."""
    return {
        "text": short(answer.text, 24_000),
        "finish_reason": answer.finish_reason,
        "citations": [
            {"number": c.number, "start": c.start, "end": c.end, "chunk": c.passage.chunk.id} for c in answer.citations
        ],
        "dropped": answer.dropped,
    }
