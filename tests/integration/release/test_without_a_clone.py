"""Steps on other machines than the one that made what they take: pins instead of folders, an address instead of a clone."""

from __future__ import annotations

import json

import pytest

from tests.integration.cli.running import told, twin
from tests.integration.release.making import dataset
from tests.integration.release.repositories import digest
from tests.integration.release.test_promote_commands import INDEX, THRESHOLDS, adapter, reported
from twin.drivers.artifacts import Artifacts
from twin.model.folder import UNSEALED
from twin.release.reading import read

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder that is no clone and holds nothing but what a ConfigMap would."""
    for key, value in IDENTITY.items():
        monkeypatch.setenv(key, value)
    made = tmp_path / "elsewhere"
    made.mkdir()
    (made / "thresholds.yaml").write_text(THRESHOLDS)
    return made


async def test_what_was_kept_is_judged_and_released_where_nothing_of_it_lies(tmp_path, remote, store, elsewhere):
    made = tmp_path / "made"
    digest_of = adapter(made / "adapter", "one")
    data = json.loads((dataset(made / "dataset") / "manifest.json").read_text())["digest"]
    kept = Artifacts(str(store))
    pins = {
        "adapter": await kept.put(made / "adapter", beside=UNSEALED),
        "dataset": await kept.put(made / "dataset", beside=("manifest.json",)),
        "report": await kept.put(reported(made, digest_of, data=data)),
    }
    index = {**INDEX, "snapshot": str(await kept.put(made / "adapter"))}
    (elsewhere / "index.json").write_text(json.dumps(index))
    there = {"TWIN_ARTIFACTS_URL": str(store)}

    assert told(elsewhere, "release", "gate", str(pins["report"]), **there)["verdict"] == "pass"
    asked = ("--adapter", str(pins["adapter"]), "--dataset", str(pins["dataset"]), "--index", "index.json")
    twin(elsewhere, "release", "promote", str(pins["report"]), *asked, "--remote", str(remote.path), **there)
    released = read(remote.show("staging"), "release.yaml")
    assert released.model.adapter == str(pins["adapter"])
    assert told(elsewhere, "release", "diff", "staging", "staging", "--remote", f"file://{remote.path}") == []
    assert told(elsewhere, "dataset", "show", str(pins["dataset"]), **there)["manifest"]["digest"] == data


async def test_a_report_that_was_fetched_can_be_judged_again_and_again(tmp_path, store, elsewhere):
    made = tmp_path / "made"
    report = await Artifacts(str(store)).put(reported(made, digest("a"), data=digest("d")))
    for _ in range(2):
        twin(elsewhere, "release", "gate", str(report), TWIN_ARTIFACTS_URL=str(store))


async def test_a_pin_that_is_not_what_it_says_stops_every_consumer(tmp_path, store, elsewhere):
    kept = await Artifacts(str(store)).put(dataset(tmp_path / "dataset"), beside=("manifest.json",))
    other = f"{kept.uri}#{digest('0')}"
    recipe = elsewhere / "tiny.yaml"
    recipe.write_text(
        "name: tiny\nbase: {name: tiny, precision: float32, make: {vocabulary: 1024, hidden: 128, layers: 2, heads: 2, positions: 256, steps: 1}}\nseed: 1\n"
    )
    for command in (
        ("dataset", "show", other),
        ("model", "train", "--recipe", "tiny.yaml", "--dataset", other),
        ("model", "card", other),
        ("release", "gate", other),
        ("release", "evaluate", "--candidate", f"one={digest('a')}", "--base", f"base={digest('b')}", "--dataset", other),
    ):
        said = twin(elsewhere, *command, status=1, TWIN_ARTIFACTS_URL=str(store)).stderr
        assert digest("0") in said, command


def test_a_field_of_a_result_goes_to_a_file_as_a_workflow_takes_it(tmp_path):
    (tmp_path / "sources.yaml").write_text(
        "author: {id: ada, name: Ada}\nsources:\n  - {kind: files, name: notes, path: notes/}\n  - {kind: files, name: more, path: m/}\n"
    )
    twin(tmp_path, "--write", ".=out/names", "documents", "sources")
    assert json.loads((tmp_path / "out" / "names").read_text()) == ["notes", "more"]
    twin(tmp_path, "--write", "name=one", "--write", "scopes=all", "keys", "create", "--name", "chat")
    assert ((tmp_path / "one").read_text(), (tmp_path / "all").read_text()) == ("chat", '["ask"]')
    assert (
        "there is no field 'pin'; the fields here are"
        in twin(tmp_path, "--write", "pin=one", "keys", "create", "--name", "chat", status=2).stderr
    )
    assert "write FIELD=FILE" in twin(tmp_path, "--write", "pin", "keys", "list", status=2).stderr
    assert "cannot be written" in twin(tmp_path, "--write", ".=/proc/none", "keys", "list", status=2).stderr


def test_keys_may_lie_in_a_file_that_is_mounted(tmp_path):
    (tmp_path / "sources.yaml").write_text("author: {id: ada, name: Ada}\nsources: []\n")
    made = told(tmp_path, "keys", "create", "--name", "chat")
    (tmp_path / ".twin" / "keys.json").rename(tmp_path / "mounted.json")
    assert told(tmp_path, "keys", "list") == []
    assert [one["id"] for one in told(tmp_path, "keys", "list", TWIN_KEYS_FILE="mounted.json")] == [made["id"]]
