"""Reports, thresholds and answers made for tests of the release room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec

from twin.digest import bytes_digest
from twin.errors import UpstreamError
from twin.records import Usage
from twin.release.ports import Answered
from twin.release.report import Model, Report, Row, sealed
from twin.release.summary import summaries
from twin.release.thresholds import Thresholds, parse

CANDIDATE, RUNNING, DATASET, QUESTIONS, TEMPLATE = (
    bytes_digest(name.encode()) for name in ("candidate", "running", "dataset", "questions", "chat template")
)


def rows(
    candidate: Sequence[float | None], running: Sequence[float | None], measure: str = "style.delta", per_document: int = 1
):
    return tuple(
        Row(id=f"q{at:04}", document=f"d{at // per_document}", question=f"What is {at}?", reference="It is.",
            candidate="One.", running="Another.", scores={measure: pair})
        for at, pair in enumerate(zip(candidate, running, strict=True))
    )  # fmt: skip


def report(rows_: Sequence[Row], *, resamples: int = 2500, seed: int = 3, **changes) -> Report:
    whole = Report(
        made="2026-11-21T09:00:00Z",
        candidate=Model(name="candidate", digest=CANDIDATE),
        running=Model(name="stable", digest=RUNNING),
        inputs={
            "candidate": CANDIDATE,
            "running": RUNNING,
            "dataset": DATASET,
            "questions": QUESTIONS,
            "chat_template": TEMPLATE,
        },
        seed=seed,
        resamples=resamples,
        leaked=(),
        rows=tuple(rows_),
        measures=summaries(rows_, seed=seed, resamples=resamples),
    )
    return sealed(msgspec.structs.replace(whole, **changes))


def thresholds(
    rule: str = "largest_loss: 0.1", measure: str = "style.delta", better: str = "lower", questions: int = 10
) -> Thresholds:
    text = f"confidence: 0.95\nquestions: {questions}\nmeasures:\n  {measure}: {{better: {better}, {rule}}}\n"
    return parse(text.encode(), "thresholds.yaml")


class Answers:
    """Answering by functions of the question, by model; a function may raise."""

    def __init__(self, **models: Callable[[str], Answered]) -> None:
        self.models = models
        self.asked: list[tuple[str, str]] = []

    async def answer(self, model: str, question: str) -> Answered:
        self.asked.append((model, question))
        await asyncio.sleep(0)  # as a real one, it lets others on
        return self.models[model](question)


class ScriptedJudge:
    """Replies by a function of what was shown."""

    def __init__(self, reply: Callable[[Mapping], object]) -> None:
        self.reply = reply
        self.shown: list[Mapping] = []

    async def complete(self, messages, schema, *, max_tokens=256):
        shown = msgspec.json.decode(messages[1]["content"])
        self.shown.append(shown)
        return self.reply(shown), Usage()


def refuse(_: object) -> object:
    raise UpstreamError("the model server refused the request: no")
