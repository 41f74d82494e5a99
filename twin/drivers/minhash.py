"""Texts -> which earlier one each nearly equals: MinHash signatures (rensa) of word triples, banded, then compared.

128 permutations in 32 bands of 4: the bands miss two texts whose word triples have a Jaccard similarity of 0.8 once in twenty
million times, and 0.7 is asked of the estimate, whose standard error is 0.04. Only new texts are kept, at about 5 KB each.
Knows no example.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twin.dataset.words import words
from twin.errors import DatasetError

if TYPE_CHECKING:
    from rensa import RMinHash

NEAR = 0.7  # estimated Jaccard similarity from which two texts are near-duplicates
PERMUTATIONS, BANDS, SEED = 128, 32, 42
TRIPLE = 3


class MinHashSimilar:
    """Near-duplicates among all texts given so far. Raises DatasetError without the extra `train`."""

    def __init__(self) -> None:
        try:
            import rensa
        except ImportError as exc:
            raise DatasetError("near-duplicates need rensa: pip install 'llm-twin[train]'") from exc
        self._signatures = rensa.RMinHash.from_token_sets
        self._bands = rensa.RMinHashLSH(threshold=NEAR, num_perm=PERMUTATIONS, num_bands=BANDS)
        self._kept: dict[int, RMinHash] = {}
        self._count = 0

    def find(self, texts: Sequence[str]) -> Sequence[int]:
        """For each text the number of an earlier one that it nearly equals, the nearest of several, or else its own."""
        signatures = self._signatures([_triples(text) for text in texts], num_perm=PERMUTATIONS, seed=SEED)
        return [self._place(one) for one in signatures]

    def _place(self, signature: RMinHash) -> int:
        number, self._count = self._count, self._count + 1
        best, earlier = NEAR, number
        for candidate in sorted(self._bands.query(signature)):
            near = signature.jaccard(self._kept[candidate])
            if near > best or (near == best and earlier == number):
                best, earlier = near, candidate
        if earlier == number:
            self._bands.insert(number, signature)
            self._kept[number] = signature
        return earlier


def _triples(text: str) -> list[bytes]:
    """Each three words in a row; a text of fewer words is one. A text without any is itself, so that two of them differ."""
    found = words(text)
    if len(found) < TRIPLE:
        return [b" ".join(found) or text.encode("utf-8", "replace")]
    return list(map(b" ".join, zip(found, found[1:], found[2:], strict=False)))
