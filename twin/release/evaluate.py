"""A candidate, the running release and held-out questions -> a sealed report. Knows no server, folder, clock or threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twin.release import report as reports
from twin.release.asking import Pair, Progress, ask
from twin.release.judging import Outcome, excerpts, expect_all, judge_all
from twin.release.measures import judge
from twin.release.ports import Answering, Judge, Perplexity
from twin.release.questions import HeldOut
from twin.release.report import Judging, Model, Report, Row
from twin.release.scoring import Author, author, score, taken
from twin.release.summary import summaries
from twin.release.training import Training


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is compared on what. `inputs` are digests by name (`dataset`, `questions`, ...), empty where there is none.

    `broken` says what was found to differ between training and serving, `notes` what could not be found out.
    """

    candidate: Model
    running: Model
    held: Sequence[HeldOut]
    training: Training
    inputs: Mapping[str, str]
    serving: str = reports.VLLM
    broken: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiners:
    """Who answers and who measures; what is None is not measured. `judge_model` names the judge."""

    answering: Answering
    judge: Judge | None = None
    judge_model: str = ""
    perplexity: Perplexity | None = None


def _silent(_: str, __: int, ___: int) -> None:
    return


async def evaluate(
    trial: Trial,
    by: Examiners,
    *,
    made: str,
    seed: int = 0,
    resamples: int = 10_000,
    at_a_time: int = 8,
    on_progress: Progress = _silent,
) -> Report:
    """The report of `trial`; `made` is its time in ISO 8601. Raises ReleaseError when a side answers nothing."""
    candidate, running = trial.candidate.name, trial.running.name
    pairs = await ask(trial.held, by.answering, candidate, running, at_a_time=at_a_time, on_progress=on_progress)
    known = author(trial.training)
    judged = expected = None
    if by.judge is not None:
        samples = excerpts(trial.training.texts)
        judged = await judge_all(pairs, by.judge, samples, at_a_time=at_a_time, on_progress=on_progress)
    if by.perplexity is not None:
        expected = await expect_all(pairs, by.perplexity, candidate, running, at_a_time=at_a_time, on_progress=on_progress)
    rows = _rows(pairs, known, [outcomes for outcomes in (judged, expected) if outcomes is not None])
    judging = _judging(by.judge_model, judged) if judged is not None else None
    notes = _notes(trial, known, expected or ())
    return reports.sealed(_report(trial, rows, judging, notes, made=made, seed=seed, resamples=resamples))


def _report(
    trial: Trial,
    rows: tuple[Row, ...],
    judging: Judging | None,
    notes: tuple[str, ...],
    *,
    made: str,
    seed: int,
    resamples: int,
) -> Report:
    return Report(
        made=made,
        candidate=trial.candidate,
        running=trial.running,
        inputs={**trial.inputs, "candidate": trial.candidate.digest, "running": trial.running.digest},
        seed=seed,
        resamples=resamples,
        serving=trial.serving,
        leaked=tuple(sorted(one.id for one in trial.held if trial.training.leaked(one))),
        broken=tuple(_written(one) for one in trial.broken),
        rows=rows,
        measures=summaries(rows, seed=seed, resamples=resamples),
        judge=judging,
        notes=notes,
    )


def _rows(pairs: Sequence[Pair], known: Author, further: Sequence[Sequence[Outcome]]) -> tuple[Row, ...]:
    names = taken(pairs, known)
    rows = []
    for at, pair in enumerate(pairs):
        scores = score(pair, known, names)
        problems = pair.problems
        for outcomes in further:
            scores.update(outcomes[at].scores)
            problems += outcomes[at].problems
        rows.append(
            Row(
                id=pair.held.id,
                document=pair.held.document,
                question=_written(pair.held.question),
                reference=_written(pair.held.reference),
                candidate=_written(pair.candidate.text) if pair.candidate else None,
                running=_written(pair.running.text) if pair.running else None,
                scores=scores,
                problems=tuple(_written(problem) for problem in problems),
            )
        )
    return tuple(sorted(rows, key=lambda row: row.id))


def _written(text: str) -> str:
    """`text` as it can be written as UTF-8: a half of a surrogate pair cannot."""
    return text.encode("utf-8", "replace").decode()


def _judging(model: str, judged: Sequence[Outcome]) -> Judging:
    known = [outcome.agrees for outcome in judged if outcome.agrees is not None]
    agreement = {aspect: sum(one[aspect] for one in known) / len(known) for aspect in judge.ASPECTS} if known else {}
    return Judging(model=model, prompt=judge.PROMPT_DIGEST, agreement=agreement, judged=len(known))


def _notes(trial: Trial, known: Author, expected: Sequence[Outcome]) -> tuple[str, ...]:
    notes = [_written(note) for note in trial.notes]
    if trial.serving == reports.OTHER:
        notes.append("The model server is no vLLM: whether it renders conversations as training did was not compared.")
    if trial.running.kind == "base":
        notes.append("Nothing was running yet: the candidate is compared with its base model.")
    if known.style is None:
        notes.append("The training split has too little of the author's text to measure style by.")
    if cut := sum(outcome.cut > 0 for outcome in expected):
        notes.append(
            f"Of {cut} of {len(expected)} reference answers perplexity is that of the beginning: the end did not fit the "
            "model's context. Both sides are measured on the same tokens."
        )
    return tuple(notes)
