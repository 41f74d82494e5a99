"""What an evaluation asks of the outside: answers, a judge, likelihoods. Knows nothing of HTTP, servers or adapters on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from twin.records import Usage


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage that was put before the model: the id of its document, and its text."""

    document: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer of one model. Times are in seconds.

    `passages` are in the order of retrieval, None where nothing was retrieved; `cited` are positions in them, from 0.
    `retrieved` are the documents of a deeper list, for recall. What could not be counted or timed is None.
    """

    text: str
    passages: tuple[Shown, ...] | None = None
    cited: tuple[int, ...] = ()
    retrieved: tuple[str, ...] | None = None
    tokens: int | None = None
    first: float | None = None
    seconds: float | None = None


class Answering(Protocol):
    """Asks the model that is served as `model`."""

    async def answer(self, model: str, question: str) -> Answered:
        """Raises TwinError when there is no answer."""
        ...


class Judge(Protocol):
    """Messages -> one JSON value of a schema, at temperature 0."""

    async def complete(
        self, messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], *, max_tokens: int = 256
    ) -> tuple[Any, Usage]:
        """Raises TwinError when there is no value; the value need not keep to the schema."""
        ...


@dataclass(frozen=True, slots=True)
class Likely:
    """How likely a text is: nats (zero or less) over `tokens` of it; `cut` tokens of its end did not fit the model."""

    nats: float
    tokens: int
    cut: int = 0


class Perplexity(Protocol):
    """How likely a model finds a text that it did not write."""

    async def log_likelihood(self, model: str, question: str, answer: str) -> Likely:
        """`answer`, given `question` in the model's chat template. Raises TwinError."""
        ...
