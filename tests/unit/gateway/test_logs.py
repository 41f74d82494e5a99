"""What a log line holds, whatever was said in it."""

from __future__ import annotations

import json
import logging

from services.gateway.logs import JsonLines


def line(message: str, *arguments: object, **fields: object) -> dict:
    record = logging.getLogger("twin.x").makeRecord("twin.x", logging.WARNING, "f", 1, message, arguments, None, extra=fields)
    text = JsonLines("2026-11-20.1").format(record)
    assert "\n" not in text
    return json.loads(text)


def test_line_holds_what_was_said_with_its_fields_run_and_release() -> None:
    found = line("a trace of %s", "ours", trace="0199", size=3)
    assert (found["message"], found["level"], found["logger"]) == ("a trace of ours", "warning", "twin.x")
    assert (found["trace"], found["size"], found["release"], found["stage"]) == ("0199", 3, "2026-11-20.1", "answer")
    assert len(found["run"]) == 12
    assert found["time"].endswith("+00:00")
    assert "args" not in found


def test_error_is_one_field_and_one_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as exc:
        record = logging.getLogger("x").makeRecord(
            "x", logging.ERROR, "f", 1, "failed", (), (ValueError, exc, exc.__traceback__)
        )
    text = JsonLines("r").format(record)
    assert "\n" not in text
    assert json.loads(text)["error"].endswith("ValueError: two\nlines")


def test_fields_that_are_no_json_and_half_signs_are_shown_all_the_same() -> None:
    found = line("odd \ud83d", thing=object(), kind=ValueError)
    assert found["thing"].startswith("<object")
    assert found["message"].startswith("odd ")
