"""Spans and their text -> where they cut: inside a sentence, a fenced block, a definition; how full they are, and what they lose.

Pure. Knows no splitter.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

Span = tuple[int, int]
ENDS = re.compile(r"""[.!?:;…。！？]["'”’»)\]`*_]*$""")
BEGINS = re.compile(r"[ \t]*(?:#{1,6} |[-*+] |\d+[.)] |>|\||```|~~~|!?\[|<|---|===)")  # a block of Markdown
FENCE = re.compile(r"^ {0,3}(```+|~~~+)[^\n]*\n(?s:.*?)^ {0,3}\1[ \t]*$", re.MULTILINE)
SMALL = 100  # characters: a chunk that says next to nothing


@dataclass(slots=True)
class Cuts:
    """Counts over many texts."""

    chunks: int = 0
    characters: int = 0
    small: int = 0
    too_long: int = 0
    cuts: int = 0
    in_sentence: int = 0
    units: int = 0  # fenced blocks or definitions that would have fitted into one chunk
    units_cut: int = 0
    lost: int = 0  # characters that are not white space and stand in no chunk
    twice: int = 0

    def __add__(self, other: Cuts) -> Cuts:
        return Cuts(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def judged(text: str, spans: Sequence[Span], form: str, limit: int) -> Cuts:
    """One text's counts."""
    stripped = [one for one in (_stripped(text, span) for span in spans) if one[0] < one[1]]
    units = [one for one in _units(text, form) if one[1] - one[0] <= limit]
    fences = [match.span() for match in FENCE.finditer(text)] if form != "python" else []
    cuts = [(end, start) for (_, end), (start, _) in pairwise(sorted(stripped))]
    lost, twice = _coverage(text, stripped)
    return Cuts(
        chunks=len(stripped),
        characters=sum(end - start for start, end in stripped),
        small=sum(end - start < SMALL for start, end in stripped),
        too_long=sum(end - start > limit for start, end in spans),
        cuts=len(cuts),
        in_sentence=sum(_in_sentence(text, cut, fences) for cut in cuts) if form != "python" else 0,
        units=len(units),
        units_cut=sum(any(start < end_before and begin < end for end_before, begin in cuts) for start, end in units),
        lost=lost,
        twice=twice,
    )


def _stripped(text: str, span: Span) -> Span:
    start, end = max(0, span[0]), min(len(text), span[1])
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _in_sentence(text: str, cut: Span, fences: Iterable[Span]) -> bool:
    """Whether prose goes on over the cut: no blank line, no end of a sentence before it, no new block after it."""
    end, start = cut
    if any(begin < end < last for begin, last in fences):
        return False
    if "\n\n" in text[end:start] or ENDS.search(text[max(0, end - 20) : end]):
        return False
    return not ("\n" in text[end:start] and (BEGINS.match(text, start) or BEGINS.match(text, text.rfind("\n", 0, end) + 1)))


def _units(text: str, form: str) -> Iterator[Span]:
    if form == "python":
        yield from _definitions(text)
    else:
        yield from (match.span() for match in FENCE.finditer(text))


def _definitions(text: str) -> Iterator[Span]:
    """Functions and methods of a program, decorators included; none of one that does not parse."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    lines = [0]
    for line in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            yield lines[first - 1] + node.col_offset, lines[node.end_lineno] - 1


def _coverage(text: str, spans: Sequence[Span]) -> Span:
    times = bytearray(len(text))
    for start, end in spans:
        for at in range(start, end):
            times[at] = min(2, times[at] + 1)
    lost = sum(not times[at] and not one.isspace() for at, one in enumerate(text))
    return lost, sum(times[at] > 1 and not one.isspace() for at, one in enumerate(text))
