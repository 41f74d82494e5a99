"""What a dataset is made of, from what and how: the values of its manifest.json. Knows no file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from twin.dataset.filters import Tally

SCHEMA = 1
TRAIN, TEST = "train", "test"


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many examples a filter dropped, by reason."""

    name: str
    dropped: int
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Generator:
    """What wrote the examples. `failed` counts extracts without an answer by reason; tokens are those of all replies used."""

    name: str
    model: str = ""
    prompt_digest: str = ""
    tokens: Mapping[str, int] = field(default_factory=lambda: {"prompt": 0, "completion": 0})
    calls: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A dataset. `counts` is by kind, then by side; `documents` were read, `groups` is what was drawn from for the sides."""

    schema: int = SCHEMA
    format: str
    counts: Mapping[str, Mapping[str, int]]
    documents: int
    groups: int
    sources: Mapping[str, int]
    filters: tuple[Dropped, ...]
    seed: int
    test_share: float
    generator: Generator
    files: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    @property
    def examples(self) -> int:
        """All examples of all kinds and sides."""
        return sum(sum(sides.values()) for sides in self.counts.values())


def dropped(tally: Tally) -> tuple[Dropped, ...]:
    """The filters in the order they were asked, their reasons sorted."""
    return tuple(Dropped(name, sum(found.values()), dict(sorted(found.items()))) for name, found in tally.dropped.items())
