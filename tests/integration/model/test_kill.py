"""Trainings that are killed without notice, and run again: preferences in an epoch, and an adapter while it is published."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.model.small import plan
from tests.integration.model.test_command import at_step, command, start
from tests.integration.model.test_training import Stop
from twin.model.checkpoints import STEM, last_whole
from twin.model.folder import verify
from twin.model.plan import Plan, Trained
from twin.model.train import train

CHANGES = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "shutil.copyfile")


def done(made: Trained | None) -> Trained:
    assert made is not None
    return made


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, bases: Path, dataset: Path) -> Trained:
    return done(train(plan(tmp_path_factory.mktemp("unbroken"), dataset, bases=bases)))


def test_sigkill_while_preferences_are_learned_loses_at_most_what_was_not_saved(
    home: Path, tmp_path_factory: pytest.TempPathFactory, dataset: Path, unbroken: Trained
) -> None:
    line, wanted = command(home, dataset, save_steps=4, stage="dpo", parent=unbroken.adapter)
    process = start(line)
    run = at_step(process, wanted.runs, 11)
    process.kill()
    process.communicate(timeout=60)
    assert not wanted.adapters.exists()
    whole = last_whole(run)
    assert whole
    resumed = done(train(wanted))
    assert resumed.resumed == int(whole[0].name.removeprefix(STEM)) >= 8
    elsewhere = plan(
        tmp_path_factory.mktemp("elsewhere"),
        dataset,
        bases=wanted.bases,
        recipe=wanted.recipe,
        stage="dpo",
        parent=wanted.parent,
    )
    assert resumed.record["digest"] == done(train(elsewhere)).record["digest"]


def test_an_adapter_is_whole_or_not_there_wherever_its_publication_is_killed(
    tmp_path: Path, bases: Path, dataset: Path, unbroken: Trained
) -> None:
    wanted, stop = plan(tmp_path / "home", dataset, bases=bases), Stop(11)
    assert train(wanted, stop, [stop]) is None  # all steps are made; what is left is to measure and to publish
    counted = plan(tmp_path / "counted", dataset, bases=bases)
    shutil.copytree(tmp_path / "home", tmp_path / "counted")
    status, changes = forked(counted, tmp_path, lambda _: False)
    assert status == 0
    assert changes > 60

    killed = 0
    for fatal in range(1, changes + 1, 3):
        status, _ = forked(wanted, tmp_path, fatal.__eq__)
        killed += os.WIFSIGNALED(status)
        for stands in wanted.adapters.glob("[!.]*"):
            assert verify(stands)["digest"] == unbroken.record["digest"]
    assert killed > 10
    made = done(train(wanted))
    assert made.record["digest"] == unbroken.record["digest"]
    assert [path.name for path in wanted.adapters.iterdir()] == [made.adapter.name], "nothing is left of what was killed"
    assert not list(next(wanted.runs.iterdir()).glob("*adapter*"))


def test_a_part_of_an_adapter_that_was_being_moved_is_made_anew(
    tmp_path: Path, bases: Path, dataset: Path, unbroken: Trained
) -> None:
    wanted, stop = plan(tmp_path, dataset, bases=bases), Stop(11)
    assert train(wanted, stop, [stop]) is None
    left = next(wanted.runs.iterdir()) / "adapter"
    left.mkdir()
    (left / "adapter_config.json").write_text("{}")
    assert done(train(wanted)).record["digest"] == unbroken.record["digest"]


def forked(wanted: Plan, folder: Path, fatal: Callable[[int], bool]) -> tuple[int, int]:
    """The training in a process that kills itself before a fatal change on the disk, counted from where it publishes: how
    it ended, and how many changes it made.
    """
    pid = os.fork()
    if not pid:
        seen: list[str] = []

        def count(event: str, arguments: tuple[Any, ...]) -> None:
            if event in CHANGES and (seen or (event == "os.mkdir" and ".adapter." in str(arguments[0]))):
                reads = event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR))
                if not reads:
                    seen.append(event)
                    if fatal(len(seen)):
                        os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            train(wanted)
            changes = len(seen)
            (folder / "changes").write_text(str(changes))
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1], int((folder / "changes").read_text()) if (folder / "changes").exists() else 0
