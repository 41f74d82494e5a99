"""An id and a name found in a record -> its author. Pure."""

from __future__ import annotations

import re
import unicodedata

from twin.records import Author


def author_of(id: str, name: str, default: Author) -> Author:
    """The record's author; `default`, the source's, where the record says nothing or means the same one.

    A name without an id makes one: `Ada Author` is `ada-author`, wherever it stands.
    """
    id, name = id.strip(), " ".join(name.split())
    if not id and (not name or name.casefold() == default.name.casefold()):
        return default
    if id == default.id:
        return default if not name else Author(id, name)
    return Author(id or slug(name), name or id)


def slug(name: str) -> str:
    """Lower-case letters and digits joined by `-`; letters of any script."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\W_]+", "-", plain).strip("-") or "unknown"
