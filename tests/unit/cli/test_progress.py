"""Progress without a terminal: JSON lines, seldom, with a total only where it is known."""

from __future__ import annotations

import json

from twin.cli import progress
from twin.cli.progress import Progress


def logged(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_one_json_object(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LOG_EVERY", 0)
    with Progress("documents") as shown:
        shown.set("essays", 40, 100, "2 failed")
    (line,) = logged(capsys)
    assert line.pop("per_second") > 0
    assert line == {"event": "progress", "name": "essays", "done": 40, "total": 100, "unit": "documents", "note": "2 failed"}


def test_a_total_that_is_not_known_or_was_passed_is_not_told(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LOG_EVERY", 0)
    with Progress("documents") as shown:
        shown.set("first sync", 1_600)
        shown.set("grown since", 1_600, 40)
    assert ["total" in line for line in logged(capsys)] == [False, False]


def test_lines_of_one_thing_do_not_follow_each_other_closely(capsys):
    with Progress("documents") as shown:
        for done in range(1_000):
            shown.set("essays", done)
    assert logged(capsys) == []
