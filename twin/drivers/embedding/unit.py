"""A vector as a model gave it -> the same direction with length 1."""

from __future__ import annotations

import math
from collections.abc import Sequence

from twin.errors import EmbeddingError


def unit(vector: Sequence[float]) -> list[float]:
    """`vector` over its length. Raises EmbeddingError when it has no direction."""
    length = math.hypot(*vector)
    if not math.isfinite(length) or length == 0.0:
        raise EmbeddingError("the embedder gave a vector without a direction (zeros, or numbers that are not finite)")
    return [x / length for x in vector]
