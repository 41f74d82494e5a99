"""Rows of a dataset's test split, or a file of one's own -> held-out questions. Knows no folder and no Parquet.

A row has `question` (or `instruction`), `reference` (or `answer`) and `document`, and may have `id` and `relevant`, the grades
of all documents that answer it. Rows of preferences are passed over: they repeat what an instruction asks.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from twin.errors import ReleaseError
from twin.records import ExampleKind

LONGEST_LINE = 4_000_000  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """A question that no training has seen, the author's own answer, and the id of the document that it stands in.

    `relevant` grades documents that answer it (1 and more); the document itself unless said otherwise.
    """

    id: str
    question: str
    reference: str
    document: str
    relevant: Mapping[str, float] = field(default_factory=dict)

    @property
    def grades(self) -> Mapping[str, float]:
        """What counts as found."""
        return self.relevant or {self.document: 1.0}


def jsonl(data: bytes, name: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a JSONL file called `name`, empty lines left out. Raises ReleaseError with the line."""
    decoder = msgspec.json.Decoder()
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        if len(line) > LONGEST_LINE:
            raise ReleaseError(f"{name}:{number}: a line of more than {LONGEST_LINE:,} bytes; is it JSONL?")
        try:
            value = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise ReleaseError(f"{name}:{number}: not JSON: {exc}") from exc
        if not isinstance(value, dict):
            raise ReleaseError(f"{name}:{number}: an object was expected, with question, reference and document")
        yield value


def yaml_rows(data: bytes, name: str) -> Iterator[Mapping[str, Any]]:
    """The mappings of a YAML list called `name`. Raises ReleaseError."""
    import yaml

    try:
        value = yaml.safe_load(data)
    except yaml.MarkedYAMLError as exc:
        line = f":{exc.problem_mark.line + 1}" if exc.problem_mark else ""
        raise ReleaseError(f"{name}{line}: not YAML: {exc.problem}") from exc
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as exc:
        raise ReleaseError(f"{name}: not YAML: {type(exc).__name__}") from exc
    if not isinstance(value, list):
        raise ReleaseError(f"{name}: a list of questions was expected")
    for number, row in enumerate(value, 1):
        if not isinstance(row, dict):
            raise ReleaseError(f"{name}: question {number}: a mapping was expected, with question, reference and document")
        yield row


def held_out(rows: Iterable[Mapping[str, Any]], name: str) -> list[HeldOut]:
    """The questions of `rows`, sorted by id. Raises ReleaseError naming the row and the key, or the id that comes twice."""
    found: dict[str, HeldOut] = {}
    for number, row in enumerate(rows, 1):
        if row.get("kind") == ExampleKind.PREFERENCE:
            continue
        one = _one(row, f"{name}: question {number}")
        if one.id in found:
            raise ReleaseError(f"{name}: question {number}: the id {one.id[:80]!r} was given before; ids say which is which")
        found[one.id] = one
    if not found:
        raise ReleaseError(f"{name}: there is no question in it")
    return [found[id] for id in sorted(found)]


def _one(row: Mapping[str, Any], where: str) -> HeldOut:
    question = _text(row, ("question", "instruction"), where)
    reference = _text(row, ("reference", "answer"), where)
    document = _text(row, ("document",), where)
    given = row.get("id")
    if given is not None and (not isinstance(given, str) or not given.strip()):
        raise ReleaseError(f"{where}: id: a text was expected")
    made = hashlib.sha256(f"{question}\x1f{document}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return HeldOut(
        id=given or made,
        question=question,
        reference=reference,
        document=document,
        relevant=_grades(row.get("relevant"), where),
    )


def _text(row: Mapping[str, Any], keys: tuple[str, ...], where: str) -> str:
    for key in keys:
        value = row.get(key)
        if isinstance(value, str) and value.strip():
            return value
    raise ReleaseError(f"{where}: {' or '.join(keys)}: a text was expected")


def _grades(value: Any, where: str) -> dict[str, float]:
    if value is None:
        return {}
    good = isinstance(value, dict) and all(
        isinstance(key, str) and isinstance(grade, (int, float)) and math.isfinite(grade) and grade > 0
        for key, grade in value.items()
    )
    if not good:
        raise ReleaseError(f"{where}: relevant: a mapping from document to a grade above 0 was expected")
    return {key: float(grade) for key, grade in value.items()}
