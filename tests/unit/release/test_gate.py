"""The gate: what passes, what is refused and why; and the laws that noise, order and improvement keep."""

from __future__ import annotations

import random

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.release.making import report, rows, thresholds
from twin.errors import GateError
from twin.release.gate import decide, enforce
from twin.release.report import Model, digest_of, sealed
from twin.release.summary import summaries

SCORE = st.floats(-5, 5, allow_nan=False).map(lambda value: round(value, 3))
MANY = st.lists(st.tuples(SCORE, SCORE), min_size=12, max_size=30)
LAW = settings(max_examples=60, deadline=None)


def reason(made, rules=None) -> str:
    verdict = decide(made, rules or thresholds())
    assert not verdict.passed
    with pytest.raises(GateError):
        enforce(verdict)
    return "; ".join(verdict.reasons)


def good(n: int = 20):
    return rows([0.5] * n, [0.6] * n)


def test_gate_passes_a_candidate_that_is_surely_no_worse() -> None:
    verdict = decide(report(good()), thresholds("least_gain: 0.05"))
    assert verdict.passed
    assert verdict.reasons == ()
    assert verdict.checks[0].gain == pytest.approx(0.1)
    enforce(verdict)


def test_gate_refuses_a_loss_beyond_the_threshold_with_its_interval() -> None:
    said = reason(report(rows([0.9] * 20, [0.6] * 20)))
    assert (
        said == "style.delta: is worse, by up to 0.3 (95 % interval of the gain: -0.3 to -0.3); wanted: a loss of at most 0.1"
    )


def test_gate_refuses_a_gain_that_may_be_chance() -> None:
    dice = random.Random(1)
    noisy = [0.6 + dice.gauss(0, 0.5) for _ in range(20)]
    assert "may be worse" in reason(report(rows(noisy, [0.6] * 20)))


def test_gate_refuses_a_report_with_a_missing_score_and_names_the_question() -> None:
    assert "1 of 20 questions have no score (q0003)" in reason(report(rows([0.5] * 3 + [None] + [0.5] * 16, [0.6] * 20)))
    assert "1 of 20 questions have no score (q0000)" in reason(report(rows([0.5] * 20, [None] + [0.6] * 19)))


def test_gate_refuses_a_measure_that_was_not_taken() -> None:
    said = reason(report(good()), thresholds("largest_loss: 0.1", "judge.accuracy", "higher"))
    assert said == "judge.accuracy: was not measured: it needs --judge"


def test_gate_refuses_a_question_that_lacks_the_measure_altogether() -> None:
    bare = msgspec.structs.replace(good()[0], scores={})
    assert "1 of 20 questions have no score" in reason(report([bare, *good()[1:]]))


def test_gate_refuses_a_leaked_split() -> None:
    assert "the split leaks: 1 questions" in reason(report(good(), leaked=("q0001",)))


@pytest.mark.parametrize("name", ["candidate", "running", "dataset", "questions", "chat_template"])
@pytest.mark.parametrize("value", ["", "latest", "sha256:abc", None])
def test_gate_refuses_an_unpinned_input(name: str, value: str | None) -> None:
    inputs = dict(report(good()).inputs)
    inputs = {key: one for key, one in inputs.items() if key != name} if value is None else {**inputs, name: value}
    assert f"{name} is not pinned by a digest" in reason(report(good(), inputs=inputs))


def test_gate_refuses_whatever_else_was_used_and_not_pinned() -> None:
    assert "index is not pinned" in reason(report(good(), inputs={**report(good()).inputs, "index": ""}))


def test_gate_refuses_two_digests_for_one_model() -> None:
    assert "two digests" in reason(report(good(), candidate=Model(name="c", digest="sha256:" + "0" * 64)))


def test_gate_refuses_too_few_questions() -> None:
    assert "5 questions, and at least 10" in reason(report(good(5)))


def test_gate_refuses_too_few_documents_for_the_confidence() -> None:
    said = reason(report(rows([0.5] * 20, [0.6] * 20, per_document=5)))
    assert said == "style.delta: 4 documents say nothing at a confidence of 0.95: at least 6"


def test_gate_refuses_too_few_resamples_for_the_confidence() -> None:
    assert "resamples are too few" in reason(report(good(), resamples=50))


def test_gate_refuses_an_empty_report() -> None:
    assert "was not measured" in reason(report([]))


def test_gate_refuses_a_question_that_counts_twice() -> None:
    assert "a question stands in the report twice" in reason(report([*good(), good()[0]]))


def edits():
    made = report(rows([0.9] * 20, [0.6] * 20))
    better = msgspec.structs.replace(made.rows[0], scores={"style.delta": (0.1, 0.6)})
    yield msgspec.structs.replace(made, rows=(better, *made.rows[1:]))
    yield msgspec.structs.replace(made, rows=made.rows[:-1])
    yield msgspec.structs.replace(made, candidate=Model(name="other", digest=made.candidate.digest))
    yield msgspec.structs.replace(made, seed=made.seed + 1)
    yield msgspec.structs.replace(made, notes=("all is well",))
    yield msgspec.structs.replace(made, digest="")


@pytest.mark.parametrize("made", list(edits()))
def test_gate_refuses_a_report_edited_by_hand(made) -> None:
    assert "changed after it was made" in reason(made)


def test_gate_refuses_a_summary_that_does_not_follow_even_under_a_fresh_digest() -> None:
    made = report(rows([0.9] * 20, [0.6] * 20))
    shown = msgspec.structs.replace(made.measures["style.delta"], candidate=0.1)
    assert "does not follow" in reason(sealed(msgspec.structs.replace(made, measures={"style.delta": shown})))


@pytest.mark.parametrize("changes", [{"seed": -1}, {"resamples": -5}, {"resamples": 0}, {"resamples": 10**12}])
def test_gate_refuses_numbers_that_no_evaluation_writes(changes) -> None:
    made = msgspec.structs.replace(report(good()), **changes)
    assert decide(sealed(made), thresholds()).verdict == "refuse"


@LAW
@given(MANY, st.randoms(use_true_random=False))
def test_order_of_questions_does_not_matter(pairs, dice) -> None:
    made = list(rows(*zip(*pairs, strict=True), per_document=2))
    shuffled = dice.sample(made, len(made))
    one, other = decide(report(made), thresholds()), decide(report(shuffled), thresholds())
    assert (one.verdict, one.reasons, one.checks) == (other.verdict, other.reasons, other.checks)


@LAW
@given(st.lists(SCORE, min_size=12, max_size=30))
def test_a_candidate_equal_to_what_runs_differs_by_nothing(scores) -> None:
    made = report(rows(scores, scores, per_document=2))
    found = made.measures["style.delta"]
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    assert decide(made, thresholds("largest_loss: 0")).passed
    assert decide(made, thresholds("least_gain: 0.001")).verdict == "refuse"


@LAW
@given(MANY, st.lists(st.floats(0, 3), min_size=30, max_size=30), st.floats(0, 1))
def test_a_better_candidate_never_turns_a_pass_into_a_refusal(pairs, gains, allowed) -> None:
    candidate, running = (list(side) for side in zip(*pairs, strict=True))
    rule = thresholds(f"largest_loss: {allowed:.6f}")
    better = [score - gain for score, gain in zip(candidate, gains, strict=False)]
    before = decide(report(rows(candidate, running, per_document=2)), rule)
    after = decide(report(rows(better, running, per_document=2)), rule)
    assert after.passed or not before.passed
    assert after.checks[0].low >= before.checks[0].low - 1e-9


@LAW
@given(MANY, st.floats(1, 20), st.floats(0.001, 1))
def test_a_worse_candidate_never_passes_by_more_noise(pairs, spread, loss) -> None:
    noise = np.array([one - other for one, other in pairs])
    noise -= noise.mean()
    rule = thresholds("largest_loss: 0")
    running = [0.0] * len(noise)
    lows = []
    for scale in (0.0, 1.0, spread):
        verdict = decide(report(rows((loss + scale * noise).tolist(), running, per_document=2)), rule)
        assert not verdict.passed
        lows.append(verdict.checks[0].low)
    assert lows[0] >= lows[1] - 1e-9
    assert lows[1] >= lows[2] - 1e-9


@LAW
@given(MANY, st.floats(0, 2), st.floats(0, 2))
def test_a_stricter_threshold_never_lets_more_pass(pairs, one, other) -> None:
    assume(one != other)
    made = report(rows(*zip(*pairs, strict=True)))
    strict, loose = (decide(made, thresholds(f"largest_loss: {limit:.6f}")) for limit in sorted((one, other)))
    assert loose.passed or not strict.passed


def test_a_verdict_is_the_same_each_time_and_names_what_it_judged() -> None:
    made, rules = report(good()), thresholds()
    assert decide(made, rules) == decide(made, rules)
    assert (decide(made, rules).report, decide(made, rules).thresholds) == (digest_of(made), rules.digest)


def test_questions_of_one_document_stand_or_fall_together() -> None:
    """Sixty questions of six documents know hardly more than six."""
    by_document = np.repeat(np.random.default_rng(0).normal(size=6), 10).tolist()
    alone = summaries(rows(by_document, [0.0] * 60), seed=0, resamples=2000)["style.delta"]
    together = summaries(rows(by_document, [0.0] * 60, per_document=10), seed=0, resamples=2000)["style.delta"]
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_gate_refuses_a_contract_that_does_not_hold_between_training_and_serving() -> None:
    said = "the chat template of 'new' is not the one trained with: conversation 1, token 2: trained with 5, served with 6"
    assert reason(report(good(), broken=(said,))) == said


def test_gate_lets_a_server_that_shows_no_tokens_pass_without_a_compared_template() -> None:
    inputs = {key: value for key, value in report(good()).inputs.items() if key != "chat_template"}
    assert "serving renders as training did" in reason(report(good(), inputs=inputs))
    assert decide(report(good(), inputs=inputs, serving="other"), thresholds()).passed
    assert not decide(report(good(), inputs={**inputs, "chat_template": ""}, serving="other"), thresholds()).passed


FAULTS = {
    "no score": lambda made: remade(made, rows=(msgspec.structs.replace(made.rows[0], scores={"style.delta": (None, 0.6)}), *made.rows[1:])),
    "leaks": lambda made: remade(made, leaked=("q0001",)),
    "questions is not pinned": lambda made: remade(made, inputs={**made.inputs, "questions": ""}),
    "chat_template is not pinned": lambda made: remade(made, inputs={k: v for k, v in made.inputs.items() if k != "chat_template"}),
    "at least 30 are asked for": lambda made: remade(made, rows=made.rows[:12]),
    "twice": lambda made: remade(made, rows=(*made.rows, made.rows[-1])),
    "not the one trained with": lambda made: remade(made, broken=("the template is not the one trained with",)),
}  # fmt: skip


def remade(made, **changes):
    """`made` changed as an evaluation would have written it, sealed and with its summaries."""
    changed = msgspec.structs.replace(made, **changes)
    return sealed(msgspec.structs.replace(changed, measures=summaries(changed.rows, seed=made.seed, resamples=made.resamples)))


@LAW
@given(st.sets(st.sampled_from(sorted(FAULTS)), min_size=1))
def test_any_fault_is_a_refusal_that_names_it_whatever_else_is_wrong(faults) -> None:
    made = report(good(40))
    assert decide(made, thresholds(questions=30)).passed
    for fault in sorted(faults):
        made = FAULTS[fault](made)
    verdict = decide(made, thresholds(questions=30))
    said = "; ".join(verdict.reasons)
    with pytest.raises(GateError) as refusal:
        enforce(verdict)
    assert refusal.value.exit_status == 3
    hidden = {"at least 30 are asked for"} if "no score" in faults else set()  # a measure has one reason, the first
    assert all(fault in said for fault in faults - hidden)
    assert len(verdict.reasons) >= len(faults - hidden)
