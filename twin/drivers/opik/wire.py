"""Traces, spans and feedback -> the JSON that Opik's REST API takes. Knows no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from twin.records import Span, Trace, Usage

_TYPES = {
    "generate": "llm",
    "understand": "llm",
    "expand": "llm",
    "guard_in": "guardrail",
    "guard_out": "guardrail",
    "retrieve": "tool",
}


@dataclass(frozen=True, slots=True)
class Score:
    """Feedback on a trace."""

    trace: str
    name: str
    value: float
    comment: str = ""


def as_trace(trace: Trace, project: str) -> dict[str, Any]:
    """A trace as Opik takes it, complete at creation: a later update overtakes the batch and is lost."""
    root = trace.spans[0]
    value = {
        "id": trace.id,
        "project_name": project,
        "name": root.name,
        "start_time": _time(root.start),
        "end_time": _time(root.end),
        "input": _object(root.input),
        "output": _object(root.output),
        "metadata": {
            "release": trace.release,
            "index": trace.index,
            "model": trace.model,
            "status": trace.status,
            **root.attributes,
        },
        "tags": [tag for tag in (trace.release, trace.status) if tag],
    }
    if trace.thread:
        value["thread_id"] = trace.thread
    return value | _error(root)


def as_span(trace: Trace, span: Span, project: str) -> dict[str, Any]:
    """A step as Opik takes it; steps right below the root have no parent there."""
    value = {
        "id": span.id,
        "trace_id": trace.id,
        "project_name": project,
        "name": span.name,
        "type": _TYPES.get(span.name, "general"),
        "start_time": _time(span.start),
        "end_time": _time(span.end),
        "input": _object(span.input),
        "output": _object(span.output),
        "metadata": {"status": span.status, **span.attributes},
    }
    if span.parent and span.parent != trace.spans[0].id:
        value["parent_span_id"] = span.parent
    if span.usage is not None:
        value["usage"] = _usage(span.usage)
        value["model"] = trace.model
    return value | _error(span)


def as_score(score: Score, project: str) -> dict[str, Any]:
    """Feedback as Opik takes it."""
    value = {"id": score.trace, "project_name": project, "name": score.name, "value": score.value, "source": "sdk"}
    return value | ({"reason": score.comment} if score.comment else {})


def _usage(usage: Usage) -> dict[str, int]:
    counts = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
    }
    return counts | {f"original_usage.{name}": count for name, count in counts.items()}


def _error(span: Span) -> dict[str, Any]:
    if not span.error or span.status not in {"error", "degraded"}:
        return {}
    kind, _, words = span.error.partition(": ")
    return {"error_info": {"exception_type": kind, "message": words, "traceback": span.error}}


def _object(value: Any) -> Any:
    """Opik shows objects; anything else becomes one."""
    return value if isinstance(value, Mapping) or value is None else {"value": value}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
