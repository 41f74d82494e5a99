"""One record of an export -> drafts of documents: articles, posts, files of a repository. Pure.

The shapes are those of MongoDB exports of an articles collection; anything else is refused by the name of its key.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from twin.documents.authorship import author_of
from twin.documents.text import printable
from twin.records import Author, Kind

POST_PLATFORMS = frozenset({"linkedin", "twitter", "x", "mastodon", "bluesky", "threads"})
_NAMES = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "nothing",
}
_WIDEST_ID = 200


class ShapeError(ValueError):
    """A record is none of the known shapes; the message holds key, what is expected and what was found."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A document that is not made yet: `body` may be HTML. `kind` None is the source's own."""

    uri: str
    kind: Kind | None
    title: str
    body: str
    author: Author
    link: str = ""
    language: str = ""
    published: str = ""
    subtitle: str = ""
    platform: str = ""
    path: str = ""  # of a repository's file


def drafts(value: Any, source: str, default: Author) -> list[Draft]:
    """The documents of one record of the source named `source`. Raises ShapeError."""
    if not isinstance(value, dict):
        raise ShapeError(f"expected an object, found {_name(value)}")
    content = value.get("content", value.get("Content"))
    if content is None:
        raise ShapeError(f"content: missing; the record has {_keys(value)}")
    link, place = _place(value, source)
    author = author_of(_author_id(value), _text(value, "author_full_name") or _text(value, "author_name"), default)
    base = Draft(place, None, "", "", author, link, published=_published(value), platform=_text(value, "platform"))
    if isinstance(content, str):
        return [_post(base, value, content)]
    if not isinstance(content, dict):
        raise ShapeError(f"content: expected an object or text, found {_name(content)}")
    if _is_repository(value, content):
        return _repository(base, value, content)
    return [_article(base, content)]


def _article(base: Draft, content: Mapping[str, Any]) -> Draft:
    fields = {key.lower(): key for key in content if isinstance(key, str)}
    if "content" not in fields:
        raise ShapeError(f"content.Content: missing; content has {_keys(content)}")
    title, subtitle, body, language = (
        _text(content, fields.get(name, name), "content.") for name in ("title", "subtitle", "content", "language")
    )
    kind = Kind.POST if not title and (base.platform.lower() in POST_PLATFORMS or "title" not in fields) else None
    language = language[:2].lower() if re.match(r"[A-Za-z]{2}(?![A-Za-z])", language) else ""
    return _with(base, kind=kind, title=title, subtitle=subtitle, body=body, language=language)


def _post(base: Draft, value: Mapping[str, Any], content: str) -> Draft:
    title = _text(value, "title") or _text(value, "Title")
    post = base.platform.lower() in POST_PLATFORMS or not title
    return _with(
        base, kind=Kind.POST if post else None, title=title, body=content, language=_text(value, "language")[:2].lower()
    )


def _is_repository(value: Mapping[str, Any], content: Mapping[str, Any]) -> bool:
    named = {"title", "subtitle", "content"} & {str(key).lower() for key in content}
    return not named and bool(content) and ("name" in value or all("/" in str(key) or "." in str(key) for key in content))


def _repository(base: Draft, value: Mapping[str, Any], content: Mapping[str, Any]) -> list[Draft]:
    name = _text(value, "name")
    files = []
    for path in content:
        text = _text(content, path, "content.")
        where = quote(path.encode("utf-8", "replace"), safe="/-._~+@")
        uri = f"{base.uri.removesuffix('/').removesuffix('.git')}/blob/HEAD/{where}" if base.link else f"{base.uri}/{where}"
        title = printable(f"{name}/{path}" if name else path)
        link = uri if base.link else ""
        files.append(_with(base, uri=uri, link=link, kind=Kind.REPOSITORY, title=title, body=text, path=path))
    return files


def _with(base: Draft, **fields: Any) -> Draft:
    from dataclasses import replace

    return replace(base, **fields)


def _place(value: Mapping[str, Any], source: str) -> tuple[str, str]:
    """(link, uri): the link when it is an http address, else one made of the source and the record's id."""
    link = _text(value, "link").strip()
    if re.match(r"https?://", link, re.IGNORECASE):
        try:
            host = urlsplit(link).hostname
        except ValueError:
            host = None
        if host and not re.search(r"\s", link):
            address = re.sub(r"(?<=://)[^/@?#]+@", "", link.partition("#")[0])
            return address, address
        raise ShapeError("link: is no http address")
    id = _id(value.get("_id", value.get("id")), "_id")
    if not id:
        raise ShapeError("_id: missing, and there is no http link to take its place")
    return "", f"export:{quote(source)}/{quote(id, safe='-._~')}"


def _author_id(value: Mapping[str, Any]) -> str:
    return _id(value.get("author_id"), "author_id")


def _id(value: Any, key: str) -> str:
    """An id in any of the forms in which MongoDB exports one."""
    if value is None:
        return ""
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return printable(str(value)[:_WIDEST_ID])
    if isinstance(value, dict) and len(value) == 1:
        form, inner = next(iter(value.items()))
        if form in ("$oid", "$uuid", "$numberLong", "$numberInt") and isinstance(inner, str):
            return printable(inner[:_WIDEST_ID])
        if form == "$binary":
            return _binary(inner, key)
    raise ShapeError(f'{key}: expected text, {{"$oid"}}, {{"$uuid"}} or {{"$binary"}}, found {_name(value)}')


def _binary(value: Any, key: str) -> str:
    encoded = value.get("base64") if isinstance(value, dict) else value
    try:
        data = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
    except (binascii.Error, ValueError) as exc:
        raise ShapeError(f"{key}.$binary: is no base64") from exc
    if not data:
        raise ShapeError(f"{key}.$binary: expected base64 text, found {_name(encoded)}")
    return str(uuid.UUID(bytes=data)) if len(data) == 16 else data.hex()[:_WIDEST_ID]  # noqa: PLR2004 - bytes of a UUID


def _text(value: Mapping[str, Any], key: str, above: str = "") -> str:
    found = value.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ShapeError(f"{above}{printable(key)[:80]}: expected text, found {_name(found)}")
    return found


def _published(value: Mapping[str, Any]) -> str:
    """The day that the record names, in the forms that exports use; empty when there is none."""
    for key in ("published", "published_at", "publishedAt", "date", "created_at"):
        found = value.get(key)
        found = found.get("$date") if isinstance(found, dict) else found
        if isinstance(found, str) and re.match(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d|$)", found):
            return found[:40].replace(" ", "T", 1)
    return ""


def _name(value: Any) -> str:
    return _NAMES.get(type(value), type(value).__name__)


def _keys(value: Mapping[Any, Any]) -> str:
    names = [printable(str(key))[:40] for key in list(value)[:8]]
    return "no keys" if not names else ("the keys " if len(value) > 1 else "the key ") + ", ".join(names)
