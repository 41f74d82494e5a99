"""No source, and two thousand: what the first step says of them, and what Argo and Kubeflow have to hold of such a run."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from tests.integration.cli.running import twin
from workflows.steps import SOURCES, SYNC

MOST_OF_AN_OBJECT = 1 << 20  # bytes that Argo allows a run's compressed nodes, below what etcd takes


@pytest.fixture
def many(tmp_path):
    """A twin of two thousand sources."""
    names = [f"source-{n:04}-of-the-author" for n in range(2000)]
    (tmp_path / "notes" / names[1234]).mkdir(parents=True)
    (tmp_path / "notes" / names[1234] / "a.md").write_text("# A\n\nThe lantern is mended every spring.\n")
    entries = "".join(f"  - {{kind: files, path: notes/{name}/, name: {name}}}\n" for name in names)
    (tmp_path / "sources.yaml").write_text(f"author: {{id: ada, name: Ada}}\nsources:\n{entries}")
    return tmp_path, names


def words(step, file, **inputs):
    return step.filled(inputs, dict.fromkeys(step.gives, file))


def test_without_a_source_the_first_step_says_so_and_hands_on_nothing(tmp_path):
    (tmp_path / "sources.yaml").write_text("author: {id: ada, name: Ada}\nsources: []\n")
    said = twin(tmp_path, *words(SOURCES, "names", source=""), status=2)  # a wrong word: never tried again
    assert "sources.yaml:2: sources: is empty; name at least one" in said.stderr
    assert not (tmp_path / "names").exists()


def test_two_thousand_sources_are_handed_on_by_name_and_read_one_at_a_time(many):
    folder, names = many
    twin(folder, *words(SOURCES, "names", source=""))
    handed = (folder / "names").read_text()
    assert json.loads(handed) == names
    assert len(handed) < 128 * 1024  # also as one argument of Kubeflow's launcher
    twin(folder, *words(SYNC, "", name=names[1234], **{"mass-delete": "refuse"}))
    twin(folder, *words(SOURCES, "one", source=names[7]))
    assert json.loads((folder / "one").read_text()) == [names[7]]


def test_the_nodes_of_a_run_of_two_thousand_sources_fit_into_one_object(many):
    """As Argo keeps them: a node for the step and one for its attempt, compressed."""
    _, names = many
    nodes = {}
    for n, name in enumerate(names):
        for attempt, kind in (("", "Retry"), ("(0)", "Pod")):
            key = f"etl-x1abc-{hash((n, attempt)) % 10**10:010}"
            nodes[key] = {
                "id": key,
                "name": f"etl-x1abc.every-source.sync({n}:{name}){attempt}",
                "displayName": f"sync({n}:{name}){attempt}",
                "type": kind,
                "templateName": "sync",
                "templateScope": "local/etl",
                "phase": "Failed",
                "boundaryID": "etl-x1abc-1234567890",
                "startedAt": f"2026-11-28T{n // 360 % 24:02}:{n // 6 % 60:02}:{n % 6 * 10:02}Z",
                "finishedAt": f"2026-11-28T{n // 360 % 24:02}:{n // 6 % 60:02}:{n % 6 * 10 + 7:02}Z",
                "progress": "0/1",
                "resourcesDuration": {"cpu": n % 97, "memory": n * 31 % 1009},
                "inputs": {"parameters": [{"name": "name", "value": name}, {"name": "mass-delete", "value": "refuse"}]},
                "outputs": {"exitCode": "1"},
                "message": f"main: Error (exit code 1): {name} cannot be listed",
                "hostNodeName": f"ip-10-0-{n % 7}-{n % 251}.eu-central-1.compute.internal",
                "children": [f"etl-x1abc-{hash((n, kind)) % 10**10:010}"],
                "nodeFlag": {"retried": True},
            }
    packed = base64.b64encode(gzip.compress(json.dumps(nodes).encode()))
    assert len(json.dumps(nodes)) > MOST_OF_AN_OBJECT  # so it matters that Argo compresses
    assert len(packed) < MOST_OF_AN_OBJECT / 2
