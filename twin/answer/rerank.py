"""Passages and a reranker -> the best of them in its order. Knows no model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from twin.answer.ports import Reranker
from twin.answer.retrieve import ranked
from twin.errors import UpstreamError
from twin.records import Passage


async def rerank(question: str, passages: Sequence[Passage], reranker: Reranker, k: int) -> tuple[Passage, ...]:
    """The `k` best by the reranker's scores. Raises UpstreamError when a passage has no score, or one that is no number."""
    scores = await reranker.score(question, passages)
    if len(scores) != len(passages) or not all(math.isfinite(score) for score in scores):
        raise UpstreamError(f"the reranker gave {len(scores)} usable scores for {len(passages)} passages")
    order = sorted(range(len(passages)), key=lambda at: (-scores[at], at))
    return ranked([replace(passages[at], score=float(scores[at])) for at in order[:k]])
