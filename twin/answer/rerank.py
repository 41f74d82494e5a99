"""Passages and a reranker -> the best in its order; and a reranker that needs no model of its own. Knows no server."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from twin.answer.ports import Reranker, TextEmbedder
from twin.answer.retrieve import ranked
from twin.answer.sentences import sentences
from twin.errors import UpstreamError
from twin.records import Passage

READ = 300  # characters of a block of code, or of a passage without sentences, that its vector is made from
RANK_CONSTANT = 2  # as for fusing the two searches: measured by the labelled set of tests/bench/quality


class SentenceReranker:
    """Each passage by its one sentence that is closest to the question, and by the place that the search gave it.

    A passage's vector blurs what its single sentences say. Both orders are fused by reciprocal rank (Cormack, Clarke,
    Büttcher, SIGIR 2009), which asks for no common scale.
    """

    def __init__(self, embedder: TextEmbedder) -> None:
        self._embedder = embedder

    async def score(self, question: str, passages: Sequence[Passage]) -> Sequence[float]:
        """Raises EmbeddingError."""
        import numpy as np

        texts = [_sayings(passage) for passage in passages]
        vectors = np.asarray(await self._embedder.embed([question, *(text for said in texts for text in said)]))
        near = iter((vectors[1:] @ vectors[0]).tolist())
        closest = [max(next(near) for _ in said) for said in texts]
        order = sorted(range(len(passages)), key=lambda at: -closest[at])
        place = {at: rank for rank, at in enumerate(order, start=1)}
        return [1 / (RANK_CONSTANT + at + 1) + 1 / (RANK_CONSTANT + place[at]) for at in range(len(passages))]


def _sayings(passage: Passage) -> list[str]:
    return [one.text or one.code[:READ] for one in sentences(passage.chunk)] or [passage.chunk.text[:READ]]


async def rerank(question: str, passages: Sequence[Passage], reranker: Reranker, k: int) -> tuple[Passage, ...]:
    """The `k` best by the reranker's scores. Raises UpstreamError when a passage has no score, or one that is no number."""
    scores = await reranker.score(question, passages)
    if len(scores) != len(passages) or not all(math.isfinite(score) for score in scores):
        raise UpstreamError(f"the reranker gave {len(scores)} usable scores for {len(passages)} passages")
    order = sorted(range(len(passages)), key=lambda at: (-scores[at], at))
    return ranked([replace(passages[at], score=float(scores[at])) for at in order[:k]])
