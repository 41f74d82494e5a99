"""A Markdown text -> its front matter (YAML between `---`, TOML between `+++`) and the text behind it. Pure."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LARGEST = 65_536  # characters
_YAML = re.compile(r"\A---[ \t]*\n(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TOML = re.compile(r"\A\+\+\+[ \t]*\n(.*?\n)??\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What a text says of itself; unknown fields are empty. `published` is ISO 8601."""

    title: str = ""
    author: str = ""
    published: str = ""
    language: str = ""
    link: str = ""
    tags: tuple[str, ...] = ()


def split(text: str) -> tuple[FrontMatter, str]:
    """(front matter, the rest). What is broken or no mapping is text like any other."""
    for pattern, load in ((_YAML, _yaml), (_TOML, _toml)):
        match = pattern.match(text[:LARGEST]) if text[:3] in ("---", "+++") else None
        fields = load(match.group(1) or "") if match else None
        if match and fields is not None:
            return _front_matter(fields), text[match.end() :].lstrip("\n")
    return FrontMatter(), text


def _yaml(text: str) -> Mapping[str, Any] | None:
    import yaml

    try:
        fields = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return None
    return fields if isinstance(fields, dict) else {} if fields is None else None


def _toml(text: str) -> Mapping[str, Any] | None:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _front_matter(fields: Mapping[Any, Any]) -> FrontMatter:
    named = {str(key).lower(): value for key, value in fields.items()}
    tags = named.get("tags") or named.get("keywords") or ()
    listed = re.split(r",\s*", tags) if isinstance(tags, str) else tags if isinstance(tags, list) else ()
    language = _word(named, "lang", "language")[:2].lower()
    return FrontMatter(
        title=_word(named, "title"),
        author=_author(named.get("author", named.get("authors"))),
        published=_date(named.get("date", named.get("published"))),
        language=language if language.isalpha() else "",
        link=_link(_word(named, "canonical_url", "canonical", "link", "url")),
        tags=tuple(str(tag).strip() for tag in listed if isinstance(tag, str | int) and str(tag).strip()),
    )


def _word(fields: Mapping[str, Any], *keys: str) -> str:
    value = next((fields[key] for key in keys if isinstance(fields.get(key), str | int | float)), "")
    return " ".join(str(value).split())


def _author(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, dict):
        value = value.get("name", "")
    return " ".join(value.split()) if isinstance(value, str) else ""


def _date(value: Any) -> str:
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, str):
        try:
            return dt.datetime.fromisoformat(value.strip()).isoformat()
        except ValueError:
            return ""
    return ""


def _link(value: str) -> str:
    return value if re.match(r"https?://[^\s/]+", value) else ""
