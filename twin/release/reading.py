"""The text of release.yaml -> a Release, or all that is wrong with it, each at its line and key. Knows no file and no git."""

from __future__ import annotations

import types
import typing
from typing import Any

import msgspec
from msgspec import Struct

from twin.errors import ReleaseError
from twin.release.release import Release

LONGEST = 100_000  # characters
DEEPEST = 6
T = typing.TypeVar("T")


class _Mistakes:
    def __init__(self, file: str) -> None:
        self.file = file
        self.found: dict[tuple[int, str], None] = {}

    def add(self, node: Any, key: str, what: str) -> None:
        shown = "".join(character if character.isprintable() else "\ufffd" for character in f"{key}: {what}")
        self.found[node.start_mark.line + 1, shown] = None

    def raise_if_any(self) -> None:
        if self.found:
            raise ReleaseError("\n".join(f"{self.file}:{line}: {what}" for line, what in sorted(self.found)))


def read(text: str, file: str) -> Release:
    """The release in `text`. Raises ReleaseError with every mistake, a line each."""
    mistakes = _Mistakes(file)
    root = _mapping(_composed(text, file), "", ("release",), mistakes)
    found = _struct(root["release"], Release, "release", mistakes) if "release" in root else {}
    mistakes.raise_if_any()
    if not root:
        raise ReleaseError(f"{file}:1: release: is missing; everything stands below it")
    return msgspec.convert(found, Release)


def checked(release: Any, where: str) -> Release:
    """A release of plain values. Raises ReleaseError with every mistake by its key, `where` before it."""
    import yaml

    return read(yaml.safe_dump({"release": release}, sort_keys=False, allow_unicode=True), where)


def _composed(text: str, file: str) -> Any:
    """The root node, of YAML without anchors, tags or depth."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if len(text) > LONGEST:
            raise ReleaseError(f"{file}: is larger than {LONGEST:,} characters; is it a release?")
        _check_events(yaml.parse(text, Loader=loader))
        root = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise ReleaseError(f"{file}:{line}: is not valid YAML: {' '.join((exc.problem or '').split())}") from exc
    except yaml.YAMLError as exc:
        raise ReleaseError(f"{file}:1: is not valid YAML: {' '.join(str(exc).split())}") from exc
    if root is None:
        raise ReleaseError(f"{file}:1: is empty; `twin release promote` writes one")
    return root


def _check_events(events: Any) -> None:
    import yaml

    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise yaml.MarkedYAMLError(problem="anchors, aliases and tags are not allowed", problem_mark=event.start_mark)
        if depth > DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {DEEPEST} levels", problem_mark=event.start_mark)


def _mapping(node: Any, key: str, allowed: typing.Sequence[str], mistakes: _Mistakes) -> dict[str, Any]:
    """The values of a mapping by key; what is no key of ours, or comes twice, is a mistake."""
    import difflib

    import yaml

    if not isinstance(node, yaml.MappingNode):
        mistakes.add(node, key or "release", f"must be a mapping with {', '.join(allowed)}")
        return {}
    found: dict[str, Any] = {}
    for name_node, value in node.value:
        name = name_node.value if isinstance(name_node, yaml.ScalarNode) else "?"
        path = f"{key}.{name}" if key else name
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, n=1)
            hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(allowed)}"
            mistakes.add(name_node, path, f"there is no such key; {hint}")
        elif name in found:
            mistakes.add(name_node, path, "is given twice; keep one")
        else:
            found[name] = value
    return found


def _struct(node: Any, kind: type[Struct], key: str, mistakes: _Mistakes) -> dict[str, Any]:
    known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    before = len(mistakes.found)
    given = _mapping(node, key, tuple(known), mistakes)
    if not given and len(mistakes.found) > before:
        return {}
    for name, field in known.items():
        if field.required and name not in given:
            mistakes.add(node, f"{key}.{name}", "is missing")
    return {name: _value(value, known[name].type, f"{key}.{name}", mistakes) for name, value in given.items()}


def _value(node: Any, kind: Any, key: str, mistakes: _Mistakes) -> Any:
    import yaml

    parts = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    struct = next((one for one in parts if isinstance(one, type) and issubclass(one, Struct)), None)
    if struct:
        return _struct(node, struct, key, mistakes)
    if not isinstance(node, yaml.ScalarNode):
        mistakes.add(node, key, "must be one value")
        return None
    try:
        return msgspec.convert(node.value, kind, strict=False)
    except msgspec.ValidationError as exc:
        mistakes.add(node, key, f"{node.value[:100]!r} {_said(str(exc))}")
        return None


_FORMS = {
    "pass": "is not `pass`: what did not pass is no release",
    r"\.[1-9]": "is no id of a release: YYYY-MM-DD.N, as in 2026-11-20.1",
    "@sha256": "is no pinned image: write repository@sha256:... with 64 hexadecimal digits",
    "#sha256": "is not pinned: write uri#sha256:... with 64 hexadecimal digits",
    "^sha256": "is no digest: write sha256:... with 64 hexadecimal digits",
    r"\S": "must be a word without spaces",
    "`int`": "must be a whole number",
    ">=": "must be 0 or more",
    "length": "is too long",
}


def _said(reason: str) -> str:
    """What is wrong with a value, in words rather than as a pattern."""
    return next((words for part, words in _FORMS.items() if part in reason), reason)
