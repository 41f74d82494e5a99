"""Messages and passages -> guarded, cited text, streamed: generate, cite and guard out, of which each keeps its span.

Markers are checked before the output guard looks, so that a dropped one can't hide a secret that it stood in. Knows no
retrieval; `Writing` carries what they found, and what was written.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from twin.answer.cite import CitationParser
from twin.answer.extract import extract
from twin.answer.guard_out import OutputGuard, moved
from twin.answer.ports import Delta, Generator, Piece, TextEmbedder
from twin.answer.prompt import Asked
from twin.answer.recorder import OpenSpan, Recorder, short
from twin.answer.tokens import estimate
from twin.errors import AnswerError, QuestionError
from twin.records import Citation, Usage

_CHANNELS = ("reasoning_content", "reasoning", "refusal")  # text that the provider streams beside the answer


@dataclass(slots=True, kw_only=True)
class Writing:
    """What one answer is written from, and what came of it."""

    question: str
    asked: Asked
    parameters: Mapping[str, Any]
    canary: str
    emails: frozenset[str]
    recorder: Recorder
    generator: Generator | None
    embedder: TextEmbedder
    author: str
    text: str = ""
    citations: tuple[Citation, ...] = ()
    dropped: int = 0
    finish_reason: str = ""
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    nothing_found: bool = False
    degraded: list[str] = field(default_factory=list)


class Filters:
    """The citation parser and the output guard in a row, and a guard for each channel beside the answer."""

    def __init__(self, writing: Writing) -> None:
        self.cite_span, self.guard_span = writing.recorder.span("cite"), writing.recorder.span("guard_out")
        self.cite = CitationParser(len(writing.asked.passages)) if _wants_citations(writing) else None
        self.guard = self._guard = OutputGuard(canary=writing.canary, emails=writing.emails)
        self._writing = writing
        self._channels: dict[str, OutputGuard] = {}
        self.logprobs: list[Any] = []
        self.refused = False

    def text(self, text: str, *, final: bool = False) -> str:
        """Text that may go out."""
        if self.cite is not None:
            with self.cite_span:
                text = self.cite.feed(text) + (self.cite.close() if final else "")
        with self.guard_span:
            return self.guard.feed(text) + (self.guard.close() if final else "")

    def raw(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Raw fields that may go out; token probabilities wait for the end, as they spell out what a guard may remove."""
        with self.guard_span:
            return self._raw(raw)

    def _raw(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        out = dict(raw)
        logprobs = out.pop("logprobs", None)
        if isinstance(logprobs, Mapping) and isinstance(logprobs.get("content"), list):
            self.logprobs.extend(logprobs["content"])
        self.refused = self.refused or bool(out.get("refusal"))
        for channel in _CHANNELS:
            if isinstance(out.get(channel), str):
                out[channel] = self._channel(channel).feed(out[channel])
                if not out[channel]:
                    del out[channel]
        if isinstance(out.get("tool_calls"), list):
            out["tool_calls"] = [self._tool_call(call) for call in out["tool_calls"]]
        return out

    def rest(self) -> dict[str, Any]:
        """Raw fields that were held back."""
        out: dict[str, Any] = {}
        calls = []
        for name, guard in self._channels.items():
            held = guard.close()
            if held and name.startswith("tool:"):
                calls.append({"index": int(name[5:]), "function": {"arguments": held}})
            elif held:
                out[name] = held
        if calls:
            out["tool_calls"] = calls
        if self.logprobs and not self.guard.edits:
            out["logprobs"] = {"content": self.logprobs}
        return out

    @property
    def leaked(self) -> bool:
        return self.guard.leaked or any(guard.leaked for guard in self._channels.values())

    def removed(self) -> list[str]:
        """What kinds of text were replaced, the channels included."""
        return [edit.kind for guard in (self.guard, *self._channels.values()) for edit in guard.edits]

    def _channel(self, name: str) -> OutputGuard:
        if name not in self._channels:
            self._channels[name] = OutputGuard(canary=self._writing.canary, emails=self._writing.emails)
        return self._channels[name]

    def _tool_call(self, call: Any) -> Any:
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("arguments"), str):
            return call
        index = call.get("index")
        guard = self._channel(f"tool:{index if isinstance(index, int) else 0}")
        return {**call, "function": {**function, "arguments": guard.feed(function["arguments"])}}


def nothing_found(author: str) -> str:
    """What is said when there is nothing to answer from: the truth, in either mode."""
    return f"I found nothing about this in what {author} has written."


async def write(writing: Writing) -> AsyncGenerator[Delta, None]:
    """Deltas; afterwards `writing` holds the whole. Raises UpstreamError, EmbeddingError, QuestionError."""
    if writing.generator and writing.parameters.get("n") not in (None, 1):
        raise QuestionError("n: only one answer to a question can be given; leave it out", param="n")
    parts: list[str] = []
    with writing.recorder.span("generate") as generate:
        filters = Filters(writing)
        generate.attributes["mode"] = "model" if writing.generator else "extractive"
        broken: AnswerError | None = None
        try:
            try:
                async with aclosing(_pieces(writing)) as pieces:
                    async for piece in pieces:
                        delta = _take(writing, filters, piece, generate)
                        if delta.text or delta.raw:
                            parts.append(delta.text)
                            yield delta
                        if filters.leaked:
                            break
            except AnswerError as exc:
                broken = exc  # what is held back was said before it broke off
            last = Delta(text=filters.text("", final=True), raw=filters.rest() or None)
            if last.text or last.raw:
                parts.append(last.text)
                yield last
            if broken is not None:
                raise broken
        finally:
            _finish(writing, filters, "".join(parts), generate)


async def _pieces(writing: Writing) -> AsyncGenerator[Piece, None]:
    """The model's pieces, the extractive answer's, or the honest nothing."""
    passages, found = writing.asked.passages, False
    if writing.generator and (passages or writing.parameters.get("tools")):
        stream = writing.generator.generate(writing.asked.messages, writing.parameters)
    elif passages:
        stream = extract(writing.question, passages, writing.embedder)
    else:
        writing.nothing_found = True
        yield Piece(text=nothing_found(writing.author), finish_reason="stop", usage=Usage(estimated=True))
        return
    async with aclosing(stream) as pieces:
        async for piece in pieces:
            found = True
            yield piece
    if not found and not writing.generator:
        writing.nothing_found = True
        yield Piece(text=nothing_found(writing.author), finish_reason="stop", usage=Usage(estimated=True))


def _take(writing: Writing, filters: Filters, piece: Piece, span: OpenSpan) -> Delta:
    if piece.text and "first_token" not in span.attributes:
        span.attributes["first_token"] = writing.recorder.clock() - span.start
    writing.finish_reason = piece.finish_reason or writing.finish_reason
    writing.model = piece.model or writing.model
    writing.usage = piece.usage or writing.usage
    raw = filters.raw(piece.raw) if piece.raw else None
    return Delta(text=filters.text(piece.text) if piece.text else "", raw=raw or None)


def _finish(writing: Writing, filters: Filters, text: str, generate: OpenSpan) -> None:
    """Fill in the spans and `writing`, also for an answer that broke off."""
    writing.text = text
    edits = filters.guard.edits
    marks = filters.cite.marks if filters.cite else []
    placed = [(mark.number, moved(mark.start, mark.end, edits)) for mark in marks]
    writing.citations = tuple(
        Citation(number, span[0], span[1], writing.asked.passages[number - 1])
        for number, span in placed
        if span and span[1] <= len(text)
    )
    writing.dropped = filters.cite.dropped if filters.cite else 0
    if filters.leaked:
        writing.finish_reason = "content_filter"
    if filters.logprobs and edits:
        writing.degraded.append("logprobs")
    if writing.usage == Usage():
        writing.usage = Usage(prompt=writing.asked.tokens, completion=estimate(text), estimated=True)
    generate.usage = writing.usage
    generate.output = short(text, 24_000)
    generate.attributes |= {"finish_reason": writing.finish_reason, "model": writing.model}
    if writing.nothing_found:
        generate.attributes["nothing_found"] = True
    if filters.refused:
        generate.attributes["refused"] = True
    filters.cite_span.output = {"citations": len(writing.citations), "dropped": writing.dropped}
    if filters.cite is None:
        filters.cite_span.skip("the answer is JSON")
    filters.guard_span.output = {"removed": filters.removed(), "leaked": filters.leaked}


def _wants_citations(writing: Writing) -> bool:
    """Brackets in JSON are arrays."""
    format = writing.parameters.get("response_format")
    return not (isinstance(format, Mapping) and str(format.get("type", "")).startswith("json"))
