"""A text -> which headings, or which definitions, stand above each position. Knows no chunks."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

HEADING = re.compile(r"(#{1,6})[ \t]+(.+?)[ \t]*#*$")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
CODE_NAME = re.compile(
    r"^([ \t]*)(?:export |default |pub |public |private |static |async )*"
    r"(?:def|class|func|function|fn|impl|struct|interface|type)\s+(?:\([^)]*\)\s*)?([A-Za-z_]\w*)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Outline:
    """Headings in order: where each begins, its level (1 is the top) and its words."""

    starts: tuple[int, ...]
    levels: tuple[int, ...]
    names: tuple[str, ...]

    @classmethod
    def of_markdown(cls, text: str) -> Outline:
        """The headings of a Markdown text; lines inside fenced code are none."""
        return cls._of(_headings(text))

    @classmethod
    def of_code(cls, text: str) -> Outline:
        """Classes and functions of a program, by indentation."""
        found = ((match.start(), len(match[1].expandtabs(4)) // 2 + 1, match[2]) for match in CODE_NAME.finditer(text))
        return cls._of(found)

    @classmethod
    def _of(cls, found: Iterator[tuple[int, int, str]]) -> Outline:
        rows = list(found)
        return cls(tuple(r[0] for r in rows), tuple(r[1] for r in rows), tuple(r[2] for r in rows))

    def path(self, start: int, end: int) -> tuple[str, ...]:
        """The headings above the passage at [start, end), outermost first; one it begins with belongs to it."""
        at = bisect_right(self.starts, start)
        if at < len(self.starts) and self.starts[at] - start < 3 and self.starts[at] < end:  # noqa: PLR2004  a blank line before it
            at += 1
        path: list[str] = []
        level = 7
        for i in range(at - 1, -1, -1):
            if self.levels[i] < level:
                path.append(self.names[i])
                level = self.levels[i]
            if level == 1:
                break
        return tuple(reversed(path))


def _headings(text: str) -> Iterator[tuple[int, int, str]]:
    fence = ""
    start = 0
    for line in text.split("\n"):
        if mark := FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence) and not line.strip(" `~"):
                fence = ""
        elif not fence and line.startswith("#") and (found := HEADING.match(line)):
            yield start, len(found[1]), found[2]
        start += len(line) + 1
