"""Kept examples on disk -> the four tables of a dataset: instruction and preference, train and test. Knows no file.

The test side is written first, so that no training example that holds a good part of a test answer is written after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from twin.dataset.contamination import HeldOut
from twin.dataset.filters import Filters, Tally
from twin.dataset.manifest import TEST, TRAIN
from twin.dataset.pairs import Pairing
from twin.dataset.ports import Shelf, Spill
from twin.dataset.sieve import BOILERPLATE, QUESTIONS
from twin.records import Example, ExampleKind

Counts = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Sides:
    """What the split decided: documents of the test side, and the numbers of texts that are left out as boilerplate."""

    test: Collection[str]
    left_out: Mapping[ExampleKind, Collection[int]]

    def of(self, example: Example) -> str:
        return TEST if example.document in self.test else TRAIN


def write(spill: Spill, shelf: Shelf, sides: Sides, filters: Filters, tally: Tally, seed: int) -> Counts:
    """Write all tables; gives how many examples stand in each, by kind and side. Raises DatasetError."""
    held_out = HeldOut()
    written: Counter[tuple[str, str]] = Counter()
    for side in (TEST, TRAIN):
        found = _kept(spill, sides, side, tally)
        clean = _noted(found, held_out) if side == TEST else _untouched(found, held_out, tally)
        with ExitStack() as stack:
            tables = {kind: stack.enter_context(shelf.table(f"{kind.value}/{side}")) for kind in ExampleKind}
            for example in _paired(clean, filters, seed):
                tables[example.kind].add(example)
                written[example.kind.value, side] += 1
    return {kind.value: {side: written[kind.value, side] for side in (TRAIN, TEST)} for kind in ExampleKind}


def _kept(spill: Spill, sides: Sides, side: str, tally: Tally) -> Iterator[Example]:
    for number, example in spill.rows():
        if sides.of(example) == side:
            if number in sides.left_out[example.kind]:
                tally.count(BOILERPLATE, "shared by many documents")
            else:
                yield example


def _noted(examples: Iterator[Example], held_out: HeldOut) -> Iterator[Example]:
    for example in examples:
        held_out.add(example.answer)
        yield example


def _untouched(examples: Iterator[Example], held_out: HeldOut, tally: Tally) -> Iterator[Example]:
    """Those that hold no good part of a test answer. Before they are paired: a rejected answer is seen in training too."""
    for example in examples:
        if held_out.in_(example.answer) or held_out.in_(example.rejected):
            tally.count(QUESTIONS, "held-out answer")
        else:
            yield example


def _paired(examples: Iterator[Example], filters: Filters, seed: int) -> Iterator[Example]:
    """Each example, and after it the preference that is made of it."""
    pairing = Pairing(seed)
    for example in examples:
        yield example
        pair = pairing.pair(example)
        if pair is not None and filters.passes(pair):
            yield pair
