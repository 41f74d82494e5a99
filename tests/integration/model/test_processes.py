"""Several processes that train one adapter: started by torchrun, and by nothing of ours."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.model.test_command import at_step, command, start
from twin.model.checkpoints import STEM, last_whole
from twin.model.folder import verify

TORCHRUN = [str(Path(sys.executable).parent / "torchrun"), "--standalone", "--nproc-per-node", "2", "--no-python"]


@pytest.mark.timeout(900)  # each of the three starts loads the libraries three times
def test_two_processes_make_one_adapter_and_make_the_same_after_an_interruption(
    home: Path, tmp_path_factory: pytest.TempPathFactory, bases: Path, dataset: Path
) -> None:
    line, wanted = command(home, dataset, save_steps=1000)
    launcher = start([*TORCHRUN, *line])
    run = at_step(launcher, wanted.runs, 4)  # in the second of epochs of three steps
    launcher.send_signal(signal.SIGTERM)
    out, err = launcher.communicate(timeout=120)
    assert launcher.returncode != 0
    assert out == ""
    assert "run the same command to go on" in err
    assert not wanted.adapters.exists()
    whole = last_whole(run)
    assert whole, err

    made = _done(line)
    assert made["resumed"] == int(whole[0].name.removeprefix(STEM)) < 40
    assert [path.name for path in wanted.adapters.iterdir()] == [Path(made["adapter"]).name]
    assert verify(Path(made["adapter"]))["processes"] == 2

    elsewhere = tmp_path_factory.mktemp("unbroken")
    (elsewhere / ".twin" / "models").mkdir(parents=True)
    (elsewhere / ".twin" / "models" / "base").symlink_to(bases)
    assert _done([*line[:4], str(elsewhere), *line[5:]])["digest"] == made["digest"]


def _done(line: list[str]) -> dict[str, Any]:
    """What one of the processes says, and only that one."""
    launcher = start([*TORCHRUN, *line])
    out, err = launcher.communicate(timeout=400)
    assert launcher.returncode == 0, err
    said: dict[str, Any] = json.loads(out)
    return said
