"""What is rendered for Argo, held to Argo's own linter, and its expressions, evaluated as the controller does it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tools.build import binary
from workflows.argo import FAILURES, TRANSIENT
from workflows.render import argo
from workflows.told import told


@pytest.fixture(scope="module")
def tool() -> str:
    return str(binary("argo-lint"))


@pytest.fixture
def rendered(tmp_path) -> list[Path]:
    """All files, and where they lie: one refers to another."""
    made = []
    for path, text in argo().items():
        made.append(tmp_path / Path(path).name)
        made[-1].write_text(text)
    return made


def lint(tool: str, files: list[Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tool, *map(str, files)], capture_output=True, text=True, check=False)


def test_argos_linter_finds_nothing(tool, rendered):
    done = lint(tool, rendered)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("etl.yaml", "{{inputs.parameters.names}}", "{{inputs.parameters.name}}"),
        ("training.yaml", "depends: sft", "depends: stf"),
        ("etl.cron.yaml", "name: etl\n", "name: elt\n"),
        ("snapshot.yaml", "activeDeadlineSeconds", "activeDeadlineSecond"),
    ],
)
def test_argos_linter_finds_what_is_wrong(tool, rendered, file, old, new):
    (wrong,) = [path for path in rendered if path.name == file]
    text = wrong.read_text()
    assert old in text
    wrong.write_text(text.replace(old, new))
    assert lint(tool, rendered).returncode != 0


@pytest.mark.parametrize(
    ("status", "code", "message", "again"),
    [
        ("Error", "-1", "pod deleted", True),  # the node went
        ("Error", "-1", "init: Error (exit code 64)", True),
        ("Failed", "-1", "The node was low on resource: memory.", True),  # evicted, nothing left of its containers
        ("Failed", "143", "main: Error (exit code 143)", True),  # spot: terminated
        ("Failed", "137", "Pod was terminated in response to imminent node shutdown.", True),
        ("Failed", "137", "main: Error (exit code 137)", True),  # killed
        ("Failed", "137", "main: OOMKilled (exit code 137)", False),
        ("Failed", "143", "Pod was active on the node longer than the specified deadline", False),  # out of time
        ("Failed", "-1", "Step exceeded its deadline", False),
        ("Failed", "1", "main: Error (exit code 1)", False),
        ("Failed", "2", "main: Error (exit code 2)", False),
        ("Failed", "3", "main: Error (exit code 3)", False),  # a rule said no
    ],
)
def test_a_step_is_tried_again_where_another_try_can_mend_it(tool, status, code, message, again):
    done = subprocess.run([tool, "retry", TRANSIENT, status, code, message], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == (str(again).lower(), 0), done.stderr


@pytest.mark.parametrize(("count", "named"), [(1, 1), (5, 5), (2000, 5)])
def test_of_however_many_failures_people_are_told(tool, tmp_path, count, named):
    nodes = [
        {
            "displayName": f"sync({n}:source-{n}){attempt}",
            "message": f'main: Error (exit code 1): "{n}" \\ \u00fc',
            "templateName": "sync",
            "phase": "Failed",
            "podName": f"etl-x1-sync-{n}",
            "finishedAt": f"2026-11-28T10:{n // 60:02}:{n % 60:02}Z",
        }
        for n in range(count)
        for attempt in ("(0)", "")
    ]
    quoted = json.dumps(json.dumps(nodes, ensure_ascii=False), ensure_ascii=False)  # as the controller keeps them
    given = tmp_path / "failures"
    given.write_text(f"workflow.failures={quoted}")
    done = subprocess.run([tool, "fill", FAILURES, f"@{given}"], capture_output=True, text=True, check=True)
    argument = done.stdout.removesuffix("\n")
    assert len(argument.encode()) < 128 * 1024, "what one argument of a process may have"
    said = told("etl-x1", "Failed", argument, 9)
    assert said.text.count("\n- sync(") == named
    assert '(exit code 1): "0" \\ \u00fc' in said.text
