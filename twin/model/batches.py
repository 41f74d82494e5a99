"""Lengths of examples -> the order in which an epoch takes them: a batch has examples of like length, so it is little padded.

The order follows from the seed and the epoch alone. The library's own grouping draws from the process' random state, which
an interrupted run does not have when it begins the epoch anew: it would go on with other examples, silently.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

POOL = 50  # batches that are sorted together: more pads less, fewer mixes better


class ByLength:
    """A sampler for a data loader. An epoch takes every example once, its batches in random order, the longest first: what
    does not fit into memory fails at the first step.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self._lengths, self._batch, self._seed, self._epoch = lengths, batch, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next iteration is for; data loaders do."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        chance = random.Random(f"{self._seed}.{self._epoch}")  # noqa: S311  an order, no secret
        order = list(range(len(self._lengths)))
        chance.shuffle(order)
        size = POOL * self._batch
        batches: list[list[int]] = []
        for start in range(0, len(order), size):
            pool = sorted(order[start : start + size], key=lambda one: -self._lengths[one])
            batches += [pool[at : at + self._batch] for at in range(0, len(pool), self._batch)]
        whole = [batch for batch in batches if len(batch) == self._batch]
        rest = [batch for batch in batches if len(batch) < self._batch]
        chance.shuffle(whole)
        longest = max(range(len(whole)), key=lambda one: self._lengths[whole[one][0]], default=0)
        if whole:
            whole.insert(0, whole.pop(longest))
        return iter([one for batch in [*whole, *rest] for one in batch])
