"""A trace -> the step that made its answer bad, where a rule can tell, and why. Pure; knows no store.

Rules stand in the order of blame: what failed, what was missing, what was cut off, what was removed, what is unusual.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from twin.records import Fault, Span, Trace

_WORD = re.compile(r"[^\W\d_]+|\d+")
_SENTENCE_START = re.compile(r"(?<=[.!?…:])\s|\n")
_ENOUGH = 20  # traces before anything can be called unusual
_DEVIATIONS = 6.0  # robust standard deviations
_SCALE = 1.4826  # of the median absolute deviation to a standard deviation (Hampel 1974)
_LEAST_WIDTH = 0.5  # of the median: in very even traces a small difference is not yet unusual
_SMALL = {"seconds": 0.5, "first_token": 1.0, "prompt_tokens": 100, "completion_tokens": 100}  # differences that mean nothing
_SHORT_WORD = 3
_JUDGED_WORDS = 5  # a shorter sentence says too little to be judged
_SUPPORT = 0.1
_SAME_LANGUAGE = 0.25


@dataclass(frozen=True, slots=True)
class Range:
    """What a measure usually is, both ends included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class _Seen:
    """A trace by step, with what the rules compare it to."""

    trace: Trace
    steps: Mapping[str, Span]
    usual: Mapping[str, Range]
    live: Mapping[str, str] | None

    def output(self, step: str) -> Any:
        return self.steps[step].output if step in self.steps else None

    def attribute(self, step: str, name: str, default: Any = None) -> Any:
        return self.steps[step].attributes.get(name, default) if step in self.steps else default


def find_fault(trace: Trace, usual: Mapping[str, Range] | None = None, live: Mapping[str, str] | None = None) -> Fault | None:
    """The first rule that applies. `usual` is of `usual_ranges`; `live` maps document ids to their content hash of today.

    A document id that is missing from `live` is one that is gone; without `live` nothing is called stale.
    """
    seen = _Seen(trace, {span.name: span for span in trace.spans}, usual or {}, live)
    return next((fault for rule in _RULES if (fault := rule(seen)) is not None), None)


def documents_of(trace: Trace) -> tuple[str, ...]:
    """The ids of the documents that were retrieved: what to look up for `live`."""
    for span in trace.spans:
        if span.name == "retrieve" and isinstance(span.output, list | tuple):
            return tuple(dict.fromkeys(str(found["document"]) for found in span.output))
    return ()


def usual_ranges(traces: Sequence[Trace]) -> dict[str, Range]:
    """The usual range of each measure over answers that went well: median and six robust deviations either side."""
    values: dict[str, list[float]] = {}
    for trace in traces:
        if trace.status == "ok":
            for name, value in measures(trace):
                values.setdefault(name, []).append(value)
    return {
        name: _range(found, _SMALL.get(name.partition(".")[2], 0.0)) for name, found in values.items() if len(found) >= _ENOUGH
    }


def measures(trace: Trace) -> Iterator[tuple[str, float]]:
    """What can be unusual about a trace, as (`step.measure`, value)."""
    for span in trace.spans:
        if span.usage is not None and span.usage != type(span.usage)():
            yield f"{span.name}.prompt_tokens", span.usage.prompt
            if span.name == "generate":
                yield f"{span.name}.completion_tokens", span.usage.completion
        if span.name == "generate" and span.attributes.get("mode") == "model" and "first_token" in span.attributes:
            yield "generate.first_token", float(span.attributes["first_token"])
        if span.name == "retrieve" and isinstance(span.output, list | tuple) and span.output:
            yield "retrieve.score", float(span.output[0]["score"])
            yield "retrieve.seconds", span.end - span.start


def support(sentence: str, passage: str) -> float | None:
    """The share of a sentence's words that its passage has; None when it is too short or in another language."""
    said, there = _WORD.findall(sentence.casefold()), set(_WORD.findall(passage.casefold()))
    content = {word for word in said if len(word) > _SHORT_WORD}
    function = {word for word in said if len(word) <= _SHORT_WORD and not word.isdigit()}
    if len(content) < _JUDGED_WORDS or len(function & there) < _SAME_LANGUAGE * max(1, len(function)):
        return None
    stems = {word[:5] for word in there}
    return sum(word[:5] in stems for word in content) / len(content)


def _failed(seen: _Seen) -> Fault | None:
    for span in seen.trace.spans[1:]:
        if span.status == "error":
            if span.name == "generate" and ("Upstream" in span.error or "Timeout" in span.error):
                return Fault("generate", "the model server failed", span.error)
            if span.name == "guard_in":
                return Fault("guard_in", "the question was refused", span.error)
            return Fault(span.name, "the step failed", span.error)
    if seen.trace.status == "error":
        return Fault("answer", "the answer failed between its steps", seen.trace.spans[0].error)
    return None


def _nothing(seen: _Seen) -> Fault | None:
    found = seen.output("retrieve")
    if "retrieve" in seen.steps and seen.steps["retrieve"].status == "ok" and not found:
        return Fault("retrieve", "nothing was found", f"filter and query: {seen.steps['retrieve'].input}")
    if seen.attribute("generate", "nothing_found"):
        return Fault("retrieve", "scores are low", "no sentence of the passages is close to the question")
    return None


def _stale(seen: _Seen) -> Fault | None:
    if seen.live is None:
        return None
    for found in seen.output("retrieve") or ():
        today = seen.live.get(found["document"])
        if today != found["content_hash"]:
            state = "is gone" if not today else "has changed since"
            return Fault("retrieve", f"a passage's document {state}", f"{found['title']} ({found['uri']}); build the index")
    return None


def _cut_off(seen: _Seen) -> Fault | None:
    kept, left_out = seen.attribute("prompt", "passages", 0), seen.attribute("prompt", "left_out", 0)
    if left_out >= max(1, kept) or (seen.attribute("prompt", "cut", 0) and kept == 1):
        return Fault(
            "prompt", "passages were cut off", f"{left_out} of {kept + left_out} left out; raise prompt_tokens or ask for fewer"
        )
    return None


def _broken_off(seen: _Seen) -> Fault | None:
    reason = seen.attribute("generate", "finish_reason")
    if reason == "length":
        return Fault("generate", "the answer was cut off", "the model reached its limit of tokens; raise max_tokens")
    if (seen.output("guard_out") or {}).get("leaked"):
        return Fault("guard_out", "the answer was stopped", "it repeated the twin's own instructions")
    if reason == "content_filter" or seen.attribute("generate", "refused"):
        return Fault("generate", "the model refused", "finish_reason content_filter or a refusal")
    return None


def _removed(seen: _Seen) -> Fault | None:
    """What the guard took from the answer, and what had been taken from the passages where the answer repeats them."""
    answer = seen.trace.spans[0].output
    text = str(answer.get("text", "")) if isinstance(answer, Mapping) else ""
    removed = [*((seen.output("guard_out") or {}).get("removed") or ())]
    removed += [kind for kind in seen.attribute("retrieve", "redacted", ()) if f"[redacted: {kind}]" in text]
    return Fault("guard_out", "text was removed", ", ".join(dict.fromkeys(removed))) if removed else None


def _invented(seen: _Seen) -> Fault | None:
    dropped = (seen.output("cite") or {}).get("dropped")
    return Fault("cite", "a citation was invented", f"{dropped} named no passage and were dropped") if dropped else None


def _ungrounded(seen: _Seen) -> Fault | None:
    """A cited sentence that shares almost no word with any passage cited for it."""
    answer = seen.trace.spans[0].output
    texts = {found["chunk"]: found["text"] for found in seen.output("retrieve") or ()}
    if not isinstance(answer, Mapping) or seen.attribute("generate", "mode") != "model":
        return None
    text, citations = answer["text"], answer["citations"]
    ends: dict[int, list[Mapping[str, Any]]] = {}
    for at, citation in enumerate(citations):
        adjacent = at and citations[at - 1]["end"] == citation["start"]
        group = ends.pop(citations[at - 1]["end"]) if adjacent else []
        ends[citation["end"]] = [*group, citation]
    for group in ends.values():
        sentence = _SENTENCE_START.split(text[: group[0]["start"]].rstrip(" .!?…"))[-1]
        sentence = re.sub(r"\[\d+\]", "", sentence)
        judged = [support(sentence, texts.get(c["chunk"], "")) for c in group]
        if judged and all(value is not None and value < _SUPPORT for value in judged):
            numbers = "".join(f"[{c['number']}]" for c in group)
            return Fault("cite", "a citation does not support its sentence", f"{numbers} after {sentence.strip()[:80]!r}")
    return None


def _degraded(seen: _Seen) -> Fault | None:
    for span in seen.trace.spans[1:]:
        if span.status == "degraded":
            return Fault(span.name, "the step was left out", span.error)
    return None


def _unusual(seen: _Seen) -> Fault | None:
    for name, value in measures(seen.trace):
        usual = seen.usual.get(name)
        if usual is None or usual.low <= value <= usual.high:
            continue
        step, _, measure = name.partition(".")
        if (measure in {"first_token", "seconds"} and value < usual.low) or (measure == "score" and value > usual.high):
            continue  # faster and better than usual is no fault
        reason = {"first_token": "the model server was slow", "seconds": "the step was slow", "score": "scores are low"}
        return Fault(
            step,
            reason.get(measure, f"an unusual count of {measure.replace('_', ' ')}"),
            f"{value:.4g}, usually {usual.low:.4g} to {usual.high:.4g}",
        )
    return None


def _range(values: Sequence[float], small: float) -> Range:
    middle = median(values)
    deviation = _SCALE * median(abs(value - middle) for value in values)
    width = max(_DEVIATIONS * deviation, _LEAST_WIDTH * abs(middle), small)
    return Range(middle - width, middle + width)


_RULES: tuple[Callable[[_Seen], Fault | None], ...] = (
    _failed,
    _nothing,
    _stale,
    _broken_off,
    _cut_off,
    _invented,
    _ungrounded,
    _removed,
    _degraded,
    _unusual,
)
