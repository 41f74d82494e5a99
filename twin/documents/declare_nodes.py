"""YAML text -> nodes that know their lines, safely, and what is wrong with their shape. Knows no key of ours.

Aliases and anchors are refused: they make small files that unfold without end, and a list of sources needs none. So are
tags, and nesting deeper than anything that is declared here.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from twin.errors import SourcesError

if TYPE_CHECKING:
    from yaml import Node

LONGEST = 1_000_000  # bytes of a file of sources
DEEPEST = 12
MOST_MISTAKES = 50


class Mistakes:
    """All that is wrong with one file, each at its line."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: dict[tuple[int, str], None] = {}

    def add(self, node: Any, key: str, what: str) -> None:
        """`what` is wrong with `key`, at the line of `node`."""
        self.at(node.start_mark.line + 1, f"{key}: {what}" if key else what)

    def at(self, line: int, what: str) -> None:
        self.found[line, what] = None

    def raise_if_any(self) -> None:
        """Raise SourcesError with all mistakes in the order of the file."""
        if not self.found:
            return
        ordered = sorted(self.found)
        lines = [f"{self.file}:{line}: {shown(what)}" for line, what in ordered[:MOST_MISTAKES]]
        if len(ordered) > MOST_MISTAKES:
            lines.append(f"{self.file}: and {len(ordered) - MOST_MISTAKES} more mistakes")
        raise SourcesError("\n".join(lines))


def shown(text: str) -> str:
    """`text` on one line: what a file says may hold line breaks and terminal codes."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def compose(text: str, mistakes: Mistakes) -> Node | None:
    """The root mapping of `text`, or None with the mistake added."""
    import yaml

    if len(text) > LONGEST:
        mistakes.at(1, f"larger than {LONGEST:,} characters; is it a list of sources?")
        return None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_events(yaml.parse(text, Loader=loader))
        root = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        mistakes.at(mark.line + 1 if mark else 1, f"not valid YAML: {_problem(exc, text)}")
        return None
    except yaml.YAMLError as exc:
        mistakes.at(_line_of(exc, text), f"not valid YAML: {' '.join(str(getattr(exc, 'reason', exc)).split())}")
        return None
    if root is None or (isinstance(root, yaml.ScalarNode) and root.tag == "tag:yaml.org,2002:null"):
        mistakes.at(1, "is empty; it needs `author` and `sources` (`twin init` writes an example)")
        return None
    if not isinstance(root, yaml.MappingNode):
        mistakes.add(root, "", "must be a mapping with `author` and `sources`")
        return None
    return root


def _check_events(events: Any) -> None:
    """Raise a YAML error for what is valid YAML and never needed here, before nodes are made of it."""
    import yaml

    depth = documents = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        wrong = ""
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            wrong = "anchors (&) and aliases (*) are not allowed; quote the text if it only begins so, or write it out"
        elif getattr(event, "tag", None):
            wrong = "tags (!) are not allowed; quote the text if it only begins so"
        elif depth > DEEPEST:
            wrong = f"nested deeper than {DEEPEST} levels"
        elif documents > 1:
            wrong = "a second document begins here (---); keep one"
        if wrong:
            raise yaml.MarkedYAMLError(problem=wrong, problem_mark=event.start_mark)


def _problem(exc: Any, text: str) -> str:
    problem = " ".join((exc.problem or str(exc)).split())
    mark = exc.problem_mark
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or "'\\t'" in problem:
        return "a tab is used to indent; use spaces"
    if exc.context and exc.context_mark and exc.context_mark.line != getattr(mark, "line", None):
        problem += f" ({' '.join(exc.context.split())} that begins in line {exc.context_mark.line + 1})"
    return problem


def _line_of(exc: Any, text: str) -> int:
    """The line of an error that has only a position."""
    position = getattr(exc, "position", None)
    return text[:position].count("\n") + 1 if isinstance(position, int) else 1


def entries(node: Any, key: str, allowed: Sequence[str], mistakes: Mistakes, *, of: str = "") -> dict[str, Node]:
    """The values of a mapping by key; what is no allowed key, or comes twice, is a mistake."""
    import yaml

    if not isinstance(node, yaml.MappingNode):
        mistakes.add(node, key, f"must be a mapping with {', '.join(allowed)}")
        return {}
    found: dict[str, Node] = {}
    lines: dict[str, int] = {}
    for name_node, value in node.value:
        name = name_node.value if isinstance(name_node, yaml.ScalarNode) else ""
        path = f"{key}.{name}" if key else name
        if name not in allowed:
            mistakes.add(name_node, path, f"there is no such key{of}; {closest(name, allowed)}")
        elif name in found:
            mistakes.add(name_node, path, f"is given twice, first in line {lines[name]}; keep one")
        else:
            found[name] = value
            lines[name] = name_node.start_mark.line + 1
    return found


def sequence(node: Any, key: str, mistakes: Mistakes) -> list[Node] | None:
    """The items of a list, or None with the mistake added."""
    import yaml

    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    mistakes.add(node, key, "must be a list: begin each item with `- `")
    return None


def closest(word: str, allowed: Sequence[str]) -> str:
    """What to write instead of `word`."""
    near = difflib.get_close_matches(word.lower(), allowed, n=1)
    return f"did you mean {near[0]}?" if near else f"one of {', '.join(allowed)}"
