"""The table of what a source of each kind may say, and how each value is read from its node.

A reader takes a `Value` and returns what goes into the record; a wrong one adds a mistake and returns a harmless value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from twin.documents.declare_nodes import Mistakes, closest, entries, sequence
from twin.documents.links import normal
from twin.documents.sources import ExportSource, FeedSource, FilesSource, GitSource, Source, WebSource
from twin.records import Author, Kind

__all__ = ["KINDS", "AuthorAt", "KindTable", "Mistakes", "Value"]

Choice = TypeVar("Choice", bound=str)
LONGEST_TEXT = 2000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_WHOLE = re.compile(r"[0-9]{1,12}")
_REF = re.compile(r"(?!-)[^\s~^:?*\[\\\x00-\x20\x7f]{1,250}")
_SCP = re.compile(r"(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9.-]+:(?!/{2})\S+")


@dataclass(frozen=True, slots=True)
class Value:
    """A node with where it is: `key` is its path in the file."""

    node: Any
    key: str
    mistakes: Mistakes
    folder: Path

    def wrong(self, what: str) -> None:
        self.mistakes.add(self.node, self.key, what)

    def scalar(self, what: str, *types: str) -> str | None:
        """The text of a scalar of one of these YAML types; None, with the mistake, when it is another."""
        import yaml

        kind = self.node.tag.rpartition(":")[2]
        if not isinstance(self.node, yaml.ScalarNode) or kind not in types:
            names = {"str": "text", "int": "a number", "float": "a number", "bool": "true or false", "null": "nothing"}
            names |= {"map": "a mapping", "seq": "a list", "timestamp": "a date"}
            quote = "; put it in quotes" if "str" in types and kind in ("int", "float", "bool", "timestamp") else ""
            self.wrong(f"must be {what}, and is {names.get(kind, kind)}{quote}")
            return None
        return str(self.node.value)

    def text(self) -> str:
        """A text that is not blank."""
        found = self.scalar("text", "str")
        if found is None:
            return ""
        if not found.strip():
            self.wrong("is empty")
        elif len(found) > LONGEST_TEXT:
            self.wrong(f"is longer than {LONGEST_TEXT:,} characters")
        elif not found.strip().isprintable():
            self.wrong("holds a control character or line break")
        return found.strip()

    def one_of(self, allowed: tuple[Choice, ...]) -> Choice | None:
        found = self.scalar(f"one of {', '.join(allowed)}", "str")
        if found is not None and found not in allowed:
            hint = closest(found, allowed)
            said = hint if hint.startswith("one of") else f"{hint} One of {', '.join(allowed)}"
            self.wrong(f"{found[:60]!r} is none; {said}")
        return next((one for one in allowed if one == found), None)

    def whole(self, least: int, most: int) -> int:
        what = f"a whole number from {least:,} to {most:,}"
        found = self.scalar(what, "int")
        if found is None:
            return least
        if not _WHOLE.fullmatch(found) or not least <= int(found) <= most:
            self.wrong(f"must be {what}, and is {found[:40]}")
            return least
        return int(found)


def _name(value: Value) -> str:
    found = value.text()
    if found and not _NAME.fullmatch(found):
        value.wrong(f"{found[:60]!r} is no name; use letters, digits, dots, dashes and underscores, at most 100")
    return found


def _share(value: Value) -> float:
    found = value.scalar("a number from 0 to 1", "int", "float")
    try:
        number = float(found) if found is not None else 0.5
    except ValueError:  # YAML's other spellings: 0x1, 1_000, 1:30
        number = math.nan
    if not 0 <= number <= 1:
        value.wrong(f"must be a number from 0 to 1 (0.5 is half), and is {found}")
    return number


def _flag(value: Value) -> bool:
    found = value.scalar("true or false", "bool")
    return found is not None and found.lower() in ("true", "yes", "on")


def _language(value: Value) -> str:
    found = value.text().lower()
    if found and not _LANGUAGE.fullmatch(found):
        value.wrong(f"{found[:40]!r} is no ISO 639-1 code; two letters, as in en or de")
    return found


def _documents(value: Value) -> Kind:
    return Kind(value.one_of(tuple(kind.value for kind in Kind)) or Kind.ARTICLE)


def _globs(value: Value) -> tuple[str, ...]:
    items = sequence(value.node, value.key, value.mistakes)
    if items == []:
        value.wrong('is empty; leave it out, or name patterns, as in ["**/*.md"]')
    return tuple(Value(item, f"{value.key}[{at}]", value.mistakes, value.folder).text() for at, item in enumerate(items or ()))


def _path(value: Value) -> str:
    found = value.text()
    if not found:
        return ""
    try:
        path = Path(found).expanduser()
    except RuntimeError:
        value.wrong(f"{found[:60]!r}: there is no such user's home; write the path out")
        return ""
    return str((value.folder / path).resolve())


def _web_url(value: Value) -> str:
    found = value.text()
    if not found:
        return ""
    parts = _parts(found)
    if parts is not None and (parts.username or parts.password):
        value.wrong("holds a user name or password; a crawl sends none. Remove it")
    elif not normal(found):
        hint = f"; did you mean https://{found}?" if "://" not in found and "." in found else ""
        value.wrong(f"{found[:100]!r} is no http(s) URL{hint}")
    return found


def _git_url(value: Value) -> str:
    """A URL that git understands, or a path, made absolute. An option is refused, and a transport that runs commands."""
    found = value.text()
    if not found:
        return ""
    scheme = found.partition("://")[0].lower() if "://" in found else ""
    if found.startswith("-") or "::" in found.partition("/")[0]:
        value.wrong("is no git URL or path (it begins like an option or a remote helper)")
    elif scheme and scheme not in ("https", "http", "ssh", "git", "file"):
        value.wrong(f"has scheme {scheme[:40]!r}; one of https, http, ssh, git, file")
    elif scheme and _parts(found) is None:
        value.wrong("is no URL")
    return found if scheme or _SCP.fullmatch(found) else _path(value)


def _parts(url: str) -> Any:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _ref(value: Value) -> str:
    found = value.text()
    if found and (not _REF.fullmatch(found) or ".." in found):
        value.wrong(f"{found[:60]!r} is no branch, tag or commit")
    return found


@dataclass(frozen=True, slots=True)
class AuthorAt:
    """Reads `{id, name}`; the name is the id when it is left out."""

    key: str
    mistakes: Mistakes

    def read(self, node: Any) -> Author | None:
        before = len(self.mistakes.found)
        given = entries(node, self.key, ("id", "name"), self.mistakes)
        texts = {name: Value(at, f"{self.key}.{name}", self.mistakes, Path()).text() for name, at in given.items()}
        if len(self.mistakes.found) == before and "id" not in texts:
            self.mistakes.add(node, f"{self.key}.id", "is missing; a short text that stays the same, as in `id: ada`")
        if len(self.mistakes.found) > before:
            return None
        return Author(texts["id"], texts.get("name") or texts["id"])


def _author(value: Value) -> Author | None:
    return AuthorAt(value.key, value.mistakes).read(value.node)


def _within(least: int, most: int) -> Callable[[Value], int]:
    return lambda value: value.whole(least, most)


Reader = Callable[[Value], object]
_EVERY: Mapping[str, Reader] = {
    "name": _name,
    "author": _author,
    "documents": _documents,
    "language": _language,
    "max_gone": _share,
}
_GLOBS: Mapping[str, Reader] = {"include": _globs, "exclude": _globs}
_CRAWLED: Mapping[str, Reader] = {"url": _web_url, "max_pages": _within(1, 1_000_000), "allow_private": _flag}


@dataclass(frozen=True, slots=True)
class KindTable:
    """What a source of one kind may and must say, and the record that it becomes."""

    make: Callable[..., Source]
    needed: tuple[str, ...]
    keys: Mapping[str, Reader]
    documents: Kind = Kind.ARTICLE


KINDS: Mapping[str, KindTable] = {
    "git": KindTable(
        GitSource,
        ("url",),
        {"url": _git_url, "ref": _ref, **_GLOBS, "history": _within(0, 1_000_000), "allow_private": _flag, **_EVERY},
        Kind.REPOSITORY,
    ),
    "web": KindTable(WebSource, ("url",), {**_CRAWLED, "depth": _within(0, 20), **_EVERY}),
    "feed": KindTable(FeedSource, ("url",), {**_CRAWLED, **_EVERY}),
    "files": KindTable(FilesSource, ("path",), {"path": _path, **_GLOBS, **_EVERY}),
    "export": KindTable(ExportSource, ("path",), {"path": _path, **_EVERY}),
}
