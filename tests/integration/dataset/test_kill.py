"""A build that is killed anywhere and run again ends in the same state."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twin.digest import folder_files
from twin.drivers.shelf import read_manifest, verify


def dying(folder: Path, fatal: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.integration.dataset.dying", str(folder), str(fatal)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_dataset_is_whole_or_not_there_wherever_its_build_is_killed(folder: Path) -> None:
    dying(folder, 0)
    calls = int(dying(folder, 0).stdout)  # the first time makes a folder more
    wanted = folder_files(folder / "data" / "set")
    assert calls > 25
    for fatal in {*range(1, calls + 1, 3), calls - 2, calls - 1, calls}:
        assert dying(folder, fatal).returncode == -9, fatal
        stands = folder / "data" / "set"
        if stands.exists():  # the former one, or the new one: never a part
            verify(stands, read_manifest(stands))
        again = dying(folder, 0)
        assert again.returncode == 0, again.stderr
        assert folder_files(stands) == wanted
        assert {path.name for path in (folder / "data").iterdir()} == {"set"}
