"""An answer -> how much of it was copied word for word from the texts of the training, and the longest run.

A word is copied when it stands in a run of at least RUN words that some text has as well, case, punctuation and blanks
aside. The texts are held as rolling hashes (Karp and Rabin, IBM Journal 31, 1987) of every RUN words, sorted, so that an answer
costs one binary search a word; runs are then followed from place to place, so that the longest is one text's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from twin.release.measures.words import words

RUN = 8  # words; shorter ones two people write by chance
MOST_PLACES = 2_000  # of one run that are followed; only a text that repeats itself without end has more
_ODD = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Copied:
    """`share` of the answer's words from 0 to 1, and the `longest` run in words; 0 when shorter than RUN."""

    share: float
    longest: int


@dataclass(frozen=True, slots=True)
class Texts:
    """Every RUN words of the texts: sorted hashes, and where each stands."""

    hashes: Hashes
    places: Places
    numbers: dict[str, int] = field(repr=False)


def learn(texts: Iterable[str]) -> Texts:
    """The texts by their runs; no run goes across two of them."""
    numbers: dict[str, int] = {}
    hashes, places, at = [np.empty(0, np.uint64)], [np.empty(0, np.int64)], 0
    for text in texts:
        found = [numbers.setdefault(word, len(numbers) + 1) for word in words(text)]
        hashes.append(_hashes(found))
        places.append(np.arange(at, at + len(hashes[-1])))
        at += len(found) + 1
    joined, where = np.concatenate(hashes), np.concatenate(places)
    order = np.argsort(joined, kind="stable")
    return Texts(joined[order], where[order], numbers)


def score(texts: Texts, answer: str) -> Copied:
    """How much of `answer` stands in `texts`."""
    found = [texts.numbers.get(word, 0) for word in words(answer)]  # 0 is a word that no text has
    if len(found) < RUN:
        return Copied(0.0, 0)
    asked = _hashes(found)
    first = np.searchsorted(texts.hashes, asked, side="left")
    after = np.searchsorted(texts.hashes, asked, side="right")
    copied = np.zeros(len(found), bool)
    for at in np.flatnonzero(after > first):
        copied[at : at + RUN] = True
    return Copied(float(copied.mean()), _longest(texts, first, after))


def _longest(texts: Texts, first: Places, after: Places) -> int:
    """The most words that follow each other in the answer and in one text."""
    best = 0
    before, lengths = np.empty(0, np.int64), np.empty(0, np.int64)
    for start, end in zip(first.tolist(), after.tolist(), strict=True):
        here = texts.places[start : min(end, start + MOST_PLACES)]  # in order, as they were sorted stably
        goes_on = np.searchsorted(before, here - 1)
        known = goes_on < len(before)
        known[known] = before[goes_on[known]] == here[known] - 1
        longer = np.full(len(here), RUN)
        longer[known] = lengths[goes_on[known]] + 1
        before, lengths = here, longer
        best = max(best, int(longer.max(initial=0)))
    return best


def _hashes(numbers: list[int]) -> Hashes:
    """A hash of every RUN numbers in a row, modulo 2^64; of mixed numbers, as plain ones collide."""
    if len(numbers) < RUN:
        return np.empty(0, np.uint64)
    mixed = np.array(numbers, np.uint64) * np.uint64(_ODD)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    made = np.zeros(len(numbers) - RUN + 1, np.uint64)
    for at in range(RUN):
        made += mixed[at : len(numbers) - RUN + 1 + at] * np.uint64(pow(_ODD, at + 1, _MASK + 1))
    return made
