"""A page's HTML -> its title, its main text as Markdown, author, date and language.

trafilatura finds the main text; code blocks go around it (see codeblocks), and where it finds too little (short posts,
pages that are all code) the body without its navigation is taken. Knows no network, no file and no document.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from typing import Any

from twin.documents.codeblocks import Protected, letters, protect, restore
from twin.documents.outline import outline

DROPPED = ("script", "style", "template", "svg", "iframe", "object", "embed", "button", "head", "dialog", "canvas", "math")
CHROME = ("nav", "header", "footer", "aside", "form", "noscript", "menu")
SHORT = 300  # letters below which a page is taken whole: trafilatura's heuristics need more text than that
LEAST = 100  # letters below which trafilatura has found nothing
DEEPEST = 200  # nesting that recursive converters still survive
MOST_ELEMENTS = 50_000  # beyond them converters take minutes
_ESCAPED = re.compile(
    r"(?<![\\`])(`+)(?!`)(?:(?!\n\n)[\s\S]){1,2000}?(?<!`)\1(?!`)"  # a code span: its backslashes are its own
    r"|(\\+)([_*\[\]]|<(?![A-Za-z/!?]))"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Extracted:
    """The main text of a page as Markdown. `published` is ISO 8601, `language` ISO 639-1; unknown fields are empty."""

    title: str
    text: str
    author: str = ""
    published: str = ""
    language: str = ""


def extract_html(html: str, url: str = "", *, whole: bool = False) -> Extracted:
    """The main text of `html`; with `whole`, all of it (a feed's entry, an export's article: no page around it).

    Never raises for bad HTML: what cannot be read is an empty text. No tag of the page survives as markup.
    """
    tree = _parse(html)
    if tree is None:
        return Extracted("", "")
    language = _language(tree)
    meta = _metadata(tree, url)
    _strip(tree)
    nonce = hashlib.sha256(html.encode("utf-8", "replace")).hexdigest()[:8]
    kept = protect(tree, nonce)
    text = _text(tree, url, kept, whole=whole)
    return Extracted(meta.title, text, meta.author, meta.published, language)


def _parse(html: str) -> Any:
    import lxml.etree
    import lxml.html

    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", _CONTROL.sub("", html))
    if not text.strip():
        return None
    try:
        return lxml.html.document_fromstring(text, parser=lxml.html.HTMLParser(remove_comments=True, remove_pis=True))
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError, ValueError, AssertionError):
        return None


def _strip(tree: Any) -> None:
    """Take out what is never text: scripts, heading anchors; unwrap what trafilatura would write as HTML tags."""
    import lxml.etree

    lxml.etree.strip_elements(tree, *DROPPED[:-1], with_tail=False)
    lxml.etree.strip_tags(tree, "sub", "sup", "u", "ins", "mark", "font")
    for heading in tree.iter("h1", "h2", "h3", "h4", "h5", "h6"):
        for link in list(heading.iter("a")):
            label = "".join(link.itertext()).strip()
            if label in ("¶", "#", "§", "🔗", ""):
                link.drop_tree()


def _text(tree: Any, url: str, kept: Protected, *, whole: bool) -> str:
    body = _body(tree, chrome=not whole)
    if _heavy(tree):
        return restore(_tidy(outline(body)), kept)
    if whole or len(letters("".join(body.itertext()))) < SHORT:
        return _converted(body, kept)
    main = _main_text(tree, url, kept)
    return main if len(letters(main)) >= LEAST else _converted(body, kept)


def _main_text(tree: Any, url: str, kept: Protected) -> str:
    """What trafilatura takes for the main text, empty when it finds none."""
    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    found = trafilatura.bare_extraction(
        tree, url=url or None, include_comments=False, include_tables=True, include_formatting=True
    )
    text = (getattr(found, "text", "") or "") if found else ""
    return restore(_tidy(_unescape(text)), kept)


def _unescape(text: str) -> str:
    """Drop the backslashes before characters that need none in running text, so that `snake_case` is found as written."""
    return _ESCAPED.sub(lambda match: match.group(0) if match.group(1) else match.group(2)[::2][1:] + match.group(3), text)


def _body(tree: Any, *, chrome: bool) -> Any:
    """A copy of the body; with `chrome`, without what stands around a page's text."""
    import copy

    import lxml.etree

    body = copy.deepcopy(tree.find("body") if tree.find("body") is not None else tree)
    if chrome:
        lxml.etree.strip_elements(body, *CHROME, with_tail=False)
        inner = list(body.iter("article")) or list(body.iter("main"))
        body = inner[0] if len(inner) == 1 else body
    return body


def _converted(body: Any, kept: Protected) -> str:
    """All of `body` as Markdown."""
    import lxml.etree
    from markdownify import markdownify

    for cell in body.iter("td", "th"):
        _escape_bars(cell)
    text = markdownify(
        lxml.etree.tostring(body, encoding="unicode", method="html"),
        heading_style="ATX",
        bullets="-",
        escape_underscores=False,
        escape_asterisks=False,
        bs4_options="lxml",
        strip=["a", "img"],
    )
    return restore(_tidy(text), kept)


def _tidy(text: str) -> str:
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).strip()


def _escape_bars(cell: Any) -> None:
    """A bar in a table's cell would end it."""
    for element in cell.iter():
        element.text = element.text.replace("|", "\\|") if element.text else element.text
        if element is not cell and element.tail:
            element.tail = element.tail.replace("|", "\\|")


def _heavy(tree: Any) -> bool:
    """Too deep or too large for converters that recurse and search at every element."""
    elements, stack = 0, [(tree, 1)]
    while stack:
        element, depth = stack.pop()
        elements += 1
        if depth > DEEPEST or elements > MOST_ELEMENTS:
            return True
        stack.extend((child, depth + 1) for child in element)
    return False


def _metadata(tree: Any, url: str) -> Extracted:
    """Title, author and date of a page, from its metadata and headings."""
    import copy

    from trafilatura.metadata import extract_metadata

    fallback = " ".join("".join(tree.xpath("(//h1)[1]//text() | (//title)[1]//text()")[:1]).split())
    if _heavy(tree):
        return Extracted(fallback, "")
    found = extract_metadata(
        copy.deepcopy(tree),
        default_url=url or None,
        date_config={"extensive_search": False, "original_date": True, "outputformat": "%Y-%m-%d"},
        extensive=False,
    )
    return Extracted(found.title or fallback, "", found.author or "", _published(tree) or found.date or "")


def _published(tree: Any) -> str:
    """The time that the page itself declares, with its hour where it says one."""
    for value in tree.xpath("//meta[@property='article:published_time']/@content | //article//time[@pubdate]/@datetime"):
        if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:?\d\d)?", value.strip()):
            return str(value.strip())
    return ""


def _language(tree: Any) -> str:
    """The language that the page declares, as two letters."""
    paths = ("/html/@lang", "//meta[@http-equiv='content-language']/@content", "//meta[@property='og:locale']/@content")
    for path in paths:
        for value in tree.xpath(path):
            match = re.match(r"\s*([A-Za-z]{2})(?:[-_,\s]|$)", value)
            if match:
                return match.group(1).lower()
    return ""
