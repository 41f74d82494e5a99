"""What a page says to crawlers, in its robots meta tags and X-Robots-Tag headers -> may it be kept, may its links be followed.

Pure. Words that only tell a search engine how to show a page (noarchive, nosnippet) are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST = 500  # characters of one tag that are read
_AGENT = re.compile(r"\s*([A-Za-z][A-Za-z0-9_-]*)\s*:(.*)", re.DOTALL)
_NO_AGENTS = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")  # words that have a value


@dataclass(frozen=True, slots=True)
class Permit:
    """`index`: the page may be kept. `follow`: its links may be followed."""

    index: bool = True
    follow: bool = True


def permit(agent: str, metas: Iterable[tuple[str, str]] = (), headers: Iterable[str] = ()) -> Permit:
    """What the crawler called `agent` may do. The strictest word counts, whether it is for all crawlers or for this one.

    `metas` are (name, content) of a page's meta tags, `headers` the values of X-Robots-Tag, each `[agent:] word, ...`.
    """
    said: set[str] = set()
    for name, content in metas:
        said |= _words(content) if name.strip().lower() in ("robots", agent.lower()) else set()
    for header in headers:
        said |= _header(agent.lower(), header)
    nothing = "none" in said
    return Permit(index=not nothing and "noindex" not in said, follow=not nothing and "nofollow" not in said)


def _words(content: str) -> set[str]:
    return {word.lower() for word in re.split(r"[,\s]+", content[:LONGEST]) if word}


def _header(agent: str, value: str) -> set[str]:
    """The words of one header that are for `agent`; a name before a colon is whom the words after it are for."""
    said: set[str] = set()
    for_us = True
    for part in value[:LONGEST].split(","):
        found = _AGENT.match(part)
        named = found is not None and found.group(1).lower() not in _NO_AGENTS
        for_us = found.group(1).lower() == agent if found and named else for_us
        if for_us:
            said |= _words(found.group(2) if found and named else part)
    return said
