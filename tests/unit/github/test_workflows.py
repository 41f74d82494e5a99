"""The workflows of .github/ keep the rules, and each rule is seen to catch its mistake."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.unit.github.policy import mistakes, order
from tools.build import binary

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / ".github/workflows").glob("*.y*ml"))
LATER = {"cluster-test"}  # of the next stage of this platform
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)) | LATER
SHA = "08c6903cd8c0fde910a37f88322edcfb5dd907a8"


@pytest.mark.timeout(300)
def test_actionlint_finds_nothing():
    done = subprocess.run([binary("actionlint"), *map(str, FILES)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_workflow_keeps_the_rules(file):
    assert mistakes(file.name, file.read_text(), TARGETS) == []


def test_a_request_is_checked_in_the_order_of_ci_stopping_at_the_first_failure():
    text = (ROOT / ".github/workflows/pull-request.yaml").read_text()
    assert len(yaml.safe_load(text)["jobs"]) == 1  # steps of one job: what follows a failure does not run
    assert order(text) == [
        "secrets",
        "lint",
        "format",
        "types",
        "fresh",
        "licences",
        "test",
        "charts-test",
        "infra-test",
        "release-check",
    ]


def test_a_request_runs_all_that_ci_runs():
    ci = set(re.findall(r"^(?:step|exec make --no-print-directory) ([a-z-]+)", (ROOT / ".ci/run").read_text(), re.MULTILINE))
    assert ci <= set(order((ROOT / ".github/workflows/pull-request.yaml").read_text()))


def test_an_image_is_described_scanned_and_signed_before_it_is_pinned():
    text = (ROOT / ".github/workflows/release.yaml").read_text()
    assert order(text)[:7] == ["images", "sbom", "push", "scan", "sign", "pin", "release-notes"]


MISTAKES = [
    ("pull-request.yaml", "permissions:\n  contents: read\n", "", "top-level permissions"),
    ("pull-request.yaml", "permissions:\n  contents: read\n", "permissions: write-all\n", "top-level permissions"),
    ("pull-request.yaml", "  pull_request:", "  pull_request_target:", "a stranger's code"),
    ("pull-request.yaml", f"actions/checkout@{SHA} # v5.0.0", "actions/checkout@v5", "not pinned"),
    ("pull-request.yaml", f"{SHA} # v5.0.0", SHA, "not pinned"),
    ("pull-request.yaml", "    timeout-minutes: 90\n", "", "no timeout"),
    ("pull-request.yaml", "  group: pull-request-${{ github.ref }}\n", "", "no concurrency group"),
    ("pull-request.yaml", "persist-credentials: false", "persist-credentials: true", "leaves the token"),
    ("pull-request.yaml", "run: make lint", "run: echo ${{ github.event.pull_request.title }}", "text of a stranger"),
    ("pull-request.yaml", "run: make lint", "run: make nothing-like-it", "no such target"),
    ("pull-request.yaml", "run: make lint", "run: ruff check .", "not a target"),
    ("pull-request.yaml", "run: make lint", "run: make lint\n        continue-on-error: true", "after a failure"),
    ("pull-request.yaml", "run: make lint", "run: make lint\n        env: {KEY: '${{ secrets.KEY }}'}", "would see secrets"),
    ("pull-request.yaml", "    timeout-minutes: 90\n", "    timeout-minutes: 90\n    permissions: {id-token: write}\n", "gets an identity"),
    ("release.yaml", "    paths-ignore: [release.yaml]\n", "", "starts itself"),
    ("release.yaml", "      contents: read\n      id-token", "      contents: write\n      id-token", "may write contents"),
    ("nightly.yaml", "      contents: read\n      id-token", "      packages: write\n      id-token", "may write packages"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "right", "wrong", "said"), MISTAKES)
def test_each_mistake_is_caught(name, right, wrong, said):
    text = (ROOT / ".github/workflows" / name).read_text()
    assert right in text
    assert any(said in one for one in mistakes(name, text.replace(right, wrong, 1), TARGETS))


def test_dependabot_watches_every_kind_of_dependency():
    said = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())
    kinds = {one["package-ecosystem"] for one in said["updates"]}
    assert kinds == {"uv", "github-actions", "docker", "helm", "gomod", "terraform"}
