"""Ranked documents and the grades of those that answer -> recall@k and nDCG@10. Knows no index.

nDCG after Järvelin and Kekäläinen (TOIS 20, 2002) with gains of 2^grade - 1; a document counts where it comes first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

DEPTH = 10


def recall(ranked: Sequence[str], grades: Mapping[str, float]) -> float:
    """The share of graded documents that is among `ranked`, from 0 to 1."""
    return len(set(ranked) & grades.keys()) / len(grades)


def ndcg(ranked: Sequence[str], grades: Mapping[str, float], depth: int = DEPTH) -> float:
    """The gain of the first `depth` against that of the best order, from 0 to 1."""
    first = list(dict.fromkeys(ranked))[:depth]
    best = _gain(sorted(grades.values(), reverse=True)[:depth])
    return _gain(grades.get(document, 0.0) for document in first) / best


def _gain(grades: Iterable[float]) -> float:
    return sum((math.pow(2.0, grade) - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))
