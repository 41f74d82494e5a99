"""Images that were pushed become one commit on staging, in a repository with a remote."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from twin.answer.prompt import Prompt
from twin.release.reading import read

ROOT = Path(__file__).parents[3]
ONE, TWO = (f"1.dkr.ecr.eu-central-1.amazonaws.com/llm-twin/{{}}@sha256:{digit * 64}" for digit in "12")


def git(where, *arguments):
    named = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    return subprocess.run(["git", *named, *arguments], cwd=where, check=True, capture_output=True, text=True).stdout.strip()


def release(images=ONE, prompt=None, id="2026-11-20.1"):
    digest = "sha256:" + "0" * 64
    return (
        f"release:\n  id: {id}\n  images:\n    gateway: {images.format('gateway')}\n    pipelines: {images.format('pipelines')}\n"
        f"  index:\n    name: one\n    documents: {digest}\n    chunks: 3\n    snapshot: s3://b/a#{digest}\n"
        f"  prompt:\n    name: twin\n    digest: {prompt or Prompt().digest}\n  report:\n    uri: s3://b/r\n    digest: {digest}\n    verdict: pass\n"
    )


@pytest.fixture
def clone(tmp_path):
    """A checkout of staging with a release and images that were just pushed."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=staging", "origin.git")
    git(tmp_path, "clone", "--quiet", "origin.git", "clone")
    made = tmp_path / "clone"
    git(made, "checkout", "--quiet", "-B", "staging")
    (made / "release.yaml").write_text(release())
    git(made, "add", "release.yaml")
    git(made, "commit", "--quiet", "-m", "one")
    git(made, "push", "--quiet", "origin", "staging")
    (made / "dist").mkdir()
    (made / "dist/images.json").write_text(json.dumps({name: TWO.format(name) for name in ("gateway", "pipelines")}))
    return made


def pin(clone):
    ours = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-m", "tools.pin"], cwd=clone, env=ours, capture_output=True, text=True, check=False)


def on_staging(clone):
    git(clone, "fetch", "--quiet", "origin")
    return git(clone, "show", "origin/staging:release.yaml")


def test_new_images_are_pinned_by_one_commit_that_changes_nothing_else(clone):
    done = pin(clone)
    assert done.returncode == 0, done.stderr
    made, before = read(on_staging(clone), "new"), read(release(), "old")
    assert made.images.gateway == TWO.format("gateway")
    assert (made.index, made.prompt, made.report) == (before.index, before.prompt, before.report)
    assert made.id > before.id
    assert git(clone, "show", "--name-only", "--format=", "origin/staging") == "release.yaml"


def test_the_same_images_again_make_no_commit(clone):
    pin(clone)
    before = git(clone, "rev-parse", "HEAD")
    assert "already" in pin(clone).stdout
    assert git(clone, "rev-parse", "HEAD") == before


def test_code_with_another_prompt_than_was_judged_is_refused(clone):
    (clone / "release.yaml").write_text(release(prompt="sha256:" + "9" * 64))
    done = pin(clone)
    assert done.returncode == 3
    assert "evaluate with these images" in done.stderr
    assert read(on_staging(clone), "old") == read(release(), "old")


def test_an_id_of_a_release_that_was_rolled_back_is_not_given_again(clone):
    for text in (release(ONE, id="2099-01-01.7"), release(ONE)):
        (clone / "release.yaml").write_text(text)
        git(clone, "commit", "--quiet", "-am", "a release, and its rollback")
    pin(clone)
    assert read((clone / "release.yaml").read_text(), "new").id == "2099-01-01.8"


def test_a_branch_that_moved_meanwhile_keeps_what_it_has(clone, tmp_path):
    git(tmp_path, "clone", "--quiet", "--branch", "staging", "origin.git", "other")
    (tmp_path / "other/more").write_text("more")
    git(tmp_path / "other", "add", "more")
    git(tmp_path / "other", "commit", "--quiet", "-m", "more")
    git(tmp_path / "other", "push", "--quiet", "origin", "staging")
    done = pin(clone)
    assert done.returncode == 1
    assert "moved meanwhile" in done.stderr
    assert read(on_staging(clone), "old") == read(release(), "old")


def test_without_a_release_the_images_wait_for_the_first(clone):
    (clone / "release.yaml").unlink()
    done = pin(clone)
    assert done.returncode == 0
    assert "make the first" in done.stdout
    assert TWO.format("gateway") in (clone / "dist/images.yaml").read_text()
