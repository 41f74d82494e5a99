"""A text -> which headings, or which definitions, stand above each position. Knows no chunks."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

DEEPEST = 6  # names above a passage, innermost first
LONGEST = 200  # characters of a name: it is repeated in every passage below it
HEADING = re.compile(r"(#{1,6})[ \t]+(?=\S)")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
ABOVE = re.compile(r"[ \t]*(?:@|#|//|/\*|\*|--)")  # the line of a decorator or comment
CODE_NAME = re.compile(
    r"^([ \t]*)(?:export |default |pub |public |private |static |async )*"
    r"(?:def|class|func|function|fn|impl|struct|interface|type)[ \t]+(?:\([^)\n]{0,200}\)[ \t]*)?([A-Za-z_]\w{0,199})",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Outline:
    """Headings in order: where each begins, its words, and which one stands above it (-1: none)."""

    starts: tuple[int, ...]
    names: tuple[str, ...]
    parents: tuple[int, ...]

    @classmethod
    def of_markdown(cls, text: str) -> Outline:
        """The headings of a Markdown text; lines inside fenced code are none."""
        return cls._of(_headings(text))

    @classmethod
    def of_code(cls, text: str) -> Outline:
        """Classes and functions of a program, by indentation."""
        found = (
            (_first_line(text, match.start()), len(match[1].expandtabs(4)) // 2 + 1, match[2])
            for match in CODE_NAME.finditer(text)
        )
        return cls._of(found)

    @classmethod
    def _of(cls, found: Iterator[tuple[int, int, str]]) -> Outline:
        starts: list[int] = []
        names: list[str] = []
        parents: list[int] = []
        open_: list[tuple[int, int]] = []  # level and place of the headings that still hold, outermost first
        for start, level, name in found:
            while open_ and open_[-1][0] >= level:
                open_.pop()
            parents.append(open_[-1][1] if open_ else -1)
            open_.append((level, len(names)))
            starts.append(start)
            names.append(name)
        return cls(tuple(starts), tuple(names), tuple(parents))

    def path(self, start: int, end: int) -> tuple[str, ...]:
        """The headings above the passage at [start, end), outermost first; one it begins with belongs to it."""
        at = bisect_right(self.starts, start)
        if at < len(self.starts) and self.starts[at] - start < 3 and self.starts[at] < end:  # noqa: PLR2004  a blank line before it
            at += 1
        path: list[str] = []
        above = at - 1
        while above >= 0 and len(path) < DEEPEST:
            path.append(self.names[above])
            above = self.parents[above]
        return tuple(reversed(path))


def _first_line(text: str, start: int) -> int:
    """Where the decorators and comments right above the definition at `start` begin: they are a part of it."""
    while start > 0:
        before = text.rfind("\n", 0, start - 1) + 1
        if not ABOVE.match(text, before):
            break
        start = before
    return start


def _headings(text: str) -> Iterator[tuple[int, int, str]]:
    fence = ""
    start = 0
    for line in text.split("\n"):
        if mark := FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence) and not line.strip(" `~"):
                fence = ""
        elif not fence and (found := HEADING.match(line)) and (name := _name(line[found.end() :])):
            yield start, len(found[1]), name
        start += len(line) + 1


def _name(rest: str) -> str:
    """A heading's words without the closing #s, which a space must part from them."""
    words = rest.rstrip()
    bare = words.rstrip("#")
    closed = bare == "" or bare[-1] in " \t"
    return (bare.rstrip() if closed else words)[:LONGEST].rstrip()
