"""thresholds.yaml -> what a candidate must show, measure by measure. Knows no report and no file system.

confidence: 0.95          # of the intervals, unless a measure says otherwise
questions: 60             # at least so many, unless a measure says otherwise
measures:
  style.delta: {better: lower, largest_loss: 0.05}
  perplexity.nats: {better: lower, least_gain: 0, confidence: 0.9, questions: 200}
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twin.digest import bytes_digest
from twin.errors import ReleaseError
from twin.release.bootstrap import least_documents
from twin.release.measures.catalogue import MEASURES, Better

if TYPE_CHECKING:
    from yaml import Node

LONGEST = 200_000  # bytes
LEAST_CONFIDENCE, MOST_CONFIDENCE = 0.5, 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one measure must show: its interval's worse end is a gain of at least `gain` (below 0: a loss allowed)."""

    measure: str
    gain: float
    confidence: float
    questions: int

    @property
    def wanted(self) -> str:
        """The rule in words."""
        if self.gain == 0:
            return "no loss"
        return f"a gain of at least {self.gain:g}" if self.gain > 0 else f"a loss of at most {-self.gain:g}"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """All rules, sorted by measure, and the digest of the file that they stand in."""

    rules: tuple[Rule, ...]
    digest: str


def parse(data: bytes, name: str) -> Thresholds:
    """The thresholds of a file called `name`. Raises ReleaseError with line and key."""
    root = _Mapping.of(_composed(data, name), "", name)
    values = root.read({"confidence": _confidence, "questions": _questions, "measures": lambda at: at.node}, needed=True)
    floor = _enough(values["questions"], values["confidence"], root, "questions")
    given = _Mapping.of(values["measures"], "measures", name)
    rules = [_rule(given, key, float(values["confidence"]), floor) for key in given.entries]
    if not rules:
        raise given.wrong("", "names no measure, so everything would pass")
    return Thresholds(tuple(sorted(rules, key=lambda rule: rule.measure)), bytes_digest(data))


def _rule(given: _Mapping, measure: str, confidence: float, questions: int) -> Rule:
    if measure not in MEASURES:
        raise given.wrong(measure, f"there is no such measure; {_closest(measure, list(MEASURES))}")
    here = _Mapping.of(given.entries[measure], f"measures.{measure}", given.file)
    known: dict[str, Callable[[_Value], Any]] = {
        "better": _better,
        "largest_loss": _amount,
        "least_gain": _amount,
        "confidence": _confidence,
        "questions": _questions,
    }
    values = here.read(known)
    if values.get("better") is not MEASURES[measure].better:
        raise here.wrong(
            "better" if "better" in values else "",
            f"better must be given as {MEASURES[measure].better}: that is how {measure} improves",
        )
    if ("largest_loss" in values) == ("least_gain" in values):
        raise here.wrong("", "give one of largest_loss and least_gain")
    sure = values.get("confidence", confidence)
    return Rule(
        measure=measure,
        gain=values["least_gain"] if "least_gain" in values else -values["largest_loss"],
        confidence=sure,
        questions=_enough(
            values.get("questions", questions), sure, here, "questions" if "questions" in values else "confidence"
        ),
    )


def _enough(questions: int, confidence: float, where: _Mapping, key: str) -> int:
    least = least_documents(confidence)
    if questions < least:
        raise where.wrong(key, f"{questions} questions are too few for a confidence of {confidence:g}: at least {least}")
    return questions


@dataclass(frozen=True, slots=True)
class _Value:
    """A scalar as it stands in the file."""

    node: Any

    def number(self) -> float:
        import yaml

        if not isinstance(self.node, yaml.ScalarNode) or self.node.tag not in {
            "tag:yaml.org,2002:int",
            "tag:yaml.org,2002:float",
        }:
            raise ValueError("a number was expected")
        return float(yaml.safe_load(self.node.value))


@dataclass(frozen=True, slots=True)
class _Mapping:
    """A mapping of the file, its entries by key, and where it stands."""

    node: Any
    path: str
    file: str
    entries: Mapping[str, Any]

    @classmethod
    def of(cls, node: Any, path: str, file: str) -> _Mapping:
        import yaml

        if not isinstance(node, yaml.MappingNode):
            raise _wrong(file, node, path, "a mapping was expected")
        entries: dict[str, Any] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if not name or name in entries:
                raise _wrong(file, key, f"{path}.{name}".strip("."), "is given twice" if name else "a name was expected")
            entries[name] = value
        return cls(node, path, file, entries)

    def read(self, known: Mapping[str, Callable[[_Value], Any]], *, needed: bool = False) -> dict[str, Any]:
        """The entries as values. Raises ReleaseError for one that is unknown, wrong, or `needed` and not there."""
        found = {}
        for key, node in self.entries.items():
            if key not in known:
                raise self.wrong(key, f"there is no such key; {_closest(key, list(known))}")
            try:
                found[key] = known[key](_Value(node))
            except ValueError as exc:
                raise self.wrong(key, str(exc)) from exc
        for key in known if needed else ():
            if key not in found:
                raise self.wrong("", f"{key} is missing")
        return found

    def wrong(self, key: str, what: str) -> ReleaseError:
        node = self.entries.get(key, self.node)
        return _wrong(self.file, node, f"{self.path}.{key}".strip("."), what)


def _wrong(file: str, node: Any, key: str, what: str) -> ReleaseError:
    shown = "".join(c if c.isprintable() else "\ufffd" for c in key)[:120]
    return ReleaseError(f"{file}:{node.start_mark.line + 1}: {shown + ': ' if shown else ''}{what}")


def _composed(data: bytes, name: str) -> Node:
    import yaml

    if len(data) > LONGEST:
        raise ReleaseError(f"{name}: is larger than {LONGEST:,} bytes; is it a file of thresholds?")
    try:
        root = yaml.compose(data.decode(), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise ReleaseError(f"{name}:{line}: not YAML: {' '.join(str(exc.problem).split())}") from exc
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as exc:
        raise ReleaseError(f"{name}: not YAML: {' '.join(str(exc).split())}") from exc
    if root is None:
        raise ReleaseError(f"{name}:1: is empty; it needs confidence, questions and measures")
    return root


def _confidence(at: _Value) -> float:
    if not LEAST_CONFIDENCE <= (value := at.number()) <= MOST_CONFIDENCE:
        raise ValueError(f"a number from {LEAST_CONFIDENCE} to {MOST_CONFIDENCE} was expected, and {value:g} is none")
    return value


def _questions(at: _Value) -> int:
    value = at.number()
    if value < 1 or value != int(value):
        raise ValueError("a whole number above 0 was expected")
    return int(value)


def _amount(at: _Value) -> float:
    value = at.number()
    if not math.isfinite(value) or value < 0:
        raise ValueError("a number of 0 or more was expected, in the measure's own unit")
    return value


def _better(at: _Value) -> Better:
    try:
        return Better(at.node.value)
    except (ValueError, TypeError) as exc:
        raise ValueError("higher or lower was expected") from exc


def _closest(word: str, allowed: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, allowed, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(allowed)}"
