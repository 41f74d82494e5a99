"""A question in one or several phrasings -> passages, merged by reciprocal rank. Knows stores and embedders as ports only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twin.answer.ports import QueryEmbedder, Searcher
from twin.records import Filter, Passage

RANK_CONSTANT = 60  # Cormack, Clarke, Büttcher: Reciprocal Rank Fusion, SIGIR 2009


async def retrieve(
    phrasings: Sequence[str], *, embedder: QueryEmbedder, searcher: Searcher, index: str, filter: Filter, limit: int
) -> tuple[Passage, ...]:
    """At most `limit` passages, best first, ranks from 1. Raises EmbeddingError and IndexStoreError."""
    results = []
    for text in phrasings:
        vector = await embedder.embed_query(text)
        results.append(await searcher.search(index, vector=vector, text=text, filter=filter, limit=limit))
    return ranked(merge(results))[:limit]


def merge(results: Sequence[Sequence[Passage]]) -> list[Passage]:
    """One list of all, by the sum of 1 / (60 + rank), without repeated text; a single list keeps its scores."""
    if len(results) == 1:
        return _without_copies(results[0])
    scores: dict[str, float] = {}
    passages: dict[str, Passage] = {}
    for result in results:
        for rank, passage in enumerate(result, start=1):
            passages.setdefault(passage.chunk.id, passage)
            scores[passage.chunk.id] = scores.get(passage.chunk.id, 0.0) + 1 / (RANK_CONSTANT + rank)
    order = sorted(scores, key=lambda chunk: (-scores[chunk], chunk))
    return _without_copies([replace(passages[id], score=scores[id]) for id in order])


def ranked(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """The same passages with ranks 1, 2, 3 ... in their present order."""
    return tuple(p if p.rank == rank else replace(p, rank=rank) for rank, p in enumerate(passages, start=1))


def _without_copies(passages: Sequence[Passage]) -> list[Passage]:
    """The first of each text: a passage that is in two documents would fill two places of the prompt."""
    seen: set[str] = set()
    kept = []
    for passage in passages:
        text = " ".join(passage.chunk.text.split())
        if text not in seen:
            seen.add(text)
            kept.append(passage)
    return kept
