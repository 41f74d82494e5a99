"""Killed at any point: no artifact is half there, and the next run completes it."""

import subprocess
import sys

import pytest

from twin.digest import folder_files
from twin.drivers.artifacts import Artifacts


@pytest.mark.parametrize("after", [0, 1, 5, 11])
async def test_a_put_that_was_killed_leaves_no_artifact_and_is_completed(tmp_path, folder, after, small_pieces):
    kept = tmp_path / "kept"
    command = [sys.executable, "-m", "tests.integration.artifacts.putting", str(kept), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for _ in range(after):
        assert process.stdout.readline().startswith("blobs/")
    process.kill()
    process.communicate()
    assert not list(kept.glob("artifacts/*.json"))
    artifact = await Artifacts(str(kept)).put(folder)
    assert folder_files(await Artifacts(str(kept)).get(artifact, tmp_path / "out")) == folder_files(folder)
