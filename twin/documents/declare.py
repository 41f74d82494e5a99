"""sources.yaml -> a tuple of Source records, or its author alone, or every mistake in it with file, line, key and remedy.

Reads YAML's nodes and not its values, because nodes know their lines. Knows no source kind beyond the table in
`declare_keys`, and looks at no path or url: whether something is there is the fetcher's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.documents.declare_keys import KINDS, AuthorAt, Mistakes, Value
from twin.documents.declare_names import name_sources
from twin.documents.declare_nodes import LONGEST, compose, entries, sequence
from twin.documents.sources import Source
from twin.errors import SourcesError
from twin.records import Author

TOP = ("author", "sources")


def read_sources(path: Path) -> tuple[Source, ...]:
    """The sources that the file at `path` declares. Raises SourcesError."""
    return parse_sources(_text(path), str(path), path.parent)


def read_author(path: Path) -> Author | None:
    """The author of all sources of the file at `path` that name none; None where each names its own.

    Mistakes in the sources are not looked for. Raises SourcesError.
    """
    mistakes = Mistakes(str(path))
    root = compose(_text(path), mistakes)
    mistakes.raise_if_any()
    top = entries(root, "", TOP, Mistakes(str(path)))
    found = AuthorAt("author", mistakes).read(top["author"]) if "author" in top else None
    mistakes.raise_if_any()
    return found


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
    except FileNotFoundError as exc:
        raise SourcesError(f"{path}: there is no such file; `twin init` makes one") from exc
    except OSError as exc:
        raise SourcesError(f"{path}: cannot be read ({exc.strerror})") from exc
    if len(data) > LONGEST:
        raise SourcesError(f"{path}: larger than {LONGEST:,} bytes; is it a list of sources?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data[: exc.start].count(b"\n") + 1
        raise SourcesError(f"{path}:{line}: not UTF-8; save it as UTF-8") from exc


def parse_sources(text: str, file: str, folder: Path) -> tuple[Source, ...]:
    """The sources declared by `text`; relative paths are resolved against `folder`. Raises SourcesError.

    The error's message has one line a mistake, `file:line: key: what is wrong; what to do`, in the order of the file.
    """
    mistakes = Mistakes(file)
    found = _sources(text, mistakes, folder)
    mistakes.raise_if_any()
    return found


def _sources(text: str, mistakes: Mistakes, folder: Path) -> tuple[Source, ...]:
    root = compose(text, mistakes)
    if root is None:
        return ()
    top = entries(root, "", TOP, mistakes)
    default = AuthorAt("author", mistakes).read(top["author"]) if "author" in top else None
    if "sources" not in top:
        mistakes.add(root, "sources", "is missing; name at least one, as in `sources: [{kind: files, path: notes/}]`")
        return ()
    items = sequence(top["sources"], "sources", mistakes)
    if items == []:
        mistakes.add(top["sources"], "sources", "is empty; name at least one, as in `- {kind: files, path: notes/}`")
    reading = _Reading(mistakes, folder, default, has_default="author" in top)
    made = [reading.source(item, f"sources[{at}]") for at, item in enumerate(items or ())]
    return name_sources([one for one in made if one is not None], mistakes)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What every source of a file is read with; `default` is None when there is no author or it has a mistake."""

    mistakes: Mistakes
    folder: Path
    default: Author | None
    has_default: bool

    def source(self, node: Any, key: str) -> tuple[Any, str, Source] | None:
        """One source with its node and key, or None when it has a mistake."""
        before = len(self.mistakes.found)
        kind = _kind(node, key, self.mistakes)
        if kind is None:
            return None
        table = KINDS[kind]
        given = entries(node, key, ("kind", *table.keys), self.mistakes, of=f" of a {kind} source")
        values = {
            name: read(Value(given[name], f"{key}.{name}", self.mistakes, self.folder))
            for name, read in table.keys.items()
            if name in given
        }
        self._check_needed(node, key, given, kind)
        author = values.pop("author", self.default)
        if len(self.mistakes.found) > before or author is None:
            return None
        return node, key, table.make(**{"name": "", "author": author, "documents": table.documents, **values})

    def _check_needed(self, node: Any, key: str, given: Mapping[str, Any], kind: str) -> None:
        for name in KINDS[kind].needed:
            if name not in given:
                self.mistakes.add(node, f"{key}.{name}", f"is missing; a {kind} source needs it")
        if "author" not in given and not self.has_default:
            how = "add `author: {id: ada, name: Ada Author}` at the top of the file"
            self.mistakes.add(node, f"{key}.author", f"is missing, and no author is given for all sources; {how}")


def _kind(node: Any, key: str, mistakes: Mistakes) -> str | None:
    """Which kind a source is of; mistakes are added when it does not say."""
    from yaml import MappingNode, ScalarNode

    if not isinstance(node, MappingNode):
        mistakes.add(node, key, "must be a mapping, as in `{kind: files, path: notes/}`")
        return None
    at = next((value for name, value in node.value if isinstance(name, ScalarNode) and name.value == "kind"), None)
    if at is None:
        mistakes.add(node, f"{key}.kind", f"is missing; one of {', '.join(KINDS)}")
        return None
    kind = Value(at, f"{key}.kind", mistakes, Path()).one_of(tuple(KINDS))
    return kind or None
