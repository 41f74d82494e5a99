"""An answer's tokens and times -> numbers that can be compared. What was not counted stays missing; knows no clock."""

from __future__ import annotations

import math

from twin.release.ports import Answered


def score(answered: Answered) -> dict[str, float | None]:
    """`tokens` written, and seconds to the `first` piece and for the `whole` answer; None where unknown."""
    return {
        "tokens": None if answered.tokens is None or answered.tokens < 0 else float(answered.tokens),
        "first": _seconds(answered.first),
        "whole": _seconds(answered.seconds),
    }


def _seconds(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) or value < 0 else value
