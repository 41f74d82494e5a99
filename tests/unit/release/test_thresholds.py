"""thresholds.yaml: what is wrong is said with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from twin.errors import ReleaseError
from twin.release.thresholds import parse

HEAD = "confidence: 0.95\nquestions: 60\nmeasures:\n"


def test_the_projects_own_thresholds_are_read() -> None:
    found = parse(Path("thresholds.yaml").read_bytes(), "thresholds.yaml")
    assert [rule.measure for rule in found.rules] == sorted(rule.measure for rule in found.rules)
    assert found.digest.startswith("sha256:")


def test_a_measure_may_have_its_own_confidence_and_number_of_questions() -> None:
    rule = parse(
        f"{HEAD}  judge.style: {{better: higher, least_gain: 0.1, confidence: 0.8, questions: 7}}".encode(), "t"
    ).rules[0]
    assert (rule.gain, rule.confidence, rule.questions, rule.wanted) == (0.1, 0.8, 7, "a gain of at least 0.1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "t.yaml:1: is empty; it needs confidence, questions and measures"),
        ("[]", "t.yaml:1: a mapping was expected"),
        ("a: [", "t.yaml:1: not YAML"),
        ("questions: 3", "t.yaml:1: confidence is missing"),
        (HEAD.replace("0.95", "high"), "t.yaml:1: confidence: a number was expected"),
        (HEAD.replace("0.95", "1.5"), "t.yaml:1: confidence: a number from 0.5 to 0.999 was expected, and 1.5 is none"),
        (HEAD.replace("0.95", ".nan"), "t.yaml:1: confidence: a number from"),
        (HEAD.replace("60", "0"), "t.yaml:2: questions: a whole number above 0 was expected"),
        (HEAD.replace("60", "5"), "t.yaml:2: questions: 5 questions are too few for a confidence of 0.95: at least 6"),
        (HEAD + "  {}", "t.yaml:4: measures: names no measure"),
        (HEAD + "  style.dalta: {better: lower, largest_loss: 1}", "t.yaml:4: measures.style.dalta: there is no such measure; did you mean style.delta?"),
        (HEAD + "  bleu: {better: higher, largest_loss: 1}", "t.yaml:4: measures.bleu: there is no such measure; there are judge.accuracy"),
        (HEAD + "  style.delta: 3", "t.yaml:4: measures.style.delta: a mapping was expected"),
        (HEAD + "  style.delta: {better: higher, largest_loss: 1}", "t.yaml:4: measures.style.delta.better: better must be given as lower"),
        (HEAD + "  style.delta: {better: less, largest_loss: 1}", "t.yaml:4: measures.style.delta.better: higher or lower was expected"),
        (HEAD + "  style.delta: {largest_loss: 1}", "t.yaml:4: measures.style.delta: better must be given as lower"),
        (HEAD + "  style.delta: {better: lower}", "t.yaml:4: measures.style.delta: give one of largest_loss and least_gain"),
        (HEAD + "  style.delta: {better: lower, least_gain: 1, largest_loss: 1}", "t.yaml:4: measures.style.delta: give one of"),
        (HEAD + "  style.delta:\n    better: lower\n    largest_lost: 1", "t.yaml:6: measures.style.delta.largest_lost: there is no such key; did you mean largest_loss?"),
        (HEAD + "  style.delta: {better: lower, largest_loss: -1}", "measures.style.delta.largest_loss: a number of 0 or more was expected"),
        (HEAD + "  style.delta: {better: lower, largest_loss: .inf}", "a number of 0 or more was expected"),
        (HEAD + "  style.delta: {better: lower, largest_loss: '1'}", "a number was expected"),
        (HEAD + "  style.delta: {better: lower, largest_loss: 1, questions: 3}", "questions: 3 questions are too few"),
        (HEAD + "  style.delta: {better: lower, largest_loss: 1}\n  style.delta: {better: lower, largest_loss: 1}", "t.yaml:5: measures.style.delta: is given twice"),
        ("a: \x00", "t.yaml: not YAML"),
        ("x" * 300_000, "is larger than 200,000 bytes"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_line_and_key(text: str, said: str) -> None:
    with pytest.raises(ReleaseError) as found:
        parse(text.encode(), "t.yaml")
    assert said in str(found.value)
    assert "\n" not in str(found.value)
