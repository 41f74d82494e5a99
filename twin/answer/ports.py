"""What the answer stage asks of the outside, and the events it gives back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from twin.records import Answer, Filter, Passage, Trace, Usage

Vector = Sequence[float]


class QueryEmbedder(Protocol):
    """Turns a question into a vector."""

    async def embed_query(self, text: str) -> Vector: ...


class Searcher(Protocol):
    """Finds passages; an empty `index` means the live one."""

    async def live(self) -> str: ...

    async def search(
        self, index: str, *, vector: Vector | None, text: str, filter: Filter, limit: int
    ) -> Sequence[Passage]: ...


class Reranker(Protocol):
    """Scores passages against a question, one number each, higher is better."""

    async def score(self, question: str, passages: Sequence[Passage]) -> Sequence[float]: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """One step of a generation. `raw` is the provider's delta where it holds more than text (tool calls, logprobs)."""

    text: str = ""
    raw: Mapping[str, Any] | None = None
    finish_reason: str = ""
    usage: Usage | None = None
    model: str = ""


class Generator(Protocol):
    """Messages -> text, piece by piece. Raises UpstreamError; closing the iterator cancels the call."""

    model: str
    mode: str  # "model" or "extractive"

    def generate(self, messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]) -> AsyncIterator[Piece]:
        """`parameters` are the request's own fields (temperature, tools, unknown ones), passed on untouched."""
        ...


class TraceSink(Protocol):
    """Takes finished traces without waiting; what it cannot take it counts and drops."""

    def put(self, trace: Trace) -> None: ...


@dataclass(frozen=True, slots=True)
class Delta:
    """Text that passed the output guard, or a raw provider delta (tool calls)."""

    text: str = ""
    raw: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The end of an answer, with its whole record."""

    answer: Answer
    trace: Trace = field(repr=False)


Event = Delta | Done
