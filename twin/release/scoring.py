"""Both answers to a question -> the scores of every measure that needs no model. Knows no server."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from twin.release.asking import Pair
from twin.release.measures import copying, grounding, latency, retrieval, stylometry
from twin.release.ports import Answered
from twin.release.questions import HeldOut
from twin.release.report import Pair as Scores
from twin.release.training import Training

DIGITS = 6
Side = Callable[[HeldOut, Answered], Mapping[str, float | None]]


@dataclass(frozen=True, slots=True)
class Author:
    """What answers are held against. `style` is None when there is too little of the author's text."""

    texts: copying.Texts
    style: stylometry.Style | None


def author(training: Training) -> Author:
    """The author as the training texts show them."""
    return Author(copying.learn(training.texts), stylometry.learn(training.texts))


def score(pair: Pair, known: Author, names: Sequence[str]) -> dict[str, Scores]:
    """(candidate, running) for each of `names`; None for a side without an answer, or without the number."""
    one, other = (_side(pair.held, answered, known) if answered else {} for answered in (pair.candidate, pair.running))
    return {name: (rounded(one.get(name)), rounded(other.get(name))) for name in names}


def taken(pairs: Sequence[Pair], known: Author) -> list[str]:
    """The names of the measures that any answer has: what no server tells (no passages, no tokens) is not taken at all."""
    answers = [(pair.held, answered) for pair in pairs for answered in (pair.candidate, pair.running) if answered]
    return sorted(
        {name for held, answered in answers for name, value in _cheap(held, answered, known).items() if value is not None}
    )


def rounded(value: float | None) -> float | None:
    """A score as it is kept; what is not a number is missing."""
    return None if value is None or not math.isfinite(value) else round(float(value), DIGITS)


def _cheap(held: HeldOut, answered: Answered, known: Author) -> dict[str, float | None]:
    """As `_side`, with zeros in place of what every answer has and takes time."""
    found: dict[str, float | None] = {"copying.share": 0.0, "copying.longest": 0.0}
    if known.style is not None:
        found.update(dict.fromkeys(("style.delta", "style.punctuation", "style.sentences", "style.ngrams"), 0.0))
    return found | _from_passages(held, answered) | _from_server(answered)


def _side(held: HeldOut, answered: Answered, known: Author) -> dict[str, float | None]:
    copied = copying.score(known.texts, answered.text)
    found: dict[str, float | None] = {"copying.share": copied.share, "copying.longest": float(copied.longest)}
    if known.style is not None:
        found.update({f"style.{name}": value for name, value in stylometry.score(known.style, answered.text).items()})
    return found | _from_passages(held, answered) | _from_server(answered)


def _from_passages(held: HeldOut, answered: Answered) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    if answered.passages is not None:
        cited = [answered.passages[at].text for at in answered.cited if 0 <= at < len(answered.passages)]
        grounded = grounding.score(answered.text, cited)
        found |= {"grounding.bigrams": grounded.bigrams, "grounding.sentences": grounded.sentences}
    if answered.retrieved is not None:
        found["retrieval.recall"] = retrieval.recall(answered.retrieved, held.grades)
        found["retrieval.ndcg"] = retrieval.ndcg(answered.retrieved, held.grades)
    return found


def _from_server(answered: Answered) -> dict[str, float | None]:
    numbers = latency.score(answered)
    return {
        "tokens.written": numbers["tokens"],
        "latency.first": numbers["first"],
        "latency.whole": numbers["whole"],
    }
