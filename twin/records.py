"""Frozen values that cross stages, in the order of the data. Standard library only; knows no stage and no driver."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a document is; decides how it is split and is a filter of retrieval."""

    ARTICLE = "article"
    POST = "post"
    REPOSITORY = "repository"


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a document. `id` is what filters compare."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One piece fetched from a source, as Markdown or plain text.

    `uri` is canonical and unique in a twin. `content_hash` covers what a reader sees or filters by, so metadata such as
    the commit may change without the document being a changed one.
    """

    uri: str
    source: str
    kind: Kind
    title: str
    text: str
    author: Author
    link: str = ""  # what a reader opens; the uri when empty
    language: str = ""  # ISO 639-1, empty when unknown
    published: str = ""  # ISO 8601, empty when unknown
    metadata: Mapping[str, str] = field(default_factory=dict)
    content_hash: str = ""

    def __post_init__(self) -> None:
        if not self.content_hash:
            object.__setattr__(self, "content_hash", _content_hash(self))

    @property
    def id(self) -> str:
        """32 hexadecimal digits, the same for the same uri everywhere."""
        return document_id(self.uri)


def document_id(uri: str) -> str:
    """The id of the document at `uri`."""
    return hashlib.sha256(uri.encode()).hexdigest()[:32]


def _content_hash(document: Document) -> str:
    seen = (
        document.kind,
        document.title,
        document.text,
        document.author.id,
        document.author.name,
        document.link,
        document.source,
    )
    return hashlib.sha256("\x1f".join(seen).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Known:
    """What the store remembers of a document, enough to reconcile without its text.

    `version` is the fetcher's own token (ETag, git blob, record digest): equal means "need not be read".
    """

    uri: str
    content_hash: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A stored document at a revision of its source; `document` is None for a tombstone."""

    id: str
    uri: str
    source: str
    revision: int
    document: Document | None


@dataclass(frozen=True, slots=True)
class Note:
    """One document that was not taken as it is, and why."""

    uri: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """What one sync did to one source. `error` is set when the source as a whole failed."""

    source: str
    kind: str
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    failed: tuple[Note, ...] = ()  # kept as stored: network, decoding, a broken record
    skipped: tuple[Note, ...] = ()  # by rule: binary, empty, robots.txt
    failed_more: int = 0  # failed and skipped beyond the notes that are held, so that millions of them need no memory
    skipped_more: int = 0
    error: str = ""
    refused: bool = False  # the breaker for mass deletion stopped it
    taken_from: tuple[str, ...] = ()  # sources that are declared no more and held some of its documents
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A passage of a document. `span` is [start, end) in characters of the cleaned text; `id` is a UUID."""

    id: str
    document: str
    content_hash: str
    uri: str
    source: str
    kind: Kind
    title: str
    author: Author
    heading: tuple[str, ...]
    span: tuple[int, int]
    text: str
    position: int
    link: str = ""
    language: str = ""
    published: str = ""


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """What makes an index: change any part and another index is built beside it.

    `embedder` names the model, `digest` its weights; `chunker` and `cleaning` are versions with their parameters.
    """

    embedder: str
    dimension: int
    digest: str
    chunker: str
    cleaning: str

    @property
    def name(self) -> str:
        """The collection's name, e.g. `minilm-l6-v2.c1.9f2c41`."""
        made = hashlib.sha256(
            "\x1f".join((self.embedder, str(self.dimension), self.digest, self.chunker, self.cleaning)).encode()
        )
        slug = "".join(c if c.isalnum() or c in "-_" else "-" for c in self.embedder.lower())
        return f"{slug}.{self.chunker.partition(':')[0]}.{made.hexdigest()[:6]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexInfo:
    """One index as `twin index list` shows it. `revisions` is how far each source of the document store `store` was written.

    An empty `store` is unknown. `layout` is how it was made, which no recipe says: quantization, shards, replicas.
    """

    name: str
    spec: IndexSpec
    chunks: int
    live: bool
    created: str
    recall: float | None = None  # of the last gate, None before the first
    revisions: Mapping[str, int] = field(default_factory=dict)
    store: str = ""
    layout: Mapping[str, str | int] = field(default_factory=dict)


class ExampleKind(StrEnum):
    """What an example trains: following an instruction, or preferring one answer to another."""

    INSTRUCTION = "instruction"
    PREFERENCE = "preference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One training sample. `rejected` is empty unless it is a preference: then `answer` is the author's own words.

    `origin` says what made it: `structural:<rule>`, `teacher:<model>` or `feedback`. `document` is the id of the document
    that it was made from, by which the dataset is split; `extract` is the part of it that the answer stands in.
    """

    kind: ExampleKind
    instruction: str
    answer: str
    document: str
    source: str
    author: str
    origin: str
    rejected: str = ""
    language: str = ""
    extract: str = ""

    @property
    def id(self) -> str:
        """32 hexadecimal digits, the same for the same sample everywhere."""
        made = f"{self.kind}\x1f{self.instruction}\x1f{self.answer}\x1f{self.rejected}"
        return hashlib.sha256(made.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Artifact:
    """Something that is kept by its digest: `uri#sha256:...` as text."""

    uri: str
    digest: str

    def __str__(self) -> str:
        return f"{self.uri}#{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Artifact:
        """Raises ValueError without a uri, or without a sha256 digest."""
        uri, found, digest = text.rpartition("#")
        if not found or not uri or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise ValueError(f"{text!r} is not pinned: write uri#sha256:... with 64 hexadecimal digits")
        return cls(uri, digest)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which passages may be retrieved; empty means any. `author` matches an id or a full name, case-insensitively."""

    author: str = ""
    kind: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A retrieved chunk. `rank` counts from 1; `score` is comparable only within one result."""

    rank: int
    score: float
    chunk: Chunk


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. `fields` is the rest of it as the caller sent it (tool_calls, tool_call_id, name)."""

    role: str
    content: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `text` is the last user turn, `history` what came before it; `k` passages are wanted.

    `after` is what follows the last user turn: the assistant's tool calls and their results.
    """

    text: str
    history: tuple[Message, ...] = ()
    filter: Filter = Filter()
    k: int = 6
    thread: str = ""
    after: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """A checked reference `[number]` at [start, end) of the answer's text."""

    number: int
    start: int
    end: int
    passage: Passage


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call; `estimated` when the provider did not count them."""

    prompt: int = 0
    completion: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A finished answer. `mode` is `extractive` or `model`; `dropped` counts invented citations."""

    text: str
    citations: tuple[Citation, ...]
    passages: tuple[Passage, ...]
    mode: str
    model: str
    index: str
    release: str
    trace: str
    finish_reason: str = "stop"
    usage: Usage = Usage()
    dropped: int = 0
    degraded: tuple[str, ...] = ()  # optional steps that failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One step of an answer. Times are seconds since the epoch; `status` is ok, skipped, degraded or error."""

    id: str
    parent: str
    name: str
    start: float
    end: float
    status: str = "ok"
    input: Any = None
    output: Any = None
    usage: Usage | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The span tree of one answer; the first span is its root. `id` is a UUIDv7 in its usual text form."""

    id: str
    release: str
    index: str
    model: str
    thread: str
    status: str
    spans: tuple[Span, ...]
    scores: Mapping[str, float] = field(default_factory=dict)  # feedback and online measures
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """The step that made an answer bad, and why."""

    step: str
    reason: str
    detail: str
