"""A failed attempt -> how long to wait before the next, or not to try again. Pure but for the dice that it is given."""

from __future__ import annotations

import math
from collections.abc import Callable
from email.utils import parsedate_to_datetime

BUSY = frozenset((408, 425, 429, 500, 502, 503, 504))
FIRST, LONGEST = 0.5, 30.0  # seconds
LONGEST_ASKED = 60.0  # of Retry-After; a server that asks for more is asked again by the next sync


def pause(attempt: int, retry_after: float | None, dice: Callable[[], float]) -> float | None:
    """Seconds until attempt `attempt` + 1 (the first is 1): doubled each time, with full jitter; None is not to try again.

    What the server asks for (`retry_after`) is the least; `dice` is uniform in [0, 1).
    """
    if retry_after is not None and retry_after > LONGEST_ASKED:
        return None
    backoff = min(LONGEST, FIRST * 2.0 ** (attempt - 1))
    return (retry_after or 0.0) + backoff * (0.5 + dice() / 2)


def retry_after(value: str, now: float) -> float | None:
    """Seconds from a Retry-After header: a number, or a date against `now` (seconds since the epoch)."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:10])
    try:
        seconds = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError, OSError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
