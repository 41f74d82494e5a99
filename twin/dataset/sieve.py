"""Examples as they are made -> those that are kept, on disk, and what ties their documents together. Keeps no text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from twin.dataset.contamination import HeldOut
from twin.dataset.filters import Filters, Tally
from twin.dataset.near import NearDuplicates
from twin.dataset.ports import Similar, Spill
from twin.dataset.split import Groups
from twin.records import Example, ExampleKind

BATCH = 512  # examples that are looked at together
NEAR, BOILERPLATE, QUESTIONS = "near-duplicates", "boilerplate", "contamination"


class Sieve:
    """Everything between a generator and the split. `similar` makes an empty finder of near-duplicates."""

    def __init__(self, filters: Filters, tally: Tally, similar: Callable[[], Similar], questions: HeldOut) -> None:
        self._filters = filters
        self._tally = tally
        self._near = {kind: NearDuplicates(similar()) for kind in ExampleKind}
        self._extracts = NearDuplicates(similar())
        self._questions = questions
        self._waiting: list[Example] = []
        self.groups = Groups()
        for name in (NEAR, BOILERPLATE, QUESTIONS):
            tally.dropped.setdefault(name, Counter())

    def take(self, examples: Sequence[Example], spill: Spill) -> None:
        """Look at `examples`; those that pass go to `spill`, by batches. `flush` when there are no more."""
        self._waiting += examples
        if len(self._waiting) >= BATCH:
            self.flush(spill)

    def flush(self, spill: Spill) -> None:
        """Look at what waits."""
        waiting, self._waiting = self._waiting, []
        passed = [one for one in waiting if self._filters.passes(one) and not self._asked(one)]
        self._tie(passed)
        for kind in ExampleKind:
            spill.add(self._new(kind, [one for one in passed if one.kind is kind]))

    def join(self, documents: Sequence[str]) -> None:
        """Put documents that one example was made from into one group."""
        for one in documents:
            self.groups.join(documents[0], one)

    def settle(self) -> dict[ExampleKind, frozenset[int]]:
        """Tie documents by their copies; gives the numbers of boilerplate of each kind, which is to be left out."""
        for near in (*self._near.values(), self._extracts):
            near.join(self.groups)
        return {kind: near.boilerplate() for kind, near in self._near.items()}

    def _asked(self, example: Example) -> bool:
        if self._questions.in_(example.instruction) or self._questions.in_(example.answer):
            self._tally.count(QUESTIONS, "evaluation question")
            return True
        return False

    def _tie(self, examples: Sequence[Example]) -> None:
        """What a model wrote differs where its extracts are the same: those tie their documents as well."""
        written = {one.extract: one for one in examples if one.origin.startswith("teacher:")}
        self._extracts.find(list(written), [one.document for one in written.values()])

    def _new(self, kind: ExampleKind, examples: Sequence[Example]) -> list[tuple[int, Example]]:
        near, kept = self._near[kind], []
        found = near.find([_compared(one) for one in examples], [one.document for one in examples])
        for example, (number, earlier) in zip(examples, found, strict=True):
            if number == earlier:
                self.groups.add(example.document)
                kept.append((number, example))
            else:
                same = near.document(earlier) == example.document
                self._tally.count(NEAR, "of the same document" if same else "of another document")
        return kept


def _compared(example: Example) -> str:
    """The text by which examples are near-duplicates; of a preference all of it."""
    return f"{example.instruction}\n{example.answer}\n{example.rejected}" if example.rejected else example.answer


def labelled(examples: Sequence[Example], language: str) -> list[Example]:
    """`examples` with the language of their document, where they have none."""
    return [one if one.language or not language else replace(one, language=language) for one in examples]
