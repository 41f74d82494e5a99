"""The log-likelihood of the author's held-out answer -> nats a token, the logarithm of perplexity. Knows no model."""

from __future__ import annotations

import math


def score(log_likelihood: float, tokens: int) -> float | None:
    """Nats a token, lower is better; None for what is no likelihood."""
    if tokens < 1 or not math.isfinite(log_likelihood) or log_likelihood > 0:
        return None
    return -log_likelihood / tokens
