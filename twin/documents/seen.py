"""Uris -> "was it named before?", at 16 to 32 bytes a uri however long it is. Knows nothing of documents."""

from __future__ import annotations

from array import array


class Seen:
    """A set of strings kept as 64-bit hashes in open addressing; Python's own set takes some six times as much.

    Two uris of one run may share a hash: at ten million uris the odds are 3 in a million (n² / 2⁶⁵). The later one would
    then be reported as a duplicate of the other, and the next run, whose hashes differ (they are salted by the process),
    would take it.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * 1024))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, text: str) -> bool:
        return self._slots[self._slot(_hash(text))] != 0

    def add(self, text: str) -> bool:
        """True when `text` is new."""
        made = _hash(text)
        slot = self._slot(made)
        if self._slots[slot]:
            return False
        self._slots[slot] = made
        self._count += 1
        if self._count * 2 > len(self._slots):
            self._grow()
        return True

    def _slot(self, made: int) -> int:
        """Where `made` is, or the empty slot where it belongs."""
        slots = self._slots
        mask = len(slots) - 1
        slot = made & mask
        while slots[slot] and slots[slot] != made:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        old = self._slots
        self._slots = array("Q", bytes(16 * len(old)))
        for made in old:
            if made:
                self._slots[self._slot(made)] = made


def _hash(text: str) -> int:
    return hash(text) & 0xFFFFFFFFFFFFFFFF or 1  # 0 is the empty slot
