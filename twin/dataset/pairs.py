"""Instruction examples of one side of the split -> preference examples: the author's own words against a worse answer.

The worse answer is made without a model and labelled by how: `structural:foreign` (an answer of another document),
`structural:foreign-author` (of another author), `structural:truncated` or `structural:shuffled`. Foreign answers come from
the same side, so that no text of the test side is seen in training. Pure; keeps one answer of the last two documents.
"""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import replace

from twin.records import Example, ExampleKind

FEWEST_SENTENCES = 3
SHORTEST_CUT = 0.25  # of the answer is left when it is truncated, at least
LONGEST_CUT = 0.55
_SENTENCE = re.compile(r"(?<=[.!?。:])\s+|\n+")


class Pairing:
    """Preference examples of one side, in the order in which its instruction examples come."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._last: Example | None = None
        self._before: Example | None = None  # the last one of another document than `_last`

    def pair(self, example: Example) -> Example | None:
        """A preference with the answer of `example` as the chosen one; None when no worse answer can be made of it."""
        foreign = self._foreign(example)
        self._remember(example)
        if example.kind is not ExampleKind.INSTRUCTION or not example.origin.startswith("structural:"):
            return None
        draw = random.Random(hashlib.sha256(f"{self._seed}\x1f{example.id}".encode()).digest())  # noqa: S311 - reproducible, not a secret
        rules = ["truncated", "shuffled"] + (["foreign"] * 2 if foreign else [])
        draw.shuffle(rules)
        for rule in rules:
            rejected, label = self._worse(example.answer, rule, foreign, example.author, draw)
            if rejected and rejected != example.answer:
                return replace(
                    example,
                    kind=ExampleKind.PREFERENCE,
                    rejected=rejected,
                    origin=f"structural:{label}",
                    extract=example.extract,
                )
        return None

    def _worse(self, answer: str, rule: str, foreign: Example | None, author: str, draw: random.Random) -> tuple[str, str]:
        if rule == "foreign" and foreign:
            return foreign.answer, "foreign" if foreign.author == author else "foreign-author"
        return (_truncated(answer, draw) if rule == "truncated" else _shuffled(answer, draw)), rule

    def _foreign(self, example: Example) -> Example | None:
        if self._last is not None and self._last.document != example.document:
            return self._last
        return self._before

    def _remember(self, example: Example) -> None:
        if self._last is not None and self._last.document != example.document:
            self._before = self._last
        self._last = example


def _truncated(answer: str, draw: random.Random) -> str:
    """The beginning of an answer, broken off inside a sentence."""
    words = re.findall(r"\S+\s*", answer)
    left = int(len(words) * draw.uniform(SHORTEST_CUT, LONGEST_CUT))
    return "".join(words[:left]).rstrip(" .!?。\n\t")


def _shuffled(answer: str, draw: random.Random) -> str:
    """The sentences of an answer in another order; empty when there are too few."""
    sentences = [one for one in _SENTENCE.split(answer) if one]
    if len(sentences) < FEWEST_SENTENCES:
        return ""
    order = list(sentences)
    draw.shuffle(order)
    return " ".join(order)
