"""What people are told of a run, from what Argo's exit handler gets: every failed node, attempts and DAGs included."""

import json

import pytest

from workflows.told import told

NO_MORE = "retryStrategy.expression evaluated to false"


def failures(*rows):
    """As Argo 3.7 gives them: JSON within quotes, in no order."""
    nodes = [
        {"displayName": name, "message": message, "finishedAt": f"2026-11-28T10:00:{n:02}Z"}
        for n, (name, message) in enumerate(rows)
    ]
    return json.dumps(json.dumps(nodes[::-1]))


def failed(step, message, attempt=0):
    """A step that was not tried again: its attempt, and itself."""
    return ((f"{step}({attempt})", f"main: {message}"), (step, NO_MORE))


def test_a_success_says_how_long_it_took():
    said = told("etl-x1", "Succeeded", '"null"', 3725.4)
    assert (said.title, said.text, said.bad) == ("etl-x1 succeeded", "It took 1 h 2 min.", False)


def test_a_failure_names_each_step_once_with_its_last_words():
    rows = (
        *failed("sync(1:notes)", "Error (exit code 1)"),
        ("every-source", ""),
        ("build(0)", "main: Error (exit code 143)"),
        ("build(1)", "pod\ndeleted"),
        ("build", "No more retries left"),
        ("etl-x1", ""),
    )
    said = told("etl-x1", "Failed", failures(*rows), 61)
    assert said.bad
    assert said.text == "It ended as Failed after 1 min 1 s.\n- sync(1:notes): main: Error (exit code 1)\n- build: pod deleted"


def test_a_rules_no_is_a_refusal_and_no_failure():
    said = told("training-x1", "Failed", failures(*failed("gate", "Error (exit code 3)"), ("training-x1", "")), 9)
    assert said.title == "training-x1 was refused"
    assert "in gate" in said.text


def test_a_refusal_after_an_interruption_is_a_refusal():
    rows = (("gate(0)", "main: Error (exit code 143)"), *failed("gate", "Error (exit code 3)", 1))
    assert told("training-x1", "Failed", failures(*rows), 9).title == "training-x1 was refused"


def test_a_refusal_beside_a_failure_is_a_failure():
    said = told(
        "etl-x1", "Failed", failures(*failed("sync", "Error (exit code 1)"), *failed("switch", "Error (exit code 3)")), 9
    )
    assert said.title == "etl-x1 failed"


def test_an_attempt_that_the_next_one_mended_is_not_told():
    rows = (("sft(0)", "main: Error (exit code 143)"), *failed("gate", "Error (exit code 1)"))
    assert "sft" not in told("training-x1", "Failed", failures(*rows), 9).text


def test_a_step_that_had_no_attempt_says_what_argo_says_of_it():
    said = told("etl-x1", "Error", failures(("sync", "pods is forbidden"), ("ended", "child 'etl-x1-9' failed")), 9)
    assert said.text.splitlines()[1:] == ["- sync: pods is forbidden"]


def test_of_many_failures_some_are_named():
    rows = (row for n in range(2000) for row in failed(f"sync({n}:s)", "x" * 900))
    said = told("etl-x1", "Failed", json.dumps([{"displayName": name, "message": message} for name, message in rows]), 9)
    assert said.text.endswith("- and 1995 more")
    assert len(said.text) < 3000


@pytest.mark.parametrize("quoted", [True, False])
def test_what_is_cut_off_tells_what_is_left_of_it(quoted):
    whole = failures(*failed("gate", 'Error (exit code 3): "\u00fc\\'), *failed("sync", "Error (exit code 1)"))
    whole = whole if quoted else json.loads(whole)
    for end in range(len(whole)):
        assert told("etl-x1", "Failed", whole[:end], 9).bad
    assert "sync" in told("etl-x1", "Failed", whole[:-3], 9).text


def test_what_argo_leaves_unfilled_is_no_failure_to_tell():
    for text in ("", "null", "{{workflow.failures}}", '"[]"', '"null"', "7", '"'):
        assert told("etl-x1", "Error", text, 0.4).text == "It ended as Error after 0 s."


def test_what_a_step_has_to_say_is_said_as_it_is():
    said = told("snapshot-x1", "Succeeded", "", 0, "documents: s3://a#sha256:1\nindex: s3://b#sha256:2")
    assert (said.text, said.bad) == ("documents: s3://a#sha256:1\nindex: s3://b#sha256:2", False)
    assert "snapshot-x1" in said.title
