"""The bytes of a feed -> its entries: RSS and Atom through feedparser, a sitemap or sitemap index through a closed XML parser.

Pure. What they hold is untrusted: no entity is expanded, nothing is loaded, a compressed sitemap is unfolded within a bound.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import time
import zlib
from dataclasses import dataclass
from typing import Any

from twin.documents.links import canonical, links_of

UNFOLDED = 50 * 1024 * 1024  # bytes of a sitemap, as its protocol says
LONGEST_DATE = 40  # characters of a date
MOST_ENTRIES = 50_000  # of one sitemap, as its protocol says
_SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


class FeedFormatError(ValueError):
    """The bytes are no feed; the message says what they are and what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `html` is its own text (`full` when it is the content, else a summary), empty in a sitemap."""

    url: str
    title: str = ""
    html: str = ""
    full: bool = False
    author: str = ""
    published: str = ""
    modified: str = ""  # a sitemap's date, as it writes it


@dataclass(frozen=True, slots=True)
class Feed:
    """`entries` in their order, each address once; `nested` are the sitemaps of an index; `nameless` entries had no address.

    A `complete` listing names all that there is (a sitemap), and not only the newest (RSS, Atom).
    """

    entries: tuple[Entry, ...] = ()
    nested: tuple[str, ...] = ()
    complete: bool = False
    nameless: int = 0


def parse_feed(body: bytes, url: str, content_type: str = "") -> Feed:
    """What the feed at `url` lists. Raises FeedFormatError when it is none, or a sitemap that is broken (so incomplete)."""
    data = _unfolded(body)
    head = _head(data)
    if not head:
        raise FeedFormatError("is empty")
    if re.search(rb"<(?:\w+:)?(?:urlset|sitemapindex)[\s>]", head):
        return _sitemap(data, url)
    if re.search(rb"<!doctype\s+html|<html[\s>]", head, re.IGNORECASE) and not re.search(rb"<(?:rss|feed|rdf:RDF)[\s>]", head):
        feeds = links_of(data.decode("utf-8", "replace"), url).feeds
        hint = f"; it names {' and '.join(feeds[:3])}" if feeds else "; give the feed's own address, or use kind web"
        raise FeedFormatError(f"is an HTML page and no feed{hint}")
    return _entries(data, url, content_type)


def _head(data: bytes) -> bytes:
    """The beginning without comments and processing instructions, in single bytes whatever the charset."""
    head = data[:65536].replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf")
    return re.sub(rb"<!--.*?-->|<\?.*?\?>", b"", head, flags=re.DOTALL)[:4096].strip()


def _unfolded(body: bytes) -> bytes:
    """A gzipped sitemap's own bytes."""
    if not body.startswith(b"\x1f\x8b"):
        return body
    inflate = zlib.decompressobj(31)
    try:
        made = inflate.decompress(body, UNFOLDED)
    except zlib.error as exc:
        raise FeedFormatError(f"is a broken gzip file ({exc})") from exc
    if inflate.unconsumed_tail:
        raise FeedFormatError(f"unfolds to more than {UNFOLDED:,} bytes; split the sitemap")
    if not inflate.eof:
        raise FeedFormatError("is a gzip file that ends early")
    return made


def _sitemap(data: bytes, url: str) -> Feed:
    import lxml.etree

    found: dict[str, str] = {}
    nested: dict[str, str] = {}
    try:
        parser = lxml.etree.iterparse(
            io.BytesIO(data), events=("end",), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )
        for _, element in parser:
            name = lxml.etree.QName(element).localname if isinstance(element.tag, str) else ""
            if name in ("url", "sitemap"):
                located = canonical(_child(element, "loc"), url)
                if located:
                    (found if name == "url" else nested).setdefault(located, _child(element, "lastmod")[:LONGEST_DATE])
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
            if len(found) > MOST_ENTRIES or len(nested) > MOST_ENTRIES:
                raise FeedFormatError(f"names more than {MOST_ENTRIES:,} addresses; split the sitemap, as its protocol asks")
    except lxml.etree.LxmlError as exc:
        raise FeedFormatError(f"is a broken sitemap ({' '.join(str(exc).split())[:200]})") from exc
    return Feed(tuple(Entry(one, modified=date) for one, date in found.items()), tuple(nested), complete=True)


def _child(element: Any, name: str) -> str:
    """The text of the element's own <loc> or <lastmod>, with or without a namespace (an image's <image:loc> is deeper)."""
    return next((child.text or "" for child in element if str(child.tag) in (name, f"{_SITEMAP}{name}")), "").strip()


def _entries(data: bytes, url: str, content_type: str) -> Feed:
    import feedparser

    headers = {"content-location": url, "content-type": content_type or "application/xml"}
    try:
        parsed = feedparser.parse(io.BytesIO(data), response_headers=headers)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, LookupError, RecursionError) as exc:
        raise FeedFormatError(f"cannot be parsed as a feed ({type(exc).__name__})") from exc
    if not parsed.get("version") and not parsed.entries:
        reason = " ".join(str(parsed.get("bozo_exception") or "").split())[:160]
        raise FeedFormatError(f"is neither RSS nor Atom nor a sitemap{f' ({reason})' if reason else ''}")
    made: dict[str, Entry] = {}
    nameless = 0
    for raw in parsed.entries:
        entry = _entry(raw, url)
        if entry is None:
            nameless += 1
        elif entry.url not in made:
            made[entry.url] = entry
    return Feed(tuple(made.values()), nameless=nameless)


def _entry(raw: Any, url: str) -> Entry | None:
    """One entry, None when it has no address: neither a link nor an id that is one."""
    link = canonical(_text(raw.get("link")), url) if _text(raw.get("link")).strip() else ""
    if not link and "://" in _text(raw.get("id")):
        link = canonical(_text(raw.get("id")))
    if not link:
        return None
    contents = [part for part in raw.get("content") or () if _text(part.get("value"))]
    contents.sort(key=lambda part: ("html" in _text(part.get("type")), len(_text(part.get("value")))), reverse=True)
    html = _markup(contents[0]) if contents else _markup(raw.get("summary_detail") or {"value": raw.get("summary")})
    person = raw.get("author_detail") or {}
    return Entry(
        url=link,
        title=_plain(_text(raw.get("title"))),
        html=html,
        full=bool(contents),
        author=_name(_text(person.get("name")) or _text(raw.get("author"))),
        published=_date(raw.get("published_parsed") or raw.get("updated_parsed")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _markup(part: Any) -> str:
    """A content as HTML; plain text keeps its lines."""
    import html

    value = _text(part.get("value"))
    if _text(part.get("type")) == "text/plain" and not re.search(r"<(?:p|br|div|pre|ul|ol|h\d)\b", value):
        return "".join(f"<p>{html.escape(block)}</p>" for block in re.split(r"\n\s*\n", value) if block.strip())
    return value


def _plain(text: str) -> str:
    import html

    return " ".join(html.unescape(re.sub(r"<[^>]{0,500}>", "", text)).split())[:300]


def _name(text: str) -> str:
    """A person's name; an e-mail address or a blog system's account is none."""
    name = " ".join(re.sub(r"<[^>]*>|\S+@\S+", "", text).split()).strip("()[]<>,; ")
    return "" if name.lower() in ("admin", "administrator", "unknown", "author", "root", "webmaster", "editor") else name[:200]


def _date(moment: object) -> str:
    """A UTC struct_time as ISO 8601, empty for a year that it cannot say."""
    if not isinstance(moment, time.struct_time) or not dt.MINYEAR <= moment.tm_year <= dt.MAXYEAR:
        return ""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", moment).zfill(20)
