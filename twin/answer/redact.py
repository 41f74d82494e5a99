"""Texts, passages and traces -> the same without secrets and e-mail addresses, by the guard that an answer passes.

What is found stays where it is stored; what is shown, sent to a model or kept of an answer is redacted. A passage's span stays
that of its document, so its text may be longer or shorter than that. Knows no store.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from twin.answer.guard_in import tidy
from twin.answer.guard_out import OutputGuard
from twin.answer.secrets import SHORTEST, may_hold
from twin.records import Passage, Span, Trace

DEEPEST = 100  # of what a caller may nest in a message
LEFT_OUT = "[left out: nested too deep]"


def redact(text: str, emails: frozenset[str] = frozenset()) -> tuple[str, tuple[str, ...]]:
    """`text` and the kinds of what was replaced in it. `emails` may be shown: addresses, and domains as `@example.org`.

    Characters that a reader cannot see hide nothing; where nothing is found, they stay.
    """
    if len(text) < SHORTEST and "@" not in text:
        return text, ()
    clean = tidy(text)
    if not may_hold(clean):
        return text, ()
    guard = OutputGuard(emails=emails)
    out = guard.feed(clean) + guard.close()
    return (out, tuple(edit.kind for edit in guard.edits)) if guard.edits else (text, ())


def redact_passages(passages: Sequence[Passage], emails: frozenset[str]) -> tuple[tuple[Passage, ...], tuple[str, ...]]:
    """The passages, their titles and headings included, and the kinds of what was replaced, each once."""
    kinds: dict[str, None] = {}

    def shown(text: str) -> str:
        text, found = redact(text, emails)
        kinds.update(dict.fromkeys(found))
        return text

    made = []
    for passage in passages:
        chunk = passage.chunk
        text, title, heading = shown(chunk.text), shown(chunk.title), tuple(shown(part) for part in chunk.heading)
        same = (text, title, heading) == (chunk.text, chunk.title, chunk.heading)
        made.append(passage if same else replace(passage, chunk=replace(chunk, text=text, title=title, heading=heading)))
    return tuple(made), tuple(kinds)


def redact_trace(trace: Trace, emails: frozenset[str] = frozenset()) -> Trace:
    """The trace as it may be kept: all that its steps took in and gave out, also what the question itself said."""
    spans = tuple(_span(span, emails) for span in trace.spans)
    comment = redact(trace.comment, emails)[0] if trace.comment else ""
    same = comment == trace.comment and all(map(operator.is_, spans, trace.spans))
    return trace if same else replace(trace, spans=spans, comment=comment)


def _span(span: Span, emails: frozenset[str]) -> Span:
    shown: dict[str, Any] = {}
    for name in ("input", "output", "attributes", "error"):
        held = getattr(span, name)
        if held and (value := _value(held, emails)) is not held:
            shown[name] = value
    return replace(span, **shown) if shown else span


def _value(value: Any, emails: frozenset[str], depth: int = 0) -> Any:
    """What `value` may be shown as: itself where nothing in it is replaced, as most of what is kept is."""
    if isinstance(value, str):
        return redact(value, emails)[0]
    if not isinstance(value, dict | list | tuple):
        return value
    if depth == DEEPEST:
        return LEFT_OUT
    held = list(value.values()) if isinstance(value, dict) else list(value)
    shown = [one if isinstance(one, int | float) else _value(one, emails, depth + 1) for one in held]
    if all(map(operator.is_, shown, held)):
        return value
    return dict(zip(value, shown, strict=True)) if isinstance(value, dict) else shown
