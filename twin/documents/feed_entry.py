"""A feed's entry -> what it adds to the document of its page, or the document itself where the page cannot be had. Pure."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import replace

from twin.documents.authorship import author_of
from twin.documents.extract import extract_html
from twin.documents.feed_parse import Entry
from twin.documents.pages import compact
from twin.documents.ports import Found, Same
from twin.documents.sources import FeedSource
from twin.documents.stamps import digest, stamp
from twin.documents.text import is_blank
from twin.records import Author, Document

SETTLED = dt.timedelta(days=2)


def writer_of(entry: Entry, source: FeedSource) -> Author:
    """The entry's own author, as the feed names it; the source's when it names none, or the same person."""
    if entry.author.casefold() == source.author.id.casefold():
        return source.author
    return author_of("", entry.author, source.author)


def attributed(found: Found, entry: Entry, source: FeedSource) -> Found:
    """The page's document with what the feed knows better: who wrote it, when, and a title where the page has none."""
    document = found.document
    author = writer_of(entry, source)
    metadata = dict(document.metadata)
    if metadata.get("byline", "").casefold() == author.name.casefold():
        metadata.pop("byline")
    title = entry.title if entry.title and document.title in ("", document.uri) else document.title
    made = Document(
        uri=document.uri,
        source=document.source,
        kind=document.kind,
        title=title,
        text=document.text,
        author=author,
        link=document.link,
        language=document.language,
        published=document.published or entry.published,
        metadata=metadata,
    )
    return replace(found, document=made, version=noted(found.version, w=_words(entry)))


def _words(entry: Entry) -> dict[str, str]:
    """What `attributed` takes of an entry, to be remembered: its page may change when the feed no longer names it."""
    words = {"t": entry.title, "a": entry.author, "p": entry.published}
    return {key: value for key, value in words.items() if value}


def entry_of(url: str, token: Mapping[str, object]) -> Entry:
    """The entry of a stored page, as far as its version remembers it."""
    words = token.get("w")
    said = words if isinstance(words, dict) else {}
    title, author, published = (str(said.get(key, "")) for key in ("t", "a", "p"))
    return Entry(url, title, author=author, published=published, modified=str(token.get("d", "")))


def noted(version: str, **parts: object) -> str:
    """`version` with more parts; those that are empty are left out."""
    return compact(json.loads(version) | {key: value for key, value in parts.items() if value})


def is_settled(modified: str, now: dt.datetime) -> bool:
    """Whether a page may be taken to stay as it was read under this date of a sitemap.

    A date is often a day, in which a page may change twice, and a cache may hold the former page for a while under the
    new date. So the day must have passed, wherever it is that day, and one more.
    """
    try:
        day = dt.date.fromisoformat(modified[:10])
    except ValueError:
        return False
    return day + SETTLED < now.date()


def entry_item(entry: Entry, source: FeedSource, version: str, reason: str) -> Found | Same | None:
    """The entry's own text as the document, Same when `version` says that it is stored so; None when it has no text."""
    token = compact({"s": stamp(source), "h": digest(entry.title, entry.html, entry.author, entry.published)[:32]})
    made = noted(token, w=_words(entry))
    if version == made:
        return Same(entry.url)
    page = extract_html(entry.html, entry.url, whole=True)
    if is_blank(page.text):
        return None
    document = Document(
        uri=entry.url,
        source=source.name,
        kind=source.documents,
        title=entry.title or page.title or entry.url,
        text=page.text,
        author=writer_of(entry, source),
        language=source.language or page.language,
        published=entry.published,
        metadata={"read_from": f"the feed's {'content' if entry.full else 'summary'}: {reason}"},
    )
    return Found(document, made)
