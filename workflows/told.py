"""How a run of a workflow ended, as Argo's exit handler says it -> what people are told. Knows no channel."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

REFUSED = "(exit code 3)"
MOST = 5  # failures that are named
_ATTEMPT = re.compile(r"(.+)\((\d+)\)", re.DOTALL)
_OF_OTHERS = re.compile(r"(child '.*' failed)?", re.DOTALL)  # what Argo says of a DAG, and of a group of steps


@dataclass(frozen=True, slots=True)
class Told:
    """A title and a text; `bad` when somebody has to look."""

    title: str
    text: str
    bad: bool


def told(workflow: str, status: str, failures: str, seconds: float, message: str = "") -> Told:
    """What to say of a run. A rule's no (exit status 3) is no failure: the run did what it is for.

    `message` is said instead, where a step of a run has something to say.
    """
    rows = _rows(failures)
    failed = _failures(rows)
    took = _time(seconds)
    if message:
        return Told(f"{workflow} has something to tell", message, bad=status != "Succeeded")
    if status == "Succeeded":
        return Told(f"{workflow} succeeded", f"It took {took}.", bad=False)
    if refused(rows):
        said = f"A rule said no in {failed[0][0]}; its log says why. It took {took}."
        return Told(f"{workflow} was refused", said, bad=True)
    named = [f"- {step}: {message}" for step, message in failed[:MOST]]
    more = [f"- and {len(failed) - MOST} more"] if len(failed) > MOST else []
    lines = [f"It ended as {status} after {took}.", *named, *more]
    return Told(f"{workflow} failed", "\n".join(lines), bad=True)


def refused(rows: Sequence[tuple[str, str]]) -> bool:
    """Whether a rule's no is all that the nodes that failed, each a name and a message, have failed by."""
    failed = _failures(rows)
    return bool(failed) and all(REFUSED in message for _, message in failed)


def _failures(rows: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """Step and last words of each step that failed for good.

    Argo names every node that failed: each attempt as `gate(0)`, the step that these are of as `gate`, whose own message is
    why it was not tried again, and the DAGs around it. An attempt whose step is not named was mended by the next one.
    """
    attempts: dict[str, tuple[int, str]] = {}
    for name, message in rows:
        if found := _ATTEMPT.fullmatch(name):
            attempts[found[1]] = max(attempts.get(found[1], (-1, "")), (int(found[2]), message))
    whole = {name: message for name, message in rows if not _ATTEMPT.fullmatch(name)}
    ended = {name: attempts[name][1] if name in attempts else message for name, message in whole.items()}
    return [(name, message or "no message") for name, message in ended.items() if not _OF_OTHERS.fullmatch(message)]


def _rows(text: str) -> Sequence[tuple[str, str]]:
    """Name and message of each node that failed, in order of time: JSON, within quotes, which may be cut off at its end."""
    for whole in (text, text[: text.rfind("},") + 1] + ("]" if text.startswith("[") else ']"')):
        try:
            found: Any = json.loads(json.loads(whole) if whole.startswith('"') else whole)
        except (ValueError, TypeError):
            continue
        rows = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
        rows.sort(key=lambda one: (str(one.get("finishedAt")), str(one.get("displayName"))))
        return [(str(one.get("displayName") or one.get("templateName") or "?"), _line(one.get("message"))) for one in rows]
    return ()


def _line(message: object) -> str:
    return " ".join(str(message or "").split())[:300]


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
