"""A bare repository with staging and production, clones of it with work in progress, and releases to put there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from twin.drivers.gitwork import GitWork
from twin.errors import ArtifactError
from twin.records import Artifact
from twin.release.promote import candidate, promote
from twin.release.promotion_ports import Judged
from twin.release.publish import Branches

IDENTITY = {
    "GIT_AUTHOR_NAME": "Cy Committer",
    "GIT_AUTHOR_EMAIL": "cy@example.org",
    "GIT_COMMITTER_NAME": "Cy Committer",
    "GIT_COMMITTER_EMAIL": "cy@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}
TODAY = "2026-11-21"


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", folder, *arguments], env=os.environ | IDENTITY, capture_output=True, text=True, check=False
    )
    assert not done.returncode, f"{arguments}: {done.stderr}"
    return done.stdout.strip()


class Remote:
    """The bare repository, and how it looks from outside."""

    def __init__(self, root: Path) -> None:
        self.root, self.path = root, root / "remote.git"
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=staging", self.path], check=True)
        first = self.clone("first")
        (first / "charts").mkdir()
        (first / "charts" / "values.yaml").write_text("replicas: 1\n")
        (first / "README.md").write_text("A twin.\n")
        git(first, "add", ".")
        git(first, "commit", "--quiet", "-m", "Begin")
        git(first, "push", "--quiet", "origin", "HEAD:staging", "HEAD:production")

    def clone(self, name: str) -> Path:
        subprocess.run(["git", "clone", "--quiet", self.path, self.root / name], check=True, capture_output=True)
        return self.root / name

    def commit(self, branch: str, title: str, **files: str) -> str:
        """Somebody else's commit: `charts__values_yaml="..."`."""
        folder = self.root / f"other-{branch}"
        if not folder.exists():
            self.clone(folder.name)
        git(folder, "fetch", "--quiet")
        git(folder, "checkout", "--quiet", "-B", branch, f"origin/{branch}")
        for name, text in files.items():
            head, _, suffix = name.replace("__", "/").rpartition("_")
            path = folder / f"{head}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", title)
        git(folder, "push", "--quiet", "origin", branch)
        return git(folder, "rev-parse", "HEAD")

    def show(self, branch: str, path: str = "release.yaml") -> str:
        return git(self.path, "show", f"{branch}:{path}") + "\n"

    def tips(self) -> str:
        return git(self.path, "for-each-ref")

    def log(self, branch: str) -> list[str]:
        return git(self.path, "log", "--first-parent", "--format=%s", branch).splitlines()

    def hook(self, name: str, script: str) -> None:
        path = self.path / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


class Kept:
    """A store that has everything but what is in `missing`."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.asked: list[str] = []

    async def check(self, artifact: Artifact) -> None:
        self.asked.append(artifact.uri)
        if artifact.uri in self.missing:
            raise ArtifactError(f"{artifact.uri}: there is no such artifact")


def state(folder: Path) -> tuple[str, ...]:
    """Everything of a clone that a person would notice."""
    index = (folder / ".git" / "index").read_bytes().hex()
    files = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts}
    local = git(folder, "for-each-ref", "refs/heads", "refs/tags", "refs/twin", "refs/stash")
    return git(folder, "symbolic-ref", "HEAD"), local, index, repr(sorted(files.items()))


def pins(letter: str) -> dict:
    """The pins of a whole candidate, told apart by a hexadecimal digit."""
    d = digest(letter)
    return {
        "images": {"gateway": f"registry.test/gateway@{d}", "pipelines": f"registry.test/pipelines@{d}"},
        "index": {"name": "minilm.c1.9f2c41", "documents": d, "chunks": 18231, "snapshot": f"s3://kept/index-{letter}#{d}"},
        "dataset": {"uri": f"s3://kept/dataset-{letter}", "digest": d, "examples": 4120},
        "model": {"base": "org/name", "revision": "main", "adapter": f"s3://kept/adapter-{letter}#{d}", "chatTemplate": d},
        "prompt": {"name": "twin-v3", "digest": d},
    }


def judged(letter: str, over: str = "", **more) -> Judged:
    return Judged(
        **{
            "passed": True,
            "reasons": (),
            "summary": f"Candidate {letter} is better.",
            "digest": digest(letter),
            "candidate": digest(letter),
            "running": digest(over) if over else "",
        }
        | more
    )


def report(letter: str) -> Artifact:
    return Artifact(f"s3://kept/report-{letter}", digest(letter))


async def released(at: Branches, letter: str, over: str = "", **more):
    """Promote candidate `letter` over the running one to staging."""
    said = judged(letter, **({"running": digest(over) if over else ""} | more))
    release, tip = await candidate(at, pins(letter), said, report(letter), today=TODAY)
    return await promote(at, release, tip, said)


def work(folder: Path, **options) -> GitWork:
    return GitWork(folder, **options)
