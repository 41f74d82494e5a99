import json

from workflows.told import told


def failures(*rows):
    return json.dumps([{"displayName": step, "message": message} for step, message in rows])


def test_a_success_says_how_long_it_took():
    said = told("etl-x1", "Succeeded", "[]", 3725.4)
    assert (said.title, said.text, said.bad) == ("etl-x1 succeeded", "It took 1 h 2 min.", False)


def test_a_failure_names_the_steps_and_their_last_words():
    said = told("etl-x1", "Failed", failures(("sync(1:notes)", "Error (exit code 1)"), ("build", "pod\ndeleted")), 61)
    assert said.bad
    assert said.text == "It ended as Failed after 1 min 1 s.\n- sync(1:notes): Error (exit code 1)\n- build: pod deleted"


def test_a_rules_no_is_a_refusal_and_no_failure():
    said = told("training-x1", "Failed", failures(("gate", "Error (exit code 3)")), 9)
    assert said.title == "training-x1 was refused"
    assert "in gate" in said.text


def test_a_refusal_beside_a_failure_is_a_failure():
    said = told("etl-x1", "Failed", failures(("sync", "Error (exit code 1)"), ("switch", "Error (exit code 3)")), 9)
    assert said.title == "etl-x1 failed"


def test_of_many_failures_some_are_named():
    said = told("etl-x1", "Failed", failures(*((f"sync({n})", "x" * 900) for n in range(2000))), 9)
    assert said.text.endswith("- and 1995 more")
    assert len(said.text) < 3000


def test_what_argo_leaves_unfilled_is_no_failure_to_tell():
    for text in ("", "null", "{{workflow.failures}}", '"[]"'):
        assert told("etl-x1", "Error", text, 0.4).text == "It ended as Error after 0 s."
