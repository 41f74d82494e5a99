"""A run as the API has it: plain, compressed as Argo does it with large ones, refused or failed."""

import base64
import gzip
import json

import pytest

from workflows.runs import nodes, phase, steps_ended

NO_MORE = "retryStrategy.expression evaluated to false"


def run(found, *failed, packed=False):
    made = {"x1": {"name": "x1", "displayName": "x1", "type": "DAG", "phase": found}}
    for name, message in failed:
        made[f"{name}-r"] = {"name": f"x1.{name}", "displayName": name, "type": "Retry", "phase": "Failed", "message": NO_MORE}
        pod = {"name": f"x1.{name}(0)", "displayName": f"{name}(0)", "type": "Pod", "phase": "Failed", "message": message}
        made[f"{name}-0"] = pod
    status = {"phase": found, "nodes": made}
    if packed:
        text = base64.b64encode(gzip.compress(json.dumps(made).encode())).decode()
        status = {"phase": found, "compressedNodes": text}
    return {"metadata": {"name": "x1"}, "status": status}


@pytest.mark.parametrize("packed", [False, True])
def test_a_run_that_a_rule_refused_stands_so(packed):
    assert phase(run("Failed", ("gate", "main: Error (exit code 3)"), packed=packed)) == "Refused"
    assert phase(run("Failed", ("gate", "main: Error (exit code 1)"), packed=packed)) == "Failed"
    both = (("sync", "main: Error (exit code 1)"), ("switch", "main: Error (exit code 3)"))
    assert phase(run("Failed", *both, packed=packed)) == "Failed"


@pytest.mark.parametrize("found", ["Succeeded", "Running", "Pending"])
def test_any_other_run_stands_as_argo_says(found):
    assert phase(run(found)) == found
    assert phase({"metadata": {}}) == "Pending"


def test_an_exit_handler_that_fails_is_no_step_of_a_run():
    made = run("Failed", ("gate", "main: Error (exit code 3)"))
    told = {
        "name": "x1.onExit.notify(0)",
        "displayName": "notify(0)",
        "type": "Pod",
        "phase": "Failed",
        "message": "main: Error (exit code 1)",
    }
    made["status"]["nodes"] |= {"t": told, "u": {**told, "name": "x1.onExit.notify", "displayName": "notify", "type": "Retry"}}
    assert phase(made) == "Refused"
    assert not {"t", "u"} & nodes(made).keys()


def test_steps_that_have_ended_are_told_with_their_last_words():
    made = run("Running", ("sync", "main: Error (exit code 143)"))
    made["status"]["nodes"]["next"] = {"name": "x1.sync(1)", "displayName": "sync(1)", "type": "Pod", "phase": "Running"}
    assert steps_ended(made) == {"sync-0": "sync(0): Failed main: Error (exit code 143)"}
