"""What the dataset stage asks of the outside: documents, a teacher, its journal, near-duplicates, languages and files."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from twin.dataset.extract import Extract
from twin.dataset.manifest import Generator
from twin.records import Document, Example, Trace, Usage

Clean = Callable[[Document], Document]


class Documents(Protocol):
    """The part of the document store that a dataset reads. Raises StoreError."""

    async def revisions(self) -> Mapping[str, int]: ...

    def documents(
        self, source: str = "", author: str = "", kind: str = "", limit: int = 0
    ) -> AsyncGenerator[Document, None]: ...


class ExampleWriter(Protocol):
    """A generator: an extract -> examples made from it, always the same for the same extract.

    `name` is `structural` or `teacher`; `concurrency` is how many extracts it takes at a time.
    """

    name: str
    concurrency: int

    async def write(self, extract: Extract) -> Sequence[Example]:
        """Raises DatasetError when it is of no use to go on."""
        ...

    def about(self) -> Generator:
        """What the manifest says of it."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """What a teacher said: a JSON value, or the problem with it: `refused`, `cut` (too long) or `broken` (not the JSON)."""

    value: Any = None
    problem: str = ""
    usage: Usage = field(default_factory=Usage)


class Teacher(Protocol):
    """A model that writes examples. Raises UpstreamError when no reply came."""

    model: str

    async def complete(self, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any], *, max_tokens: int) -> Reply: ...


class Journal(Protocol):
    """What a teacher replied already, by a digest of what it was asked. Raises StoreError."""

    async def get(self, key: str) -> Reply | None: ...

    async def put(self, key: str, reply: Reply) -> None: ...


class Languages(Protocol):
    """Which language a text is in: ISO 639-1, empty when unsure."""

    def detect(self, text: str) -> str: ...


class Similar(Protocol):
    """Finds near-duplicates among all texts it was given, which are numbered from 0 in the order they come."""

    def find(self, texts: Sequence[str]) -> Sequence[int]:
        """For each text the number of an earlier one that it nearly equals, or else its own number.

        A text that nearly equals an earlier one is not compared with later ones.
        """
        ...


class Feedback(Protocol):
    """Answers that somebody scored. Raises StoreError."""

    def scored(self) -> AsyncGenerator[Trace, None]: ...


class Reviews(Protocol):
    """What a person decided about proposed examples, by the example's id. Raises StoreError."""

    async def decided(self) -> Mapping[str, bool]:
        """Whether each decided example was approved."""
        ...

    async def decide(self, example: Example, documents: Sequence[str], *, approved: bool) -> bool | None:
        """Keep the first decision about an example: None when it is this one, else what had been decided, which stands."""
        ...

    async def approved(self) -> Sequence[tuple[Example, tuple[str, ...]]]:
        """Approved examples in order of their ids, each with the documents that it was made from."""
        ...


class Spill(Protocol):
    """Examples that wait on disk, each with the number of its text. Raises DatasetError."""

    def add(self, rows: Iterable[tuple[int, Example]]) -> None: ...

    def rows(self) -> Iterator[tuple[int, Example]]: ...


class Table(Protocol):
    """A file of examples in the making. Raises DatasetError."""

    def add(self, example: Example) -> None: ...


class Shelf(Protocol):
    """The folder of a dataset in the making, which nobody sees before it is whole. Raises DatasetError.

    `format` is parquet or jsonl.
    """

    format: str

    def spill(self) -> AbstractContextManager[Spill]: ...

    def table(self, name: str) -> AbstractContextManager[Table]:
        """The file `name` (with slashes, without a suffix), whole once it is left."""
        ...

    def files(self) -> Mapping[str, str]:
        """The digest of each file by its path."""
        ...
