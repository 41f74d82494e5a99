"""The record of an evaluation, sealed by a digest over its content, and its JSON form. Knows no threshold and no page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from twin.digest import bytes_digest
from twin.errors import ReleaseError

SCHEMA = 1
MOST_RESAMPLES = 1_000_000
VLLM, OTHER = "vllm", "other"
Pair = tuple[float | None, float | None]


class Model(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One side. `name` is what the server calls it; `kind` is `adapter`, or `base` where nothing was running yet."""

    name: str
    digest: str
    kind: str = "adapter"


class Row(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One question, both answers, and (candidate, running) scores; None where a score is missing, and `problems` say why."""

    id: str
    document: str
    question: str
    reference: str
    candidate: str | None
    running: str | None
    scores: dict[str, Pair]
    problems: tuple[str, ...] = ()


class Summary(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One measure over the questions that have it on both sides. `low` and `high` hold `difference` (candidate - running).

    The interval is of `confidence` 0.95; a gate makes its own. All numbers are None when no question has both.
    """

    candidate: float | None
    running: float | None
    difference: float | None
    low: float | None
    high: float | None
    questions: int
    documents: int
    missing: tuple[int, int]


class Judging(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who judged. `agreement` is the share of questions, by aspect, where both orders prefer the same answer."""

    model: str
    prompt: str
    agreement: dict[str, float]
    judged: int


class Report(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A candidate against the running release on the same questions.

    `inputs` are the digests of what went in, by name; an empty one was used without being pinned. `leaked` are the ids of
    questions that the training has seen; `broken` says where serving differs from training. `serving` is `vllm`, or `other`
    for a model server that does not show how it renders a conversation. `digest` covers everything else.
    """

    schema: int = SCHEMA
    made: str
    candidate: Model
    running: Model
    inputs: dict[str, str]
    seed: int
    resamples: int
    serving: str = VLLM
    leaked: tuple[str, ...]
    broken: tuple[str, ...] = ()
    rows: tuple[Row, ...]
    measures: dict[str, Summary]
    judge: Judging | None = None
    notes: tuple[str, ...] = ()
    digest: str = ""


def sealed(report: Report) -> Report:
    """`report` with the digest of its content."""
    return msgspec.structs.replace(report, digest=digest_of(report))


def digest_of(report: Report) -> str:
    """The digest that `report` should carry: of its JSON with sorted keys and an empty digest."""
    return bytes_digest(msgspec.json.encode(msgspec.structs.replace(report, digest=""), order="sorted"))


def write(report: Report) -> bytes:
    """JSON with sorted keys, a line a value."""
    return msgspec.json.format(msgspec.json.encode(report, order="sorted"), indent=1) + b"\n"


def read(data: bytes, name: str) -> Report:
    """A report from its JSON. Raises ReleaseError naming `name` and the field at fault; whether it was edited the gate says."""
    try:
        report = msgspec.json.decode(data, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise ReleaseError(f"{name}: is no report: {exc}; `twin release evaluate` makes one") from exc
    if report.schema != SCHEMA:
        raise ReleaseError(f"{name}: is a report of schema {report.schema}, and {SCHEMA} is known: evaluate again")
    return report


def possible(report: Report) -> bool:
    """Whether seed and resamples are what an evaluation can have."""
    return report.seed >= 0 and 1 <= report.resamples <= MOST_RESAMPLES


def scores(rows: Sequence[Row], measure: str) -> list[Pair]:
    """Both scores of `measure` for each row; (None, None) where it was not taken."""
    return [row.scores.get(measure, (None, None)) for row in rows]


def plain(value: Any) -> Mapping[str, Any]:
    """A record as JSON values."""
    made: Mapping[str, Any] = msgspec.to_builtins(value)
    return made
