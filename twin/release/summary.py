"""Rows of scores -> each measure's means, differences and intervals. Knows no threshold and no question's text."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from twin.release.bootstrap import interval, resampled
from twin.release.report import Row, Summary, scores

CONFIDENCE = 0.95
DIGITS = 9


def summaries(rows: Sequence[Row], *, seed: int, resamples: int) -> dict[str, Summary]:
    """Every measure that any row has, by name. The order of rows does not matter."""
    ordered = sorted(rows, key=lambda row: row.id)
    names = sorted({name for row in ordered for name in row.scores})
    if not names:
        return {}
    values = np.stack([differences(ordered, name) for name in names], axis=1)
    means = resampled(values, [row.document for row in ordered], resamples=resamples, seed=seed)
    return {name: _summary(ordered, name, values[:, at], means[:, at]) for at, name in enumerate(names)}


def differences(rows: Sequence[Row], measure: str) -> npt.NDArray[np.float64]:
    """Candidate - running for each row, nan where one is missing."""
    return np.array(
        [math.nan if one is None or other is None else one - other for one, other in scores(rows, measure)], dtype=np.float64
    )


def _summary(rows: Sequence[Row], measure: str, values: npt.NDArray[np.float64], means: npt.NDArray[np.float64]) -> Summary:
    pairs = scores(rows, measure)
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    missing = (sum(one is None for one, _ in pairs), sum(other is None for _, other in pairs))
    known = ~np.isnan(values)
    documents = len({row.document for row, there in zip(rows, known, strict=True) if there})
    if not both:
        return Summary(
            candidate=None, running=None, difference=None, low=None, high=None, questions=0, documents=0, missing=missing
        )
    mean = float(np.mean(values[known]))
    low, high = interval(means, mean, confidence=CONFIDENCE, documents=documents)
    candidate, running = (math.fsum(side) / len(both) for side in zip(*both, strict=True))
    return Summary(
        candidate=round(candidate, DIGITS),
        running=round(running, DIGITS),
        difference=round(mean, DIGITS),
        low=round(low, DIGITS),
        high=round(high, DIGITS),
        questions=len(both),
        documents=documents,
        missing=missing,
    )
