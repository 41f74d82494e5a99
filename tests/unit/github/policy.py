"""A workflow file -> what is wrong with it by our rules; empty for one that keeps them all."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

WRITES = {("release.yaml", "images", "contents")}  # who may write what: a job that pins images, release.yaml
UNTRUSTED = re.compile(r"\$\{\{[^}]*(github\.event|github\.head_ref|github\.ref_name|inputs\.)")
PINNED = re.compile(r"^\s*(?:- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$")


def mistakes(file: str, text: str, targets: set[str]) -> list[str]:
    """Every rule that `file` breaks. `targets` are those of the Makefile."""
    said = yaml.load(text, Loader=yaml.BaseLoader)
    return [
        *_whole(said),
        *_lines(text),
        *(one for name, job in said["jobs"].items() for one in _job(file, said, name, job, targets)),
    ]


def _whole(said: dict) -> Iterator[str]:
    if said.get("permissions") != {"contents": "read"}:
        yield "top-level permissions are not contents: read alone"
    if not said.get("concurrency", {}).get("group"):
        yield "no concurrency group"
    if "pull_request_target" in said["on"] or "workflow_run" in said["on"]:
        yield "runs a stranger's code with our rights"
    if "push" in said["on"] and "release.yaml" not in said["on"]["push"].get("paths-ignore", []):
        yield "a release starts itself"


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if re.match(r"^\s*(- )?uses:", line) and not PINNED.match(line):
            yield f"not pinned by commit with its version: {line.strip()}"


def _job(file: str, said: dict, name: str, job: dict, targets: set[str]) -> Iterator[str]:
    if not job.get("timeout-minutes"):
        yield f"{name}: no timeout"
    for what, right in job.get("permissions", {}).items():
        if right == "write" and what != "id-token" and (file, name, what) not in WRITES:
            yield f"{name}: may write {what}"
    if "pull_request" in said["on"]:
        if "secrets." in str(job):
            yield f"{name}: a request from a fork would see secrets"
        if "id-token" in job.get("permissions", {}):
            yield f"{name}: a request gets an identity"
    for step in job["steps"]:
        yield from (f"{name}: {one}" for one in _step(step, targets))
        kept = "actions/checkout" in step.get("uses", "") and step.get("with", {}).get("persist-credentials") != "false"
        if kept and (file, name, "contents") not in WRITES:
            yield f"{name}: leaves the token in the checkout"


def _step(step: dict, targets: set[str]) -> Iterator[str]:
    run = step.get("run", "")
    if UNTRUSTED.search(run):
        yield f"text of a stranger is run: {run}"
    if step.get("continue-on-error"):
        yield "goes on after a failure"
    if run and not re.fullmatch(r"make [a-z-]+", run):
        yield f"not a target that also runs locally: {run}"
    elif run and run.removeprefix("make ") not in targets:
        yield f"no such target: {run}"


def order(text: str) -> list[str]:
    """The targets of a file, as they are run."""
    return re.findall(r"run: make ([a-z-]+)", text)
