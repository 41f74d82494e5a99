"""A training whose node goes: the pod that takes over has a home of its own, and of the former one nothing but the runs' volume."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from tests.integration.model.small import plan
from tests.integration.model.test_command import at_step, command, start
from twin.model.checkpoints import last_whole
from twin.model.train import train


def test_a_pod_goes_on_from_the_runs_of_the_one_whose_node_went(home: Path, tmp_path: Path, bases: Path, dataset: Path) -> None:
    line, before = command(home, dataset, save_steps=1000)
    process = start(line)
    run = at_step(process, before.runs, 3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143  # which Argo tries again
    assert last_whole(run)

    pod = tmp_path / "pod"
    shutil.copytree(bases, pod / "hub")  # fetched anew, as is the dataset
    shutil.copytree(dataset, pod / "datasets" / "fetched")
    shutil.move(before.runs, pod / "runs")
    resumed = train(plan(pod, pod / "datasets" / "fetched", bases=pod / "hub", runs=pod / "runs", recipe=before.recipe))
    assert resumed is not None
    assert resumed.resumed >= 3

    unbroken = train(plan(tmp_path / "unbroken", dataset, bases=bases, recipe=before.recipe))
    assert unbroken is not None
    assert resumed.record["digest"] == unbroken.record["digest"]
