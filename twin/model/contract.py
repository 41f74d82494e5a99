"""Two renderings of the same conversations, the one trained on and the one served -> where they first differ. Knows no server.

A model that is asked in another form than it was trained in answers worse, and nothing says why. So every token is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

SHOWN = 3  # tokens before the difference


@dataclass(frozen=True, slots=True)
class Rendering:
    """One conversation as a tokenizer gives it: ids, and the text of each."""

    ids: Sequence[int]
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where two renderings of conversation `number` differ; a rendering that has ended is `(the end)`."""

    number: int
    position: int
    trained: str
    served: str
    before: str

    def __str__(self) -> str:
        return (
            f"conversation {self.number}, token {self.position}: trained with {self.trained}, served with {self.served}, "
            f"after {self.before!r}"
        )


def first_difference(trained: Sequence[Rendering], served: Sequence[Rendering]) -> Difference | None:
    """None when every conversation has the same ids on both sides. Raises ValueError for unequal numbers of conversations."""
    for number, (ours, theirs) in enumerate(zip(trained, served, strict=True), start=1):
        for position, (mine, other) in enumerate(zip_longest(ours.ids, theirs.ids)):
            if mine != other:
                before = "".join(ours.texts[max(0, position - SHOWN) : position])
                return Difference(number, position, _shown(ours, position), _shown(theirs, position), before)
    return None


def _shown(rendering: Rendering, position: int) -> str:
    if position >= len(rendering.ids):
        return "(the end)"
    return f"{rendering.ids[position]} {rendering.texts[position]!r}"
