"""Numbers -> small SVG drawings: an interval, two distributions, paired differences. Text and colours are the page's.

Gains are drawn to the right and upwards, losses to the left and downwards, whichever way a measure improves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BINS = 24
COLUMNS = 240  # at most so many steps are drawn, however many questions there are
WIDE, HIGH = 320, 96


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean gain with its interval, and the bound that a threshold sets, all in the direction of better."""

    mean: float
    low: float
    high: float
    bound: float | None = None


def interval(shown: Interval, label: str) -> str:
    """The interval on a line about zero; the bound is a tick, and what lies beyond it is shaded."""
    ends = [abs(value) for value in (shown.low, shown.high, shown.bound or 0.0)]
    reach = (max(ends) or 1.0) * 1.15

    def x(value: float) -> float:
        return round(120 + 112 * value / reach, 2)

    parts = [f'<path class="axis" d="M8 16H232"/>', f'<path class="zero" d="M120 4V28"/>']  # noqa: F541 - as its neighbours
    if shown.bound is not None:
        at = x(shown.bound)
        parts.insert(0, f'<rect class="beyond" x="8" y="4" width="{max(at - 8, 0):.2f}" height="24"/>')
        parts.append(f'<path class="bound" d="M{at} 3V29"/>')
    wide = max(x(shown.high) - x(shown.low), 2.0)
    parts.append(f'<rect class="span" x="{x(shown.low)}" y="12.5" width="{wide:.2f}" height="7" rx="2"/>')
    parts.append(f'<circle class="mean" cx="{x(shown.mean)}" cy="16" r="4.5"/>')
    return _svg(240, 32, label, "interval", parts)


def distributions(candidate: Sequence[float], running: Sequence[float], label: str) -> tuple[str, float, float]:
    """Both sides' scores as histograms over one range, and the ends of that range."""
    low, high = min(*candidate, *running), max(*candidate, *running)
    if high - low < 1e-12:  # noqa: PLR2004 - a range that no eye could tell from none
        low, high = low - 0.5, high + 0.5
    counts = [np.histogram(side, bins=BINS, range=(low, high))[0] for side in (running, candidate)]
    top = max(int(count.max()) for count in counts)
    parts = [
        f'<path class="{name}" d="{_steps(count / top)}"/>'
        for name, count in zip(("running", "candidate"), counts, strict=True)
    ]
    parts.append(f'<path class="axis" d="M0 {HIGH - 1}H{WIDE}"/>')
    return _svg(WIDE, HIGH, label, "distribution", parts), low, high


def gains(values: Sequence[float], shown: Interval, label: str) -> str:
    """Each question's gain, sorted, gains above the line and losses below it; the band is the interval of the mean."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    picked = ordered[np.linspace(0, len(ordered) - 1, min(COLUMNS, len(ordered))).round().astype(int)]
    reach = float(np.abs(picked).max()) or 1.0
    middle = HIGH / 2

    def y(value: float) -> float:
        return round(middle - (middle - 3) * max(-1.0, min(1.0, value / reach)), 2)

    step = WIDE / len(picked)
    parts = [
        f'<rect class="band" x="0" y="{y(shown.high)}" width="{WIDE}" height="{max(y(shown.low) - y(shown.high), 1):.2f}"/>'
    ]
    for name, side in (("worse", np.minimum(picked, 0.0)), ("better", np.maximum(picked, 0.0))):
        line = "".join(f"V{y(value)}H{round((at + 1) * step, 2)}" for at, value in enumerate(side.tolist()))
        parts.append(f'<path class="{name}" d="M0 {middle}{line}V{middle}Z"/>')
    parts.append(f'<path class="axis" d="M0 {middle}H{WIDE}"/><path class="meanline" d="M0 {y(shown.mean)}H{WIDE}"/>')
    return _svg(WIDE, HIGH, label, "gains", parts)


def finite(values: Sequence[float | None]) -> list[float]:
    """What can be drawn."""
    return [value for value in values if value is not None and math.isfinite(value)]


def _steps(heights: np.ndarray) -> str:
    wide = WIDE / len(heights)
    bottom = HIGH - 1
    tops = (round(bottom - (HIGH - 8) * float(height), 2) for height in heights)
    return f"M0 {bottom}" + "".join(f"V{top}H{round((at + 1) * wide, 2)}" for at, top in enumerate(tops)) + f"V{bottom}Z"


def _svg(wide: int, high: int, label: str, name: str, parts: Sequence[str]) -> str:
    said = label.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return f'<svg class="{name}" viewBox="0 0 {wide} {high}" role="img" aria-label="{said}">{"".join(parts)}</svg>'
