"""URLs and a page's HTML -> canonical URLs: what names a page, what it links to, what lies below a folder.

Knows no network: whether an address may be asked is the driver's to say.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

LONGEST = 2048  # characters of a URL that is followed
DEFAULT_PORTS = {"http": 80, "https": 443}
_TRACKING = re.compile(
    r"utm_\w+|mtm_\w+|pk_\w+|hsa_\w+|_hs\w+|mc_[ce]id|fbclid|gclid|gclsrc|dclid|wbraid|gbraid|msclkid|yclid|twclid|ttclid|igshid|igsh|"
    r"_ga|_gl|mkt_tok|vero_id|oly_(?:enc|anon)_id|s_cid|wt_mc|ref_src|ref_url|trk|__s",
    re.IGNORECASE,
)
_FEED_MARK = re.compile(r"(?:^source=(?:rss|feed|email|twitter|linkedin|---)|^source=.*----)", re.IGNORECASE)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
_SPACE = re.compile(r"[\t\r\n]")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_NO_PAGE = re.compile(
    r"\.(?:png|jpe?g|gif|webp|avif|svg|ico|bmp|tiff?|mp[34]|m4[av]|mov|avi|webm|wav|ogg|flac|zip|gz|tgz|bz2|xz|7z|rar|tar|dmg|exe|"
    r"msi|deb|rpm|apk|iso|css|m?js|map|woff2?|ttf|otf|eot|docx?|xlsx?|pptx?|odt|epub|mobi|bin|wasm)$",
    re.IGNORECASE,
)


def normal(url: str, base: str = "") -> str:
    """`url` resolved against `base` in one spelling, without its fragment; empty when it is no http(s) URL.

    Lower-case scheme and host (punycode), no default port, no user name or password, no dot segments; escapes in upper
    case and only where they are needed. The query keeps its order: servers may give it a meaning.
    """
    try:
        return _normal(url, base)
    except (ValueError, UnicodeError):  # what urllib and idna say of URLs that are none
        return ""


def _normal(url: str, base: str) -> str:
    text = _SPACE.sub("", url.strip(" \t\r\n\f\v\0"))
    parts = urlsplit(urljoin(base, text) if base else text)
    scheme = parts.scheme.lower()
    host = _host(parts.hostname or "")
    if scheme not in DEFAULT_PORTS or not host:
        return ""
    port = parts.port  # ValueError above 65535
    authority = host if port in (None, 0, DEFAULT_PORTS[scheme]) else f"{host}:{port}"
    path = _quoted(_without_dots(parts.path or "/"), "/:@!$&'()*+,;=")
    query = _quoted(parts.query, "/:@!$&'()*+,;=?")
    made = f"{scheme}://{authority}{path}{'?' + query if query else ''}"
    return made if len(made) <= LONGEST else ""


def _host(host: str) -> str:
    host = host.rstrip(".").lower()
    if ":" in host:
        return f"[{host}]"
    if not host.isascii():
        import idna  # the codec of that name follows the older standard, in which straße is strasse

        host = idna.encode(host, uts46=True).decode("ascii")
    if not host or _CONTROL.search(host) or any(c in host for c in "<>\"'\\^`{|}/?#@%[]"):
        return ""
    return host


def _without_dots(path: str) -> str:
    path = path if path.startswith("/") else f"/{path}"
    path = re.sub(r"%2[eE]", ".", path)
    if "/." not in path:
        return path
    slash = "/" if path.endswith(("/", "/.", "/..")) else ""
    # normpath would join empty segments, which servers may tell apart
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    made = "/" + "/".join(kept)
    return made if made.endswith("/") or not slash else made + slash


def _quoted(text: str, safe: str) -> str:
    """Escape what must be, keep escapes that are there, undo those of letters and digits."""

    def escape(match: re.Match[str]) -> str:
        character = chr(int(match.group(1), 16))
        return character if character in _UNRESERVED else match.group(0).upper()

    kept = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", text)
    return _ESCAPE.sub(escape, quote(kept, safe=safe + "%", encoding="utf-8", errors="replace"))


def canonical(url: str, base: str = "") -> str:
    """`normal(url, base)` without what only tracks readers (`utm_source`, `fbclid`, a feed's `source=rss-...`)."""
    made = normal(url, base)
    page, found, query = made.partition("?")
    if not found:
        return made
    kept = [part for part in query.split("&") if part and not _tracks(part)]
    return f"{page}?{'&'.join(kept)}" if kept else page


def _tracks(parameter: str) -> bool:
    return bool(_TRACKING.fullmatch(parameter.partition("=")[0]) or _FEED_MARK.match(parameter))


def host_of(url: str) -> str:
    """Host and port of a normal URL, as it says them."""
    return urlsplit(url).netloc


def same_host(one: str, other: str) -> bool:
    """Whether two normal URLs are on one host, `www.` and the scheme apart."""
    first, second = (host_of(url).removeprefix("www.") for url in (one, other))
    return first == second


def folder_of(url: str) -> str:
    """The folder of a normal URL, ending in a slash: what a crawl from it stays below."""
    page = url.partition("?")[0]
    return page if page.endswith("/") else posixpath.dirname(page) + "/"


def is_page(url: str) -> bool:
    """Whether a link may lead to a page, by its suffix: images, archives and programs need not be asked for."""
    return not _NO_PAGE.search(url.partition("?")[0])


@dataclass(frozen=True, slots=True)
class Links:
    """What a page points to: `pages` in their order, its own address (`canonical`) and its `feeds`; all canonical URLs.

    `metas` are (name, content) of those meta tags that forbid crawlers something, whichever crawler they are for.
    """

    pages: tuple[str, ...] = ()
    canonical: str = ""
    feeds: tuple[str, ...] = ()
    metas: tuple[tuple[str, str], ...] = ()


def links_of(html: str, url: str) -> Links:
    """The links of `html`, found at `url`. `canonical` is empty unless the page names another address on its own host.

    A page below the root that calls the root its canonical address is not believed: it is a template's mistake, and
    would make one document of a whole site. Never raises for bad HTML.
    """
    import lxml.etree
    import lxml.html

    try:
        tree = lxml.html.document_fromstring(_CONTROL_IN_HTML.sub(" ", html))
    except (lxml.etree.LxmlError, ValueError, AssertionError):
        return Links()
    base = next((normal(href, url) for href in tree.xpath("//base[@href][1]/@href")), "") or url
    pages: dict[str, None] = {}
    for link in tree.iterfind(".//a[@href]"):
        if "nofollow" not in (link.get("rel") or "").lower() and (target := canonical(link.get("href"), base)):
            pages[target] = None
    own, feeds = "", list[str]()
    for link in tree.iterfind(".//link[@href]"):
        relation = (link.get("rel") or "").lower().split()
        target = canonical(link.get("href"), base)
        if "canonical" in relation and not own:
            own = target
        elif "alternate" in relation and re.search(r"rss|atom", link.get("type") or "", re.IGNORECASE) and target:
            feeds.append(target)
    return Links(tuple(pages), own if _believed(own, url) else "", tuple(dict.fromkeys(feeds)), _metas(tree))


def _metas(tree: Any) -> tuple[tuple[str, str], ...]:
    named = ((meta.get("name") or "", meta.get("content") or "") for meta in tree.iterfind(".//meta[@name]"))
    return tuple((name, content) for name, content in named if _FORBIDS.search(content))


_FORBIDS = re.compile(r"\b(?:noindex|nofollow|none)\b", re.IGNORECASE)
_CONTROL_IN_HTML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]|^\s*<\?xml[^>]*\?>")


def _believed(own: str, url: str) -> bool:
    if not own or own == canonical(url) or host_of(own) != host_of(url):
        return False
    root = urlsplit(own)
    return root.path != "/" or bool(root.query) or urlsplit(url).path in ("/", "/index.html", "/index.php")
