"""What the answer stage asks of the outside, and the events it gives back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from twin.records import Answer, Filter, Passage, Trace, Usage

Vector = Sequence[float]


class QueryEmbedder(Protocol):
    """Turns a question into a vector."""

    async def embed_query(self, text: str) -> Vector: ...


class TextEmbedder(QueryEmbedder, Protocol):
    """Turns questions and texts into unit vectors of one space; the extractive answerer compares them."""

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]: ...


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
    """One step of a generation.

    `raw` holds the fields of the provider's delta besides role and content (tool_calls, refusal, reasoning_content) and,
    as `logprobs`, the choice's own.
    """

    text: str = ""
    raw: Mapping[str, Any] | None = None
    finish_reason: str = ""
    usage: Usage | None = None
    model: str = ""


class Completer(Protocol):
    """Messages -> one JSON value of a schema, for the optional steps that a model does. Raises UpstreamError."""

    async def complete(
        self, messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], *, max_tokens: int = 256
    ) -> tuple[Any, Usage]: ...


class Generator(Protocol):
    """Messages -> text, piece by piece. Raises UpstreamError; closing the iterator cancels the call."""

    model: str

    def generate(self, messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]) -> AsyncGenerator[Piece, None]:
        """`parameters` are the request's own fields (temperature, tools, unknown ones), passed on untouched."""
        ...


class TraceSink(Protocol):
    """Takes finished traces without waiting; what it cannot take it counts and drops."""

    def put(self, trace: Trace) -> None: ...


@dataclass(frozen=True, slots=True)
class Delta:
    """Text that passed the output guard, or `raw` fields as in Piece, for the chunk's delta (`logprobs`: its choice)."""

    text: str = ""
    raw: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The end of an answer, with its whole record."""

    answer: Answer
    trace: Trace = field(repr=False)


Event = Delta | Done
