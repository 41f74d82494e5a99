"""Paired differences of questions -> an interval for their mean, by resampling. Knows no measure and no threshold.

The paired cluster bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13; by clusters
as Cameron, Gelbach and Miller, 2008): documents are drawn, each with all its questions, because questions to one document
stand or fall together. The interval is the percentile interval, its level widened for few documents (Hesterberg, The American
Statistician 69, 2015). It is not BCa on purpose: with percentiles of the same draws an interval moves up when any difference
does, and widens about its mean when differences are spread, so that noise never helps a candidate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

AT_A_TIME = 2_000_000  # numbers drawn, which bounds memory
BEYOND = 5  # resamples that must lie beyond an interval's end for it to mean anything


def resampled(values: Floats, documents: Sequence[str], *, resamples: int, seed: int) -> Floats:
    """Means of `values` (questions x measures, nan where missing) in each resample, as resamples x measures.

    `documents` says which questions belong together; their order changes nothing but the last digits. A resample without any
    value of a measure counts with its mean.
    """
    names = sorted(set(documents))
    place = {name: at for at, name in enumerate(names)}
    rows = np.array([place[document] for document in documents], dtype=np.intp)
    present = ~np.isnan(values)
    sums, sizes = np.zeros((len(names), values.shape[1])), np.zeros((len(names), values.shape[1]))
    np.add.at(sums, rows, np.where(present, values, 0.0))
    np.add.at(sizes, rows, present.astype(np.float64))
    overall = sums.sum(axis=0) / np.maximum(sizes.sum(axis=0), 1)
    made: Floats = np.empty((resamples, values.shape[1]), dtype=np.float64)
    at = 0
    for drawn in _draws(len(names), resamples, seed):
        size = drawn @ sizes
        made[at : at + len(drawn)] = np.where(size > 0, drawn @ (sums - overall * sizes) / np.maximum(size, 1), 0.0)
        at += len(drawn)
    made += overall
    return made


def _draws(documents: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each document is in each resample, in blocks of rows."""
    dice = np.random.Generator(np.random.PCG64(seed))
    block = max(1, AT_A_TIME // max(documents, 1))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = dice.integers(0, documents, size=(rows, documents), dtype=np.int64)
        drawn += np.arange(rows, dtype=np.int64)[:, None] * documents
        yield np.bincount(drawn.ravel(), minlength=rows * documents).reshape(rows, documents).astype(np.float64)


def interval(means: Floats, mean: float, *, confidence: float, documents: int) -> tuple[float, float]:
    """Both ends of the interval of one measure's resampled `means`; it always holds `mean`, what was measured."""
    beyond = tail(confidence, documents)
    low, high = np.quantile(means, [beyond, 1 - beyond])
    return min(float(low), mean), max(float(high), mean)


def tail(confidence: float, documents: int) -> float:
    """The share of resamples below a two-sided interval of `confidence`, for so many documents (at least 2)."""
    normal = NormalDist()
    if documents < 2:  # noqa: PLR2004 - one document has no spread
        return 0.0
    student = _student(normal.inv_cdf((1 + confidence) / 2), documents - 1)
    return normal.cdf(-math.sqrt(documents / (documents - 1)) * student)


def least_documents(confidence: float) -> int:
    """The fewest documents of which any interval of `confidence` can be had without assuming a distribution.

    With fewer, even all differences on one side happen by chance too often: 2 * 0.5^n must be at most 1 - confidence.
    """
    return math.ceil(1 - math.log2(1 - confidence) - 1e-9)


def least_resamples(confidence: float, documents: int) -> int:
    """The fewest resamples that leave BEYOND of them outside each end."""
    share = tail(confidence, documents)
    return math.ceil(BEYOND / share) if share > 0 else 2**31


def _student(z: float, freedom: int) -> float:
    """Student's quantile from the normal one, by Cornish and Fisher's expansion (Abramowitz and Stegun 26.7.5)."""
    v = float(freedom)
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * v**4)
    )
