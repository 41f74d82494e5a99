"""Examples -> which of them nearly equal an earlier one, and which documents must stand on one side for it. Knows no MinHash.

A text that many documents share says nothing of one of them (a footer, a licence): all of its copies are left out, and it does
not tie the documents together, which would make one group of all of them. Memory grows with the number of texts, not with
their length.
"""

from __future__ import annotations

from collections.abc import Sequence

from twin.dataset.ports import Similar
from twin.dataset.split import Groups

MOST_DOCUMENTS = 5  # that may share a text before it is boilerplate


class NearDuplicates:
    """The classes of near-duplicates among the texts of one kind."""

    def __init__(self, similar: Similar) -> None:
        self._similar = similar
        self._documents: list[str] = []  # by the number of a text
        self._copies: dict[int, set[str]] = {}  # the other documents that have the text

    def find(self, texts: Sequence[str], documents: Sequence[str]) -> list[tuple[int, int]]:
        """For each text its own number and that of the text it is a copy of, which is its own when it is new."""
        first = len(self._documents)
        self._documents += documents
        classes = self._similar.find(texts)
        for document, earlier in zip(documents, classes, strict=True):
            if document != self._documents[earlier]:
                self._copies.setdefault(earlier, set()).add(document)
        return list(enumerate(classes, first))

    def document(self, number: int) -> str:
        """The document of a text."""
        return self._documents[number]

    def boilerplate(self) -> frozenset[int]:
        """The numbers of texts that too many documents share."""
        return frozenset(number for number, others in self._copies.items() if len(others) >= MOST_DOCUMENTS)

    def join(self, groups: Groups) -> None:
        """Put documents that share a text into one group, unless it is boilerplate."""
        left_out = self.boilerplate()
        for number, others in self._copies.items():
            if number not in left_out:
                for other in sorted(others):
                    groups.join(self._documents[number], other)
