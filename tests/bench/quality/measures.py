"""Judgements and ranked passages -> nDCG and recall. Knows no index.

nDCG after Järvelin and Kekäläinen (TOIS 2002), with gains of 2^grade - 1; recall counts passages of grade 2 and 3.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec

FILE = Path(__file__).with_name("judgements.yaml")
DEPTH = 10
RELEVANT = 2


class Judgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A quote that answers a question, and how fully (1, 2 or 3)."""

    path: str
    quote: str
    grade: int


class Labelled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question and what was judged to answer it."""

    ask: str
    found: tuple[Judgement, ...]


def load(file: Path = FILE) -> list[Labelled]:
    """Every labelled question, in the file's order."""
    import yaml

    return msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), list[Labelled])


def plain(text: str) -> str:
    """`text` with every run of white space as one space: how quotes are compared."""
    return " ".join(text.split())


def grade(labelled: Labelled, path: str, text: str) -> int:
    """The best grade of a judgement whose quote stands in this passage of `path`; 0 without any."""
    said = plain(text)
    return max((one.grade for one in labelled.found if one.path == path and plain(one.quote) in said), default=0)


def ndcg(ranked: Sequence[int], ideal: Sequence[int], depth: int = DEPTH) -> float:
    """`ranked` grades against the best order of all grades that there are."""
    best = _gain(sorted(ideal, reverse=True)[:depth])
    return _gain(ranked[:depth]) / best if best else 0.0


def recall(ranked: Sequence[int], ideal: Sequence[int], depth: int = DEPTH) -> float:
    """The share of relevant passages that is among the first `depth`."""
    relevant = min(depth, sum(one >= RELEVANT for one in ideal))
    return sum(one >= RELEVANT for one in ranked[:depth]) / relevant if relevant else 0.0


def surer(better: Sequence[float], worse: Sequence[float], resamples: int = 2000) -> tuple[float, float]:
    """The middle 95 % of the mean difference over resamples of the questions (paired bootstrap)."""
    dice = random.Random(0)
    each = [one - other for one, other in zip(better, worse, strict=True)]
    means = sorted(sum(dice.choices(each, k=len(each))) / len(each) for _ in range(resamples))
    return means[int(resamples * 0.025)], means[int(resamples * 0.975) - 1]


def _gain(grades: Sequence[int]) -> float:
    return sum((2**one - 1) / math.log2(rank + 1) for rank, one in enumerate(grades, start=1))
