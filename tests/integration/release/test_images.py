"""`twin release promote --images`: images that were pushed become one commit on staging, in a repository with a remote."""

import json
import subprocess

import pytest

from tests.integration.cli.running import twin
from tests.integration.release.repositories import IDENTITY
from twin.answer.prompt import Prompt
from twin.release.reading import read

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
def clone(tmp_path, monkeypatch):
    """A checkout of staging with a release and images that were just pushed."""
    for key, value in IDENTITY.items():
        monkeypatch.setenv(key, value)
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


def pin(clone, status=0):
    return twin(clone, "release", "promote", "--images", "dist/images.json", status=status)


def on_staging(clone):
    git(clone, "fetch", "--quiet", "origin")
    return git(clone, "show", "origin/staging:release.yaml")


def released(clone, text):
    """Have `text` on staging, and the clone at it."""
    (clone / "release.yaml").write_text(text)
    git(clone, "commit", "--quiet", "-am", "a release, or a rollback")
    git(clone, "push", "--quiet", "origin", "staging")


def test_new_images_are_pinned_by_one_commit_that_changes_nothing_else(clone):
    pin(clone)
    made, before = read(on_staging(clone), "new"), read(release(), "old")
    assert made.images.gateway == TWO.format("gateway")
    assert (made.index, made.prompt, made.report) == (before.index, before.prompt, before.report)
    assert made.id > before.id
    assert git(clone, "show", "--name-only", "--format=", "origin/staging") == "release.yaml"


def test_the_same_images_again_make_no_commit(clone):
    pin(clone)
    before = git(clone, "ls-remote", "origin", "staging")
    assert "already" in pin(clone).stderr
    assert git(clone, "ls-remote", "origin", "staging") == before


def test_code_with_another_prompt_than_was_judged_is_refused(clone):
    other = release(prompt="sha256:" + "9" * 64)
    released(clone, other)
    assert "evaluate with these images" in pin(clone, status=3).stderr
    assert read(on_staging(clone), "old") == read(other, "old")


def test_an_id_of_a_release_that_was_rolled_back_is_not_given_again(clone):
    for text in (release(ONE, id="2099-01-01.7"), release(ONE)):
        released(clone, text)
    pin(clone)
    assert read(on_staging(clone), "new").id == "2099-01-01.8"


def test_a_branch_that_moved_meanwhile_keeps_what_it_has(clone, tmp_path):
    git(tmp_path, "clone", "--quiet", "--branch", "staging", "origin.git", "other")
    (tmp_path / "other/more").write_text("more")
    git(tmp_path / "other", "add", "more")
    git(tmp_path / "other", "commit", "--quiet", "-m", "more")
    git(tmp_path / "other", "push", "--quiet", "origin", "staging")
    assert "moved meanwhile" in pin(clone, status=3).stderr
    assert read(on_staging(clone), "old") == read(release(), "old")


def test_without_a_release_the_images_wait_for_the_first(clone):
    git(clone, "rm", "--quiet", "release.yaml")
    git(clone, "commit", "--quiet", "-m", "none")
    git(clone, "push", "--quiet", "origin", "staging")
    assert "make the first" in pin(clone).stderr
    assert TWO.format("gateway") in (clone / "dist/images.json").read_text()


def test_a_file_that_names_no_images_is_refused_by_its_name(clone):
    (clone / "dist/images.json").write_text('{"gateway": "latest"}')
    said = pin(clone, status=1).stderr
    assert "dist/images.json" in said
    assert read(on_staging(clone), "old") == read(release(), "old")
