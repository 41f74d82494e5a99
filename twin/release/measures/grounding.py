"""An answer and the passages that it cites -> how much of it stands in them.

`bigrams` is ROUGE-2 precision (Lin, "ROUGE", ACL 2004) of the answer against the cited passages: the share of its pairs of
neighbouring words that a cited passage has. `sentences` is the share of its sentences, by words, of which one cited passage has
at least HALF of the pairs. An answer that cites nothing is not grounded: 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from twin.release.measures.words import sentences, words

HALF = 0.5


@dataclass(frozen=True, slots=True)
class Grounded:
    """Both from 0 to 1."""

    bigrams: float
    sentences: float


def score(answer: str, cited: Sequence[str]) -> Grounded:
    """How much of `answer` the `cited` passages support."""
    had = [set(pairwise(words(text))) for text in cited]
    every = set[tuple[str, str]]().union(*had)
    total = supported = size = grounded = 0
    for found in sentences(answer):
        pairs = list(pairwise(found))
        if not pairs:
            continue
        total += len(pairs)
        supported += sum(pair in every for pair in pairs)
        size += len(found)
        if max((sum(pair in one for pair in pairs) for one in had), default=0) >= HALF * len(pairs):
            grounded += len(found)
    return Grounded(supported / total if total else 0.0, grounded / size if size else 0.0)
