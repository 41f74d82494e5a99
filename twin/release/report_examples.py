"""Rows of a report -> the few that are worth reading side by side: the greatest losses and gains, and usual ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.release.measures.catalogue import MEASURES
from twin.release.report import Report, Row
from twin.release.summary import differences

EACH = 4


@dataclass(frozen=True, slots=True)
class Example:
    """One question to read, and why it was chosen."""

    row: Row
    why: str


def examples(report: Report, measures: Sequence[str]) -> list[Example]:
    """At most 3 x EACH questions that both sides answered, ordered by their gain over `measures`, each in its own spread."""
    rows = [row for row in report.rows if row.candidate is not None and row.running is not None]
    if not rows:
        return []
    order = np.argsort(_gain(rows, measures), kind="stable").tolist()
    worst, best = order[:EACH], order[EACH:][-EACH:]
    between = order[EACH : len(order) - len(best)]
    start = max(0, (len(between) - EACH) // 2)
    chosen = [
        (worst, "among the greatest losses"),
        (between[start : start + EACH], "usual"),
        (best, "among the greatest gains"),
    ]
    return [Example(rows[at], why) for group, why in chosen for at in group]


def _gain(rows: Sequence[Row], measures: Sequence[str]) -> np.ndarray:
    total = np.zeros(len(rows))
    for name in measures:
        if name in MEASURES:
            values = np.nan_to_num(differences(rows, name)) * MEASURES[name].sign
            total += values / (values.std() or 1.0)
    return total
