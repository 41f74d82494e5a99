"""Documents to a released adapter and back, by the commands of people: a real remote, a real vLLM, a real gateway."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.loop.conftest import Walk
from tools.loop import answered, status

pytestmark = pytest.mark.timeout(900)  # the first of them waits for a base, an adapter and vLLM's start
QUESTION = "How are documents removed from the index?"


def ready(address: str, wanted: int = 200) -> list[str]:
    """Wait until /readyz says so; gives back what it misses."""
    deadline = time.monotonic() + 120
    while status(f"{address}/readyz") != wanted:
        assert time.monotonic() < deadline, missing(address)
        time.sleep(0.2)
    return missing(address)


def missing(address: str) -> list[str]:
    try:
        with urllib.request.urlopen(f"{address}/readyz") as reply:
            return list(json.load(reply)["missing"])
    except urllib.error.HTTPError as exc:
        return list(json.load(exc)["missing"])


def pins(walk: Walk) -> dict[str, Any]:
    return yaml.safe_load((walk.loop.work / "release.yaml").read_text())["release"]


def served_name(pin: str) -> str:
    return f"adapter-{pin.rpartition('sha256:')[2][:12]}"


def said(walk: Walk, **settings: str) -> dict[str, Any]:
    """The answer of a gateway that is ready."""
    with walk.loop.gateway(**settings) as address:
        ready(address)
        return answered(address, QUESTION, max_tokens=32)


def words(reply: dict[str, Any]) -> str:
    return str(reply["choices"][0]["message"]["content"])


def test_the_answer_is_by_the_released_adapter_and_says_so(walk: Walk) -> None:
    release = pins(walk)
    with walk.loop.gateway() as address:
        ready(address)
        reply = answered(address, QUESTION, max_tokens=32)
        assert (reply["twin"]["release"], reply["twin"]["index"]) == (release["id"], release["index"]["name"])
        assert reply["twin"]["model"] == served_name(release["model"]["adapter"])
        assert reply["twin"]["passages"]
        with urllib.request.urlopen(f"{address}/v1/models") as listed:
            assert json.load(listed)["data"][0]["twin"]["release"] == release["id"]
        with urllib.request.urlopen(f"{address}/metrics") as counted:
            assert f'release="{release["id"]}"' in counted.read().decode()


def test_a_worse_candidate_is_refused_with_the_reason_and_nothing_is_released(walk: Walk) -> None:
    dataset, before = walk.shuffled(), walk.staging()
    worse = walk.trained("worse", 120, dataset)
    report = walk.judged(worse, walk.first, dataset)
    walk.loop.twin("release", "gate", report, status=3)
    verdict = json.loads((Path(report) / "verdict.json").read_text())
    assert any("perplexity.nats" in reason for reason in verdict["reasons"]), verdict
    walk.promoted(report, worse, dataset, status=3)
    assert walk.staging() == before


def test_a_better_candidate_is_one_commit_and_a_rollback_brings_the_former_answers_back(walk: Walk) -> None:
    former, before = words(said(walk)), walk.staging()
    better = walk.trained("better", 300)
    walk.promoted(walk.judged(better, walk.first), better)
    after = walk.staging()
    parents = walk.loop.git("log", "--format=%P", f"{before}..{after}", at="origin.git").split()
    assert parents == [before], "a promotion is one commit on top of what was there"
    assert walk.loop.git("diff", "--name-only", before, after, at="origin.git").split() == ["release.yaml"]
    walk.loop.pull()
    reply = said(walk)
    assert reply["twin"]["model"] == served_name(pins(walk)["model"]["adapter"])
    assert words(reply) != former
    walk.loop.twin("release", "rollback", "--reason", "too long")
    walk.loop.pull()
    back = said(walk)
    assert (words(back), back["twin"]["model"]) == (
        former,
        served_name(str(json.loads((Path(walk.first) / "twin.json").read_text())["digest"])),
    )


def test_after_the_model_server_was_started_again_the_gateway_has_its_adapter_loaded(walk: Walk) -> None:
    with walk.loop.gateway() as address:
        ready(address)
        former = words(answered(address, QUESTION, max_tokens=32))
        walk.server.stop()
        assert "cannot be reached" in " ".join(ready(address, 503))
        walk.server.start()
        walk.server.ready()
        ready(address)
        assert words(answered(address, QUESTION, max_tokens=32)) == former


def test_a_candidate_takes_its_share_of_conversations_beside_the_release(walk: Walk) -> None:
    better = walk.trained("better", 300)
    digest = json.loads((Path(better) / "twin.json").read_text())["digest"]
    kept = walk.kept(better)
    reply = said(walk, TWIN_CANARY="100", TWIN_CANARY_ADAPTER=kept)
    assert (reply["twin"]["model"], reply["twin"]["release"]) == (served_name(digest), pins(walk)["id"])
    assert said(walk, TWIN_CANARY="0", TWIN_CANARY_ADAPTER=kept)["twin"]["model"] != served_name(digest)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        (("index", "name"), "minilm-l6-v2.c1.000000", "has index minilm-l6-v2.c1.000000, but"),
        (("prompt", "digest"), "sha256:" + "0" * 64, "has prompt"),
        (("model", "chatTemplate"), "sha256:" + "0" * 64, "has chat template"),
    ],
)
def test_a_gateway_that_finds_something_else_than_its_release_is_not_ready_and_names_it(
    walk: Walk, key: tuple[str, str], value: str, named: str
) -> None:
    file = walk.loop.work / "release.yaml"
    whole = file.read_text()
    changed = yaml.safe_load(whole)
    changed["release"][key[0]][key[1]] = value
    file.write_text(yaml.safe_dump(changed))
    try:
        with walk.loop.gateway() as address:
            deadline = time.monotonic() + 60
            while named not in " ".join(missing(address)):
                assert time.monotonic() < deadline, missing(address)
                time.sleep(0.2)
            assert status(f"{address}/readyz") == 503
    finally:
        file.write_text(whole)
