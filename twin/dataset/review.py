"""Scored answers -> preference examples for a person to approve. Pure; knows no terminal and no store.

An answer that was marked down is rejected, and chosen is what should have been said: the comment, where it is long enough to be
an answer, else the first passage that the answer was made from. One that was marked up is chosen, and rejected is another
answer to the same question that was marked down; without one there is nothing to compare it with.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twin.records import Example, ExampleKind, Trace

if TYPE_CHECKING:
    from twin.dataset.ports import Feedback, Reviews

CORRECTION = 40  # characters from which a comment is taken for the answer that was wanted
ORIGIN = "feedback"
SCORE = "feedback"


@dataclass(frozen=True, slots=True)
class Proposal:
    """An example with where it comes from: the trace, why it is proposed, the comment, and the documents behind it."""

    example: Example
    trace: str
    why: str
    comment: str
    documents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Answered:
    """What a trace says of one answer."""

    trace: str
    question: str
    text: str
    score: float
    comment: str
    passages: tuple[Mapping[str, Any], ...]


async def waiting(feedback: Feedback, reviews: Reviews) -> list[Proposal]:
    """The proposals that nobody has decided, in the order of their answers: what every way of reviewing shows.

    Raises StoreError.
    """
    found = await proposals(feedback.scored())
    decided = await reviews.decided()
    return [one for one in found if one.example.id not in decided]


async def proposals(traces: AsyncIterable[Trace]) -> list[Proposal]:
    """What can be made of scored traces, in their order; an example that several of them give stands with the first."""
    answered = [made async for trace in traces if (made := _answered(trace)) is not None]
    worse: dict[str, _Answered] = {}
    for one in answered:
        if one.score < 0:
            worse.setdefault(_squeezed(one.question), one)
    found: dict[str, Proposal] = {}
    for one in answered:
        for proposal in _proposed(one, worse.get(_squeezed(one.question))):
            found.setdefault(proposal.example.id, proposal)
    return list(found.values())


def _answered(trace: Trace) -> _Answered | None:
    root = trace.spans[0] if trace.spans else None
    score = trace.scores.get(SCORE, 0.0)
    if root is None or not score or not isinstance(root.input, Mapping) or not isinstance(root.output, Mapping):
        return None
    question, text = str(root.input.get("question", "")).strip(), str(root.output.get("text", "")).strip()
    return _Answered(trace.id, question, text, score, trace.comment.strip(), _cited(trace)) if question and text else None


def _cited(trace: Trace) -> tuple[Mapping[str, Any], ...]:
    """The passages that the answer cites, or else those that it was given, in order of their rank."""
    found = next((span.output for span in trace.spans if span.name == "retrieve"), ())
    passages = [one for one in found if isinstance(one, Mapping)] if isinstance(found, Sequence) else []
    output = trace.spans[0].output
    cited = output.get("citations") if isinstance(output, Mapping) else ()
    chunks = {one.get("chunk") for one in cited or () if isinstance(one, Mapping)}
    return tuple(one for one in passages if one.get("chunk") in chunks) or tuple(passages)


def _proposed(one: _Answered, worse: _Answered | None) -> Iterator[Proposal]:
    if one.score > 0:
        if worse is not None and worse.text != one.text:
            yield _proposal(one, one.text, worse.text, "marked up, where another answer was marked down")
    elif len(one.comment) >= CORRECTION:
        yield _proposal(one, one.comment, one.text, "marked down with a correction")
    elif one.passages and (passage := str(one.passages[0].get("text", "")).strip()) and passage != one.text:
        yield _proposal(one, passage, one.text, "marked down; the passage it should have followed is preferred")


def _proposal(one: _Answered, chosen: str, rejected: str, why: str) -> Proposal:
    documents = tuple(dict.fromkeys(str(passage.get("document", "")) for passage in one.passages if passage.get("document")))
    first: Mapping[str, Any] = one.passages[0] if one.passages else {}
    example = Example(
        kind=ExampleKind.PREFERENCE,
        instruction=one.question,
        answer=chosen,
        rejected=rejected,
        document=documents[0] if documents else hashlib.sha256(one.trace.encode()).hexdigest()[:32],
        source=ORIGIN,
        author=str(first.get("author", "")),
        origin=ORIGIN,
        extract=str(first.get("text", "")),
    )
    return Proposal(example, one.trace, why, one.comment, documents)


def _squeezed(text: str) -> str:
    return " ".join(text.casefold().split())
