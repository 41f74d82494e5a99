"""The shapes of secrets: a run of characters without spaces -> where in it a secret stands, and of which kind.

Patterns look at one run at a time (see guard_out), so that what a stream may have to hold back is bounded. Knows no stream.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Everything a key, token, address or URL with credentials is written with; any other character ends a run.
RUN_CHARACTERS = r"A-Za-z0-9\u00c0-\u024f_\-./+=@%~:\\"
SHORTEST = 15  # characters of a key; an address may be shorter, and has an @
OPAQUE = 24  # characters from which a value without a shape of its own can be a secret

_SHAPES = {
    "AWS access key": r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    "GitHub token": r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
    "GitLab token": r"(?<![A-Za-z0-9])glpat-[A-Za-z0-9_\-]{20,}",
    "API key": r"(?<![A-Za-z0-9])sk-(?=[A-Za-z_\-]*[0-9])[A-Za-z0-9_\-]{20,}",
    "Google key": r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_\-]{35}",
    "Slack token": r"(?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9\-]{10,}",
    "Stripe key": r"(?<![A-Za-z0-9])[rs]k_(?:live|test)_[A-Za-z0-9]{16,}",
    "Hugging Face token": r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,}",
    "registry token": r"(?<![A-Za-z0-9])(?:npm_[A-Za-z0-9]{36}|pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_\-]{50,})",
    "gateway key": r"(?<![A-Za-z0-9])twin_[0-9a-f]{8}_[A-Za-z0-9_\-]{40,}",
    "web token": r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*)?",
    "credentials": r"(?<=://)[^\s/:@\\]+:[^\s/@\\]+(?=@)",
    "e-mail address": r"(?<![A-Za-z0-9\u00c0-\u024f._%+\-:/@])[A-Za-z0-9\u00c0-\u024f._%+\-]{1,64}"
    r"@(?:[A-Za-z0-9\u00c0-\u024f](?:[A-Za-z0-9\u00c0-\u024f\-]{0,62})\.){1,8}[A-Za-z\u00c0-\u024f]{2,24}",
}
# What a secret cannot be without: looked for first in whole texts, as substrings are found eight times as fast as patterns.
_MARKS = ("@", "sk-", "AKIA", "ASIA", "ABIA", "ACCA", "AIza", "eyJ", "xox", "glpat-", "pypi-", "-----BEGIN")
_MARKS_JOINED = ("k_live_", "k_test_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "hf_", "npm_", "twin_")
_NAMES = ("secret", "token", "passw", "apikey", "api_key", "accesskey", "access_key")
_GROUPS = {f"g{number}": kind for number, kind in enumerate(_SHAPES)}
_ANY = re.compile("|".join(f"(?P<g{number}>{shape})" for number, shape in enumerate(_SHAPES.values())))
_RUN = re.compile(f"[{RUN_CHARACTERS}]+")
_HINT = re.compile(r"[@_\-]|AKIA|ASIA|ABIA|ACCA|AIza|eyJ")
_NAMED = re.compile(r"(?:secret|token|passwd|password|api_?key|access_?key)[A-Za-z0-9_\-]*[=:]*\Z", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"(?i:secret|token|passwd|password|api_?key|access_?key)[A-Za-z0-9_\-]{0,40}[=:]{1,2}([A-Za-z0-9/+_\-][A-Za-z0-9/+=_\-]{23,})"
)
_OPAQUE = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])[A-Za-z0-9/+=_\-]{24,}")
# RFC 2606 names nobody; git@ is every forge's login, not a person
_NOBODY = re.compile(
    r"^git@|@(?:[^@]*\.)?(?:example|test|invalid|localhost)(?:\.(?:com|net|org))?$|\.(?:test|invalid|example)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Secret:
    """[start, end) of a run."""

    kind: str
    start: int
    end: int


def may_hold(text: str) -> bool:
    """Whether a secret can be anywhere in `text`. Most texts hold none, and this says so ten times as fast as the guard."""
    marks = (*_MARKS, *_MARKS_JOINED) if "_" in text else _MARKS
    if not any(mark in text for mark in marks):
        low = text.casefold()
        if not any(name in low for name in _NAMES):
            return False
    if "-----BEGIN" in text:
        return True
    long = [run for run in _RUN.findall(text) if len(run) >= SHORTEST or "@" in run]
    return any(_OPAQUE.fullmatch(run) or any(find(run)) for run in long)


def find(run: str, emails: frozenset[str] = frozenset()) -> Iterator[Secret]:
    """Secrets in one run, from left to right. `emails` are addresses and domains (`@example.org`) that may be shown."""
    if len(run) < SHORTEST and "@" not in run:  # most runs are words
        return
    if not _HINT.search(run) and not _ASSIGNED.search(run):
        return
    end = 0
    for secret in sorted((*_shaped(run, emails), *_assigned(run)), key=lambda secret: (secret.start, -secret.end)):
        if secret.start >= end:
            yield secret
            end = secret.end


def _shaped(run: str, emails: frozenset[str]) -> Iterator[Secret]:
    for found in _ANY.finditer(run):
        kind = _GROUPS[str(found.lastgroup)]
        if kind != "e-mail address" or not _may_be_shown(found[0], emails):
            yield Secret(kind, found.start(), found.end())


def _assigned(run: str) -> Iterator[Secret]:
    for found in _ASSIGNED.finditer(run):
        if _OPAQUE.fullmatch(found[1]):
            yield Secret("secret", *found.span(1))


def is_named_secret(before: str, gap: str, run: str) -> bool:
    """Whether `run` is an opaque value right after a word like `secret_access_key`, with only ` = " '` between them."""
    if len(run) < OPAQUE:
        return False
    return bool(_NAMED.search(before)) and not gap.strip(" =:\"'`") and bool(_OPAQUE.fullmatch(run))


def _may_be_shown(address: str, emails: frozenset[str]) -> bool:
    low = address.casefold()
    return low in emails or "@" + low.partition("@")[2] in emails or bool(_NOBODY.search(low))
