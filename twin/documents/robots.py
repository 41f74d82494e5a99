"""A robots.txt -> which paths of its host may be asked for, and how often (RFC 9309, and Crawl-delay beside it).

Pure: fetching it, and what an error means, is the driver's work.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LONGEST = 512 * 1024  # bytes that are read of a file; the RFC asks for at least 500 KiB
MOST_RULES = 10_000
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_PRODUCT = re.compile(r"[A-Za-z_-]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """One Allow or Disallow line; `pattern` may hold `*` and end in `$`."""

    pattern: str
    allow: bool

    def matches(self, path: str) -> bool:
        """Whether `path` (with its query) begins as the pattern says. Linear in both, whatever the pattern."""
        anchored = self.pattern.endswith("$")
        pieces = self.pattern.removesuffix("$").split("*")
        if not path.startswith(pieces[0]):
            return False
        at, last = len(pieces[0]), len(pieces) - 1
        for number, piece in enumerate(pieces[1:], 1):
            if anchored and number == last:
                return len(path) - at >= len(piece) and path.endswith(piece)
            found = path.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        return not anchored or at == len(path)


@dataclass(frozen=True, slots=True)
class Robots:
    """The rules of one host for one crawler. `delay` is in seconds between two requests, 0 when none is asked for."""

    rules: tuple[Rule, ...] = ()
    delay: float = 0.0

    def allows(self, url: str) -> bool:
        """The longest matching rule decides, Allow among equals; /robots.txt itself is always allowed."""
        parts = urlsplit(url)
        path = _spelled((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        if path == "/robots.txt":
            return True
        matching = [(len(rule.pattern), rule.allow) for rule in self.rules if rule.matches(path)]
        return max(matching)[1] if matching else True


@dataclass(slots=True)
class _Group:
    agents: list[str] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    delay: float = 0.0


def parse_robots(text: str, user_agent: str) -> Robots:
    """The rules for `user_agent` (`llm-twin/0.1 (...)` is found as `llm-twin`): all groups that name it, else those of `*`.

    Lines that are none are passed over, as every crawler does: a broken robots.txt never raises.
    """
    name = product_of(user_agent)
    groups = _groups(text)
    own = [group for group in groups if name in group.agents] or [group for group in groups if "*" in group.agents]
    return Robots(tuple(rule for group in own for rule in group.rules), max((group.delay for group in own), default=0.0))


def product_of(user_agent: str) -> str:
    """The name by which sites address a crawler: `llm-twin` of `llm-twin/0.1 (...)`."""
    product = _PRODUCT.match(user_agent)
    return product.group(0).lower() if product else user_agent.lower()


def _groups(text: str) -> list[_Group]:
    groups: list[_Group] = []
    naming, rules = False, 0
    for line in text.removeprefix("\ufeff").splitlines():
        key, found, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if not found:
            continue
        if key == "user-agent":
            if not naming:
                groups.append(_Group())
            naming = True
            groups[-1].agents.append(_agent(value))
        elif key in ("allow", "disallow", "crawl-delay"):
            naming = False
            rules += 1
            if groups and rules <= MOST_RULES:
                _add(groups[-1], key, value)
    return groups


def _agent(value: str) -> str:
    product = _PRODUCT.match(value)
    return product.group(0).lower() if product else value[:1]


def _add(group: _Group, key: str, value: str) -> None:
    if key == "crawl-delay":
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value, re.ASCII):
            group.delay = max(group.delay, float(value))
    elif value:  # an empty Disallow allows everything, which is so without it
        group.rules.append(Rule(_spelled(re.sub(r"\*{2,}", "*", value)), key == "allow"))


def _spelled(path: str) -> str:
    """`path` with one spelling for each escape, so that `%7e` and `~` are the same."""
    from urllib.parse import quote, unquote

    def escape(match: re.Match[str]) -> str:
        character = unquote(match.group(0), "latin-1")
        plain = character.isascii() and (character.isalnum() or character in "-._~")
        return character if plain else match.group(0).upper()

    return quote(_ESCAPE.sub(escape, path), safe="/%?=&:@!$'()*+,;~[]", errors="replace")
