"""The hook that makes a release's index live: its script runs in a real shell, with a `twin` that answers as the real one exits."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.charts.rendering import Render, env, released
from tools.charts.platform import kinds

TWIN = """#!/bin/sh
echo "$*" >> "$SAID"
case "$2" in switch) exit "$SWITCH" ;; restore) exit "$RESTORE" ;; esac
"""


@pytest.fixture
def hook(tmp_path):
    """Run the hook's script: what it exits with, and what it called."""
    twin = tmp_path / "twin"
    twin.write_text(TWIN)
    twin.chmod(0o755)
    container = Render("index").container("Job")

    def run(switch: int, restore: int = 0) -> tuple[int, list[str]]:
        said = tmp_path / "said"
        given = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SAID": str(said), "SWITCH": str(switch), "RESTORE": str(restore)}
        given |= {name: str(value) for name, value in env(container).items() if name in {"INDEX", "SNAPSHOT"}}
        done = subprocess.run([*container["command"], *container["args"]], env=given, check=False)
        return done.returncode, said.read_text().splitlines()

    return run


INDEX = released()["index"]


def test_an_index_that_is_there_is_made_live_with_todays_documents(hook):
    assert hook(0) == (0, [f"index switch {INDEX['name']}"])


def test_an_index_that_is_gone_comes_back_from_the_releases_snapshot(hook):
    assert hook(1) == (0, [f"index switch {INDEX['name']}", f"index restore {INDEX['snapshot']} --switch"])


def test_an_index_that_does_not_find_its_documents_is_neither_made_live_nor_replaced(hook):
    assert hook(3) == (3, [f"index switch {INDEX['name']}"])


def test_a_snapshot_that_cannot_be_had_fails_the_sync(hook):
    assert hook(1, restore=1)[0] == 1


def test_the_hook_can_be_made_again_and_runs_whenever_the_release_differs():
    rendered = Render("index")
    said = rendered("Job")["metadata"]["annotations"]
    assert said == {"helm.sh/hook": "post-install,post-upgrade", "helm.sh/hook-delete-policy": "before-hook-creation"}
    other = Render("index", release={**released(), "index": {**INDEX, "name": "other.c1.0000"}})
    assert rendered("ConfigMap")["data"] != other("ConfigMap")["data"]


def test_nothing_runs_before_the_first_release():
    assert ("batch", "Job") not in set(kinds(Render("index", release=False).text))
    assert ("batch", "Job") in set(kinds(Render("index").text))


def test_qdrant_lets_the_hook_in():
    labels = Render("index")("Job")["spec"]["template"]["metadata"]["labels"]
    rules = Render("qdrant", {"global.bucket": "b"})("NetworkPolicy", "qdrant")["spec"]["ingress"]
    peers = [peer["podSelector"]["matchLabels"] for rule in rules for peer in rule["from"] if "podSelector" in peer]
    assert any(peer.items() <= labels.items() for peer in peers)
