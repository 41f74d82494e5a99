"""What makes images says in one line what it lacks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("command", "path", "said"),
    [
        ("build", "/nowhere", "docker is not on PATH"),
        ("push", None, "REGISTRY is not set"),
        ("scan", "/nowhere", "aws is not on PATH"),
        ("sign", None, "no identity to sign with"),
        ("verify", None, "SIGNER is not set"),
    ],
)
def test_a_missing_thing_is_named_in_one_line(tmp_path, command, path, said):
    ours = {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "PATH": path or os.environ["PATH"]}
    line = [sys.executable, "-m", "tools.images", command]
    done = subprocess.run(line, cwd=tmp_path, env=ours, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_scan_without_images_says_what_to_do_first(tmp_path):
    (tmp_path / "aws").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "aws").chmod(0o755)
    ours = {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    line = [sys.executable, "-m", "tools.images", "scan"]
    done = subprocess.run(line, cwd=tmp_path, env=ours, capture_output=True, text=True, check=False)
    assert "`make push` first" in done.stderr
