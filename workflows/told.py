"""How a run of a workflow ended, as Argo's exit handler says it -> what people are told. Knows no channel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

REFUSED = "(exit code 3)"
MOST = 5  # failures that are named


@dataclass(frozen=True, slots=True)
class Told:
    """A title and a text; `bad` when somebody has to look."""

    title: str
    text: str
    bad: bool


def told(workflow: str, status: str, failures: str, seconds: float) -> Told:
    """What to say of a run. A rule's no (exit status 3) is no failure: the run did what it is for."""
    failed = _failures(failures)
    refusing = [one for one in failed if REFUSED in one[1]]
    took = _time(seconds)
    if status == "Succeeded":
        return Told(f"{workflow} succeeded", f"It took {took}.", bad=False)
    if refusing and len(refusing) == len(failed):
        step = refusing[0][0]
        return Told(f"{workflow} was refused", f"A rule said no in {step}; its log says why. It took {took}.", bad=True)
    named = [f"- {step}: {message}" for step, message in failed[:MOST]]
    more = [f"- and {len(failed) - MOST} more"] if len(failed) > MOST else []
    lines = [f"It ended as {status} after {took}.", *named, *more]
    return Told(f"{workflow} failed", "\n".join(lines), bad=True)


def _failures(text: str) -> Sequence[tuple[str, str]]:
    """Step and message of each failure; what Argo gives is JSON, or a template's rest where nothing failed."""
    try:
        found: Any = json.loads(json.loads(text) if text.startswith('"') else text)
    except ValueError:
        return ()
    rows = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [(str(one.get("displayName") or one.get("templateName") or "?"), _line(one.get("message"))) for one in rows]


def _line(message: object) -> str:
    return " ".join(str(message or "no message").split())[:300]


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
