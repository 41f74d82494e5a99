"""The steps of a training as workflows declare them, each in a home of its own: only pins go from one to the next."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.integration.loop.conftest import Walk
from workflows.steps import DATASET, DPO, EVALUATE, GATE, PROMOTE, SFT, SNAPSHOT, Step

pytestmark = pytest.mark.timeout(900)
STORES = {"dataset", "snapshot", "evaluate"}  # which read the documents and the index, in a cluster those of servers


class Pods:
    """Runs steps as a workflow's pods: inputs as text, outputs from files, and a home that holds nothing but a hub's base."""

    def __init__(self, walk: Walk, folder: Path) -> None:
        self.walk, self.folder, self.ended = walk, folder, 0

    def run(self, step: Step, **inputs: str) -> dict[str, str]:
        """What `step` gives."""
        self.ended += 1
        out, home = self.folder / f"out-{self.ended}", self.folder / f"home-{self.ended}"
        base = self.walk.loop.work / ".twin" / "models"
        shutil.copytree(base, home / "models")
        if step.name not in STORES:
            self.walk.loop.settings["TWIN_HOME"] = str(home)
        try:
            self.walk.loop.twin(*step.filled(inputs, {name: out / name for name in step.gives}))
        finally:
            self.walk.loop.settings.pop("TWIN_HOME", None)
        return {name: (out / name).read_text() for name in step.gives}


@pytest.fixture
def pods(walk: Walk, tmp_path: Path) -> Iterator[Pods]:
    walk.loop.pull()
    shared = {
        "TWIN_ARTIFACTS_URL": str(walk.loop.work / ".twin" / "artifacts"),
        "TWIN_ADAPTERS_FOLDER": str(tmp_path / "adapters"),
    }
    walk.loop.settings |= shared
    recipe = yaml.safe_load((walk.loop.work / walk.recipe("recipe", 200)).read_text())
    recipe["dpo"] |= {"max_steps": 8, "save_steps": 8, "learning_rate": 1e-6}
    (walk.loop.work / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    rules = walk.loop.work / "thresholds.yaml"
    asked = rules.read_text()
    # A tenth of so small a corpus is held out, and whether a gain is large enough is not what is looked at here.
    rules.write_text(asked.replace("questions: 60", "questions: 30").replace("largest_loss: 0.02", "largest_loss: 0.5"))
    yield Pods(walk, tmp_path)
    rules.write_text(asked)
    for key in shared:
        walk.loop.settings.pop(key)


def test_a_training_releases_what_it_made_though_its_steps_share_nothing_but_pins(walk: Walk, pods: Pods) -> None:
    before = walk.staging()
    dataset = pods.run(DATASET, generator="structural", seed="0")
    assert int(dataset["examples"]) > 0
    data = {"dataset": dataset["dataset"]}
    sft = pods.run(SFT, **data)
    assert json.loads(sft["metrics"])["eval_loss"] > 0
    adapter = {"adapter": pods.run(DPO, **data, adapter=sft["adapter"])["adapter"]}
    index = pods.run(SNAPSHOT)
    report = {"report": pods.run(EVALUATE, **data, **adapter, questions="64")["report"]}
    assert pods.run(GATE, **report) == {}
    released = pods.run(PROMOTE, **report, **data, **adapter, index=index["index"])["release"]

    assert walk.staging() != before
    walk.loop.pull()
    pins = yaml.safe_load((walk.loop.work / "release.yaml").read_text())["release"]
    assert pins["id"] == released
    assert pins["model"]["adapter"] == adapter["adapter"]
    assert pins["dataset"]["uri"] == dataset["dataset"].partition("#")[0]
    assert pins["index"]["snapshot"] == json.loads(index["index"])["snapshot"]


def test_the_sidecar_has_a_model_server_that_lost_everything_serve_the_release_again(walk: Walk, pods: Pods) -> None:
    walk.server.stop()
    walk.loop.twin("model", "follow", "--once", status=1)
    ready = Path(walk.loop.settings["TWIN_ADAPTERS_FOLDER"]) / "ready"
    assert not ready.exists()
    walk.server.start()
    walk.server.ready()
    walk.loop.twin("model", "follow", "--once")
    assert ready.exists()
    pins = yaml.safe_load((walk.loop.work / "release.yaml").read_text())["release"]
    with urllib.request.urlopen(f"{walk.server.url}/models") as listed:
        names = {one["id"] for one in json.load(listed)["data"]}
    assert f"adapter-{pins['model']['adapter'].rpartition('sha256:')[2][:12]}" in names
