"""An evaluation: both sides are asked the same, what fails is missing and said, and the report follows from the answers."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.release.making import (
    CANDIDATE,
    DATASET,
    QUESTIONS,
    RUNNING,
    TEMPLATE,
    Answers,
    ScriptedJudge,
    refuse,
    thresholds,
)
from twin.errors import ReleaseError, UpstreamError
from twin.release.evaluate import Examiners, Trial, evaluate
from twin.release.gate import decide
from twin.release.ports import Answered, Likely, Shown
from twin.release.questions import HeldOut
from twin.release.report import Model, digest_of, read, write
from twin.release.training import Training

AUTHOR = tuple(
    f"The author writes that document {n} is one of the many, and it is what the index has of it. " * 12 for n in range(20)
)
HELD = [
    HeldOut(id=f"q{n:02}", question=f"What is {n}?", reference=f"The author writes that it is {n}.", document=f"h{n}")
    for n in range(16)
]


def trial(held=HELD, texts=AUTHOR, running=None) -> Trial:
    return Trial(
        candidate=Model(name="candidate", digest=CANDIDATE),
        running=running or Model(name="stable", digest=RUNNING),
        held=held,
        training=Training(texts, frozenset({"seen"}), frozenset()),
        inputs={"dataset": DATASET, "questions": QUESTIONS, "chat_template": TEMPLATE},
    )


def like_the_author(question: str) -> Answered:
    return Answered(
        text=f"The author writes that it is {question[8:-1]}, and one of the many.", tokens=9, first=0.1, seconds=0.2
    )


def shouting(question: str) -> Answered:
    return Answered(text="WOW!!! BUY NOW!!! CLICK HERE!!! AMAZING DEALS!!!", tokens=9, first=0.1, seconds=0.2)


async def run(answers: Answers, held=HELD, **by):
    return await evaluate(trial(held), Examiners(answering=answers, **by), made="2026-11-21T09:00:00Z", resamples=2500)


async def test_a_candidate_made_worse_on_purpose_is_refused_and_the_better_passes() -> None:
    rules = thresholds("largest_loss: 0.01", "style.ngrams")
    worse = decide(await run(Answers(candidate=shouting, stable=like_the_author)), rules)
    better = decide(await run(Answers(candidate=like_the_author, stable=shouting)), rules)
    assert worse.verdict == "refuse"
    assert worse.reasons[0].startswith("style.ngrams: is worse")
    assert better.passed


async def test_both_sides_are_asked_every_question_and_each_is_first_as_often() -> None:
    answers = Answers(candidate=like_the_author, stable=like_the_author)
    await evaluate(trial(), Examiners(answering=answers), made="now", at_a_time=1)
    assert sorted(answers.asked) == sorted((model, one.question) for model in ("candidate", "stable") for one in HELD)
    assert [model for model, _ in answers.asked][::2] == ["candidate", "stable"] * 8


async def test_a_failed_answer_is_missing_and_says_why() -> None:
    def sometimes(question: str) -> Answered:
        if question == "What is 3?":
            raise UpstreamError("the model server took too long")
        return like_the_author(question)

    report = await run(Answers(candidate=sometimes, stable=like_the_author))
    row = next(row for row in report.rows if row.id == "q03")
    assert (row.candidate, row.scores["style.delta"][0], row.problems) == (
        None,
        None,
        ("the candidate: the model server took too long",),
    )
    assert report.measures["style.delta"].missing == (1, 0)
    assert "1 of 16 questions have no score (q03)" in decide(report, thresholds()).reasons[0]


@pytest.mark.parametrize("count", [3, 16])
async def test_a_side_that_never_answers_ends_the_evaluation(count: int) -> None:
    answers = Answers(candidate=refuse, stable=like_the_author)
    with pytest.raises(ReleaseError, match="the candidate 'candidate' gives no answer at all: the model server refused"):
        await evaluate(trial(HELD[:count]), Examiners(answering=answers), made="now", at_a_time=2)
    assert len(answers.asked) <= 2 * 8 + 2


async def test_an_empty_answer_has_scores_and_they_are_bad() -> None:
    report = await run(Answers(candidate=lambda _: Answered(text=""), stable=like_the_author))
    assert report.measures["style.delta"].missing == (0, 0)
    assert report.measures["style.delta"].candidate == 1.0
    assert decide(report, thresholds("largest_loss: 0.1")).verdict == "refuse"


async def test_answers_from_passages_are_measured_by_them_and_bare_ones_are_not() -> None:
    def grounded(question: str) -> Answered:
        text = "The index drops it."
        return Answered(text=text, passages=(Shown("x", "nothing"), Shown("y", text)), cited=(1, 7), retrieved=("h1", "h2"))

    report = await run(Answers(candidate=grounded, stable=grounded))
    assert report.rows[1].scores["grounding.bigrams"] == (1.0, 1.0)
    assert report.rows[1].scores["retrieval.recall"] == (1.0, 1.0)
    assert report.rows[5].scores["retrieval.recall"] == (0.0, 0.0)
    assert "latency.whole" not in report.measures
    bare = await run(Answers(candidate=like_the_author, stable=like_the_author))
    assert not any(name.startswith(("grounding", "retrieval")) for name in bare.measures)


async def test_answers_of_one_side_alone_from_passages_leave_scores_missing() -> None:
    report = await run(Answers(candidate=like_the_author, stable=lambda _: Answered(text="x", retrieved=("a",))))
    assert report.measures["retrieval.recall"].missing == (16, 0)


def fair(shown):
    marks = {True: {"accuracy": 5, "style": 4}, False: {"accuracy": 1, "style": 1}}
    return {"reason": "", "first": marks["author" in shown["first"]], "second": marks["author" in shown["second"]]}


async def test_a_judge_is_asked_in_both_orders_with_the_authors_words_before_it() -> None:
    judge = ScriptedJudge(fair)
    report = await run(Answers(candidate=like_the_author, stable=shouting), judge=judge, judge_model="j")
    assert report.measures["judge.accuracy"].candidate == 5
    assert report.measures["judge.style"].running == 1
    assert report.judge is not None
    assert (report.judge.agreement, report.judge.judged) == ({"accuracy": 1.0, "style": 1.0}, 16)
    first, second = judge.shown[:2] if judge.shown[0]["question"] == judge.shown[1]["question"] else (judge.shown[0], None)
    assert judge.shown[0]["author's excerpts"][0] in AUTHOR[0]
    assert second is None or (first["first"], first["second"]) == (second["second"], second["first"])


@pytest.mark.parametrize("reply", [refuse, lambda _: {"first": 3}, lambda _: None, lambda _: "5"])
async def test_a_judge_that_refuses_or_breaks_its_json_leaves_scores_missing(reply) -> None:
    report = await run(Answers(candidate=like_the_author, stable=shouting), judge=ScriptedJudge(reply), judge_model="j")
    assert report.measures["judge.accuracy"].missing == (16, 16)
    assert report.measures["judge.accuracy"].difference is None
    assert all("the judge:" in row.problems[0] for row in report.rows)
    assert (
        "16 of 16 questions have no score" in decide(report, thresholds("largest_loss: 1", "judge.style", "higher")).reasons[0]
    )


async def test_likelihoods_are_nats_a_token_and_failures_are_missing() -> None:
    class Expecting:
        async def log_likelihood(self, model: str, question: str, answer: str) -> Likely:
            if question == "What is 2?":
                raise UpstreamError("no logprobs")
            return Likely(-10.0 if model == "candidate" else -20.0, 5, cut=2 if question == "What is 3?" else 0)

    report = await run(Answers(candidate=like_the_author, stable=like_the_author), perplexity=Expecting())
    assert report.rows[0].scores["perplexity.nats"] == (2.0, 4.0)
    assert report.rows[2].scores["perplexity.nats"] == (None, None)
    assert report.rows[2].problems == (
        "the candidate: no likelihood: no logprobs",
        "the running release: no likelihood: no logprobs",
    )
    assert any(note.startswith("Of 1 of 16 reference answers perplexity is that of the beginning") for note in report.notes)


async def test_leaked_questions_are_in_the_report_and_the_gate_refuses_them() -> None:
    held = [*HELD[:-1], HeldOut(id="leak", question="?", reference="r", document="seen")]
    report = await run(Answers(candidate=like_the_author, stable=like_the_author), held)
    assert report.leaked == ("leak",)
    assert any("the split leaks" in reason for reason in decide(report, thresholds()).reasons)


async def test_the_first_release_says_that_it_is_compared_with_its_base() -> None:
    made = trial(running=Model(name="stable", digest=RUNNING, kind="base"))
    report = await evaluate(made, Examiners(answering=Answers(candidate=like_the_author, stable=shouting)), made="now")
    assert "compared with its base model" in report.notes[0]


async def test_too_little_of_the_author_leaves_style_out_and_says_so() -> None:
    made = trial(texts=("short",))
    report = await evaluate(made, Examiners(answering=Answers(candidate=like_the_author, stable=shouting)), made="now")
    assert "too little" in report.notes[0]
    assert "style.delta: was not measured" in decide(report, thresholds()).reasons[0]


async def test_a_report_survives_being_written_and_read_and_is_sealed() -> None:
    odd = Answers(candidate=lambda _: Answered(text="half \ud83d, nul \x00, \u202e"), stable=like_the_author)
    report = await run(odd)
    again = read(write(report), "report.json")
    assert again == report
    assert again.digest == digest_of(again)
    assert write(again) == write(report)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"schema": 2}', b"[" * 100_000])
def test_what_is_no_report_is_named(data: bytes) -> None:
    with pytest.raises(ReleaseError, match=r"^r\.json: is no report"):
        read(data, "r.json")


async def test_an_evaluation_that_is_cancelled_asks_no_more() -> None:
    began, asked = asyncio.Event(), []

    class Slow:
        async def answer(self, model: str, question: str) -> Answered:
            asked.append(question)
            began.set()
            await asyncio.Event().wait()
            raise AssertionError

    task = asyncio.create_task(run(Slow()))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asked) <= 8
    assert len(asyncio.all_tasks()) == 1
