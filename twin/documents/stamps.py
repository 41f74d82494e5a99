"""A source and what was found in it -> the tokens that spare the next run its work. Pure.

A version says "this document, read in this way"; a cursor says "this listing, with these options". So a changed author in
sources.yaml, or a better way of reading, makes documents be read again though no file changed.
"""

from __future__ import annotations

import hashlib

from twin.documents.sources import Source

READING = "2"  # raise it when the same bytes become other documents


def stamp(source: Source) -> str:
    """8 hexadecimal digits of what a document takes from its source's declaration."""
    return digest(READING, source.author.id, source.author.name, source.documents, source.language)[:8]


def version(token: str, source: Source) -> str:
    """`token` (a blob id, size and time, a digest) made specific to how `source` is declared."""
    return f"{token}.{stamp(source)}"


def cursor(source: Source, *seen: str) -> str:
    """The token of a whole listing: every option of `source` but its breaker, and what was `seen`."""
    fields = {name: getattr(source, name) for name in sorted(_fields(source)) if name != "max_gone"}
    return digest(READING, repr(fields), *seen)[:32]


def _fields(source: Source) -> tuple[str, ...]:
    return tuple(name for kind in type(source).__mro__ for name in getattr(kind, "__slots__", ()))


def digest(*parts: str) -> str:
    """SHA-256 of `parts`, which may hold undecodable file names."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
