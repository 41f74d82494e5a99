"""Declared sources -> the same with a name each: the given one, or one made from the url or path. Names are unique."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from twin.documents.declare_nodes import Mistakes
from twin.documents.sources import ExportSource, FeedSource, FilesSource, GitSource, Source, WebSource


def name_sources(made: Sequence[tuple[Any, str, Source]], mistakes: Mistakes) -> tuple[Source, ...]:
    """Sources, each with its node and key, in their order. Two of one given name, or two that are equal, are a mistake.

    A made name that is taken gets a number: `notes-2`. So a name may change when a source before it is added or removed;
    whoever wants it to stay gives one.
    """
    given: dict[str, Any] = {}
    same: dict[Source, Any] = {}
    for node, key, source in made:
        if source.name in given:
            line = given[source.name].start_mark.line + 1
            mistakes.add(node, f"{key}.name", f"{source.name!r} is the name of the source in line {line}; choose another")
        elif source.name:
            given[source.name] = node
        bare = replace(source, name="")
        if bare in same:
            mistakes.add(node, key, f"is the same as the source in line {same[bare].start_mark.line + 1}; remove one")
        same.setdefault(bare, node)
    taken = set(given)
    return tuple(source if source.name else replace(source, name=_free(derived(source), taken)) for _, _, source in made)


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free)
    return free


def derived(source: Source) -> str:
    """A name from where the source is: `example.org-notes`, `project`, `articles`."""
    match source:
        case GitSource(url=url):
            place = url.rstrip("/").removesuffix(".git").rstrip("/")
            text = re.split(r"[/:\\]", place)[-1]
        case WebSource(url=url) | FeedSource(url=url):
            parts = urlsplit(url)
            text = f"{(parts.hostname or '').removeprefix('www.')}{parts.path}"
            text = re.sub(r"\.(?:xml|rss|atom|html?)(?:\.gz)?$", "", text)
        case FilesSource(path=path):
            text = PurePath(path).name
        case ExportSource(path=path):
            text = PurePath(path).stem
        case _:
            text = ""
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-._")[:60].strip("-._") or source.kind
