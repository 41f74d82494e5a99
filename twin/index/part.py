"""A build in parts: which documents a part takes, and how far all parts together have come. Knows no store.

Parts hasten a build and do not replace it: whatever they left, because one failed or something changed meanwhile, the whole
build that follows does, and what they did costs it nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_KEY = re.compile(r"(?P<source>.*)\n(?P<number>\d+)/(?P<of>\d+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """The `number`th, from 1, of so many parts. Documents are dealt out by their ids, so evenly."""

    number: int
    of: int

    def takes(self, document: str) -> bool:
        """Whether the document of this id is of this part."""
        return int(document[:12], 16) % self.of == self.number - 1

    def key(self, source: str) -> str:
        """Under which an index remembers how far this part of `source` has been written."""
        return f"{source}\n{self.number}/{self.of}"


WHOLE = Part(1, 1)


def seen(revisions: Mapping[str, int], part: Part = WHOLE) -> dict[str, int]:
    """Up to which revision each source has been written, as far as `part` is concerned: by whole builds, by all parts of one
    division, or by this part itself.
    """
    whole: dict[str, int] = {}
    divided: dict[tuple[str, int], dict[int, int]] = {}
    for key, revision in revisions.items():
        if found := _KEY.fullmatch(key):
            divided.setdefault((found["source"], int(found["of"])), {})[int(found["number"])] = revision
        else:
            whole[key] = max(whole.get(key, 0), revision)
    for (source, of), done in divided.items():
        common = min(done.values()) if len(done) == of else 0
        own = done.get(part.number, 0) if of == part.of else 0
        whole[source] = max(whole.get(source, 0), common, own)
    return whole
