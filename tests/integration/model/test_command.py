"""`twin model` as a process: its output, its exit status, and what signals do to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from tests.integration.model.small import RECIPE, plan
from twin.cli.app import app
from twin.model.checkpoints import STEM, last_whole
from twin.model.plan import Plan
from twin.model.recipe import Stage
from twin.model.train import train

MAIN = "from twin.cli import main; main()"


def command(
    home: Path, dataset: Path, *, save_steps: int, stage: Stage = "sft", parent: Path | None = None
) -> tuple[list[str], Plan]:
    """A `twin model train` of 40 steps below `home`, and the same as a plan."""
    from twin.model.recipes import read_recipe

    file = home / "small.yaml"
    longer = {**RECIPE[stage], "max_steps": 40, "save_steps": save_steps}
    file.write_text(yaml.safe_dump({**RECIPE, stage: longer}), encoding="utf-8")
    arguments = ["model", "train", "--recipe", str(file), "--dataset", str(dataset), "--stage", stage, "-o", "json"]
    twin = home / ".twin"
    return [sys.executable, "-c", MAIN, "-C", str(home), *arguments, *(["--adapter", str(parent)] if parent else [])], Plan(
        recipe=read_recipe(file),
        stage=stage,
        parent=parent,
        dataset=dataset,
        bases=twin / "models" / "base",
        runs=twin / "runs",
        adapters=twin / "adapters",
    )


def start(line: list[str]) -> subprocess.Popen[str]:
    environ = {**{k: v for k, v in os.environ.items() if not k.startswith("TWIN_")}, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(line, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def at_step(process: subprocess.Popen[str], runs: Path, step: int) -> Path:
    """The run's folder once that many steps were made; the file of readings is what a person would watch, too."""
    while process.poll() is None:
        for file in runs.glob("*/training.jsonl"):
            if len(file.read_text(encoding="utf-8").splitlines()) >= step:
                return file.parent
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError(process.communicate()[1])


def test_sigterm_leaves_a_checkpoint_and_143_and_the_same_command_goes_on(
    home: Path, tmp_path_factory: pytest.TempPathFactory, dataset: Path
) -> None:
    line, wanted = command(home, dataset, save_steps=1000)
    process = start(line)
    run = at_step(process, wanted.runs, 3)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert "run the same command to go on" in err
    assert out == ""
    assert last_whole(run)

    second = CliRunner().invoke(app, line[3:], catch_exceptions=False)  # the same command, without loading the libraries anew
    assert second.exit_code == 0, second.stderr
    made = json.loads(second.stdout)
    assert 3 <= made["resumed"] < 40
    assert made["digest"] == _unbroken(wanted, tmp_path_factory.mktemp("unbroken"))


def test_sigkill_in_an_epoch_loses_at_most_what_was_not_saved(
    home: Path, tmp_path_factory: pytest.TempPathFactory, dataset: Path
) -> None:
    line, wanted = command(home, dataset, save_steps=4)
    process = start(line)
    run = at_step(process, wanted.runs, 11)
    process.kill()
    process.communicate(timeout=60)
    assert not wanted.adapters.exists()
    whole = last_whole(run)
    assert whole
    resumed = train(wanted)
    assert resumed
    assert resumed.resumed == int(whole[0].name.removeprefix(STEM)) >= 8
    assert resumed.record["digest"] == _unbroken(wanted, tmp_path_factory.mktemp("unbroken"))


def _unbroken(wanted: Plan, elsewhere: Path) -> str:
    made = train(plan(elsewhere, wanted.dataset, bases=wanted.bases, recipe=wanted.recipe))
    assert made
    return str(made.record["digest"])
