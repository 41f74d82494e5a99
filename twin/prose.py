"""The name of a file -> whether it is a text to read or code: one rule for who splits, quotes and learns."""

from __future__ import annotations

import re

from twin.records import Kind

SUFFIXES = (".md", ".markdown", ".mdx", ".rst", ".txt", ".adoc", ".org", ".ipynb", ".pdf")  # the last two were read as Markdown
BARE = re.compile(  # files without a suffix that are texts; any other, such as Makefile, Dockerfile or a script, is code
    r"authors|change(?:log|s)|contribut(?:ing|ors)|copying|credits|history|install|licen[cs]e|maintainers|news|notice|readme|"
    r"thanks|todo"
)


def suffix(uri: str) -> str:
    """The suffix of the file that a uri names, with its dot and in lower case; empty when there is none."""
    name = _name(uri)
    dot = name.rfind(".")
    return name[dot:] if dot > 0 else ""


def is_prose(kind: Kind, uri: str) -> bool:
    """Whether the document at `uri` is a text to read: all but a repository's code are."""
    if kind is not Kind.REPOSITORY:
        return True
    found = suffix(uri)
    return found in SUFFIXES if found else BARE.fullmatch(_name(uri)) is not None


def _name(uri: str) -> str:
    return uri.partition("#")[0].partition("?")[0].rpartition("/")[2].lower()
