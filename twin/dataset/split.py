"""Documents that share near-duplicates -> groups, and groups -> the train or the test side. Pure; knows no examples.

A group is drawn by a hash of the seed and the smallest id in it, not by its place in a list: a document that was held out
stays held out when others are added, so that an adapter of today is not tested on what it was trained on yesterday.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from twin.errors import DatasetError


class Groups:
    """Disjoint sets of document ids (union-find with path halving)."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def add(self, one: str) -> None:
        self._parent.setdefault(one, one)

    def join(self, one: str, other: str) -> None:
        """Put both, and whatever stands with them, into one group."""
        self.add(one)
        self.add(other)
        first, second = sorted((self.of(one), self.of(other)))
        self._parent[second] = first

    def of(self, one: str) -> str:
        """The group's name: the smallest id in it."""
        parent = self._parent
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    def members(self) -> dict[str, list[str]]:
        """The ids of each group."""
        found: dict[str, list[str]] = {}
        for one in self._parent:
            found.setdefault(self.of(one), []).append(one)
        return found


def held_out(groups: Groups, documents: Iterable[str], seed: int, share: float) -> frozenset[str]:
    """The `documents` of the test side: whole groups, about `share` of them, and at least one on each side.

    A group of more documents than all that are to be held out is trained on, unless there are only such groups.
    Raises DatasetError when there is only one group, so that nothing could be held out.
    """
    by_group: dict[str, list[str]] = {}
    for one in documents:
        by_group.setdefault(groups.of(one), []).append(one)
    if share <= 0 or not by_group:
        return frozenset()
    if len(by_group) == 1:
        raise DatasetError(
            "nothing can be held out for testing: all examples come from one document, or from copies of it; "
            "give more documents, or --test-share 0"
        )
    most = max(1.0, share * sum(map(len, by_group.values())))
    fitting = [group for group, ids in by_group.items() if len(ids) <= most] or [
        min(by_group, key=lambda one: len(by_group[one]))
    ]
    drawn = sorted((_draw(seed, group), group) for group in fitting)
    test = [group for number, group in drawn if number < share] or [drawn[0][1]]
    if len(test) == len(by_group):
        test.pop()
    return frozenset(one for group in test for one in by_group[group])


def _draw(seed: int, group: str) -> float:
    """A number in [0, 1), the same for the same seed and group everywhere."""
    return int.from_bytes(hashlib.sha256(f"{seed}\x1f{group}".encode()).digest()[:8], "big") / 2**64
