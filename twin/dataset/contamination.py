"""Texts that must not be seen in training -> whether another text holds a good part of one of them. Pure.

Shared runs of words, as Brown et al. (2020, appendix C) look for them, here eight words
long; a text of fewer words is one run. They show what near-duplicates by Jaccard do not: a short text inside a long one. Memory
is about 100 bytes a word of what is held out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from zlib import crc32

from twin.dataset.words import words

RUN = 8  # words
MOST = 0.5  # of the runs of either text may be shared
COMMON = 32  # texts that are remembered for one run: what more of them share tells nothing


class HeldOut:
    """Texts with their runs of words."""

    def __init__(self) -> None:
        self._where: dict[int, int | list[int]] = {}
        self._runs: list[int] = []

    def add(self, text: str) -> None:
        """Hold `text` out."""
        runs, number = set(_runs(text)), len(self._runs)
        if not runs:
            return
        self._runs.append(len(runs))
        for run in runs:
            known = self._where.get(run)
            if known is None:
                self._where[run] = number
            elif isinstance(known, list):
                if len(known) < COMMON:
                    known.append(number)
            else:
                self._where[run] = [known, number]

    def __bool__(self) -> bool:
        return bool(self._runs)

    def in_(self, text: str) -> bool:
        """Whether more than MOST of the runs of `text`, or of one that is held out, are shared."""
        runs = set(_runs(text)) if self._runs else set()
        found = [self._where[run] for run in runs if run in self._where]
        if not found:
            return False
        if len(found) > MOST * len(runs):
            return True
        shared = Counter(number for one in found for number in (one if isinstance(one, list) else (one,)))
        return any(count > MOST * self._runs[number] for number, count in shared.items())


def _runs(text: str) -> Iterator[int]:
    found = list(map(crc32, words(text)))
    if 0 < len(found) < RUN:
        yield hash(tuple(found))
    for at in range(len(found) - RUN + 1):
        yield hash(tuple(found[at : at + RUN]))  # of numbers, so the same in every process
