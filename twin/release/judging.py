"""Pairs of answers -> a judge's marks in both orders, and a model's likelihood of the author's own answers.

What a judge does not give as asked is missing, with the reason; it is never made up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twin.errors import TwinError
from twin.release.asking import Pair, Patience, Progress, each
from twin.release.measures import judge, perplexity
from twin.release.ports import Judge, Perplexity
from twin.release.report import Pair as Scores
from twin.release.scoring import rounded

EXCERPTS, LONG = 3, 700


@dataclass(frozen=True, slots=True)
class Outcome:
    """Scores of one question by measure, why some are missing, and by aspect whether both orders agreed.

    `cut` are the tokens of the reference that were not measured.
    """

    scores: Mapping[str, Scores]
    problems: tuple[str, ...] = ()
    agrees: Mapping[str, bool] | None = None
    cut: int = 0


def excerpts(texts: Sequence[str]) -> list[str]:
    """A few of the author's texts, cut: taken evenly over all of them, so the same for the same dataset."""
    long = [text for text in texts if len(text) >= LONG] or list(texts)
    step = max(1, len(long) // EXCERPTS)
    return [text[:LONG] for text in long[::step][:EXCERPTS]]


async def judge_all(
    pairs: Sequence[Pair], asked: Judge, samples: Sequence[str], *, at_a_time: int, on_progress: Progress
) -> list[Outcome]:
    """Each pair's marks as `judge.accuracy` and `judge.style`."""
    patience = Patience()

    async def one(_: int, pair: Pair) -> Outcome:
        try:
            found = await patience.ask(_judged, pair, asked, samples)
        except TwinError as exc:
            return Outcome(_none_judged(), (f"the judge: {exc}",))
        if isinstance(found, str):
            return Outcome(_none_judged(), (found,))
        scores = {
            f"judge.{aspect}": (getattr(found.candidate, aspect), getattr(found.running, aspect)) for aspect in judge.ASPECTS
        }
        return Outcome(scores, (), found.agrees)

    return await each(pairs, one, at_a_time=at_a_time, name="judgements", on_progress=on_progress)


async def _judged(pair: Pair, asked: Judge, samples: Sequence[str]) -> judge.Judged | str:
    """Both orders as one judgement, or why there is none."""
    if pair.candidate is None or pair.running is None:
        return "the judge: there are not two answers to compare"
    held, texts = pair.held, (pair.candidate.text, pair.running.text)
    found = []
    for first, second in (texts, texts[::-1]):
        messages = judge.messages(held.question, held.reference, samples, first, second)
        value, _ = await asked.complete(messages, judge.SCHEMA, max_tokens=judge.MAX_TOKENS)
        marks = judge.marks(value)
        if marks is None:
            return "the judge: its reply does not keep to the schema"
        found.append(marks)
    return judge.judged(*found)


def _none_judged() -> dict[str, Scores]:
    return {f"judge.{aspect}": (None, None) for aspect in judge.ASPECTS}


async def expect_all(
    pairs: Sequence[Pair], asked: Perplexity, candidate: str, running: str, *, at_a_time: int, on_progress: Progress
) -> list[Outcome]:
    """How both models expect each author's answer, as `perplexity.nats`."""
    patience = {candidate: Patience(), running: Patience()}

    async def one(_: int, pair: Pair) -> Outcome:
        found: list[float | None] = []
        problems, cut = [], 0
        for label, model in (("the candidate", candidate), ("the running release", running)):
            try:
                likely = await patience[model].ask(asked.log_likelihood, model, pair.held.question, pair.held.reference)
                found.append(rounded(perplexity.score(likely.nats, likely.tokens)))
                cut = max(cut, likely.cut)
            except TwinError as exc:
                found.append(None)
                problems.append(f"{label}: no likelihood: {exc}")
        return Outcome({"perplexity.nats": (found[0], found[1])}, tuple(problems), cut=cut)

    return await each(pairs, one, at_a_time=at_a_time, name="likelihoods", on_progress=on_progress)
