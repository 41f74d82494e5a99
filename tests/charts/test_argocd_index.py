"""The hook that makes a release's index live: its script in a real shell, with the real `twin` and a small index."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.charts.rendering import Render, released
from tools.charts.platform import kinds

BIN = Path(sys.executable).parent
SOURCES = """author: {id: ada, name: Ada}
sources:
  - {kind: files, path: notes/}
"""


class Twin:
    """A twin of two notes, its index and the snapshot of a release."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "notes").mkdir()
        (folder / "notes" / "rockets.md").write_text("# Rockets\n\nA rocket burns fuel and pushes the gas out of a nozzle.\n")
        (folder / "notes" / "bread.md").write_text("# Bread\n\nSourdough rises because wild yeast makes gas in the dough.\n")
        (folder / "sources.yaml").write_text(SOURCES)
        self.run("twin", "documents", "sync")
        self.run("twin", "index", "build", "--switch")
        self.release = json.loads(self.run("twin", "index", "snapshot", "-o", "json").stdout)

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        given = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **env}
        return subprocess.run(words, cwd=self.folder, env=given, capture_output=True, text=True, check=False)

    def hook(self, **other: str) -> subprocess.CompletedProcess[str]:
        """What the Job of the chart runs, for this release."""
        container = Render("index").container("Job")
        env = {"INDEX": self.release["name"], "SNAPSHOT": self.release["snapshot"], **other}
        return self.run(*container["command"], *container["args"], **env)

    def live(self) -> list[str]:
        return [one["name"] for one in json.loads(self.run("twin", "index", "list", "-o", "json").stdout) if one["live"]]


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    return Twin(tmp_path_factory.mktemp("twin"))


def test_an_index_that_is_there_is_made_live_as_it_is(twin):
    done = twin.hook(SNAPSHOT="file:///nowhere#sha256:" + "0" * 64)
    assert done.returncode == 0, done.stderr
    assert twin.live() == [twin.release["name"]]


def test_an_index_that_is_gone_comes_back_from_the_releases_snapshot(twin):
    away = twin.folder / "away"
    (twin.folder / ".twin" / "index").rename(away)
    assert twin.live() == []
    done = twin.hook()
    assert done.returncode == 0, done.stderr
    assert twin.live() == [twin.release["name"]]


def test_an_index_that_does_not_find_its_documents_is_neither_made_live_nor_replaced(twin):
    refusing = twin.folder / "bin"
    refusing.mkdir()
    (refusing / "twin").write_text(f'#!/bin/sh\n[ "$2" = switch ] && exit 3\nexec {BIN}/twin "$@"\n')
    (refusing / "twin").chmod(0o755)
    done = twin.hook(PATH=f"{refusing}:{os.environ['PATH']}")
    assert done.returncode == 3
    assert "is there already" in done.stderr


def test_a_snapshot_that_cannot_be_had_fails_the_sync(twin):
    done = twin.hook(INDEX="other.c1.000000", SNAPSHOT="file:///nowhere#sha256:" + "0" * 64)
    assert done.returncode != 0
    assert twin.live() == [twin.release["name"]]


INDEX = released()["index"]


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
