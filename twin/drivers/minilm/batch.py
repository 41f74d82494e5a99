"""Token ids of many texts -> batches of similar length, padded to few shapes. Pure; knows no runtime.

A batch has about as many tokens as any other, so that memory is bounded whatever the texts; each new shape costs the runtime a
program of its own, in time and memory, so lengths are rounded up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

STEP = 16  # tokens: measured as fast as 8 or 32; without it, memory grows with every length
TOKENS = 1024  # of a batch, padding included: 2,048 is not faster and takes 20 MB more on two cores


def batches(lengths: Sequence[int]) -> list[list[int]]:
    """Positions in `lengths`, each once, in batches; the longest first, so that the last ones to end are short."""
    made: list[list[int]] = []
    width = 0
    for at in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        if not made or (len(made[-1]) + 1) * width > TOKENS:
            made.append([])
            width = _rounded(lengths[at])
        made[-1].append(at)
    return made


def padded(encoded: Sequence[Sequence[int]]) -> dict[str, np.ndarray[Any, Any]]:
    """`ids` and `mask`, int64 [batch, length], for at least one text."""
    shape = (len(encoded), _rounded(max(map(len, encoded))))
    ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, one in enumerate(encoded):
        ids[row, : len(one)] = one
        mask[row, : len(one)] = 1
    return {"ids": ids, "mask": mask}


def _rounded(length: int) -> int:
    return max(STEP, -(-length // STEP) * STEP)
