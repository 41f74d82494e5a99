"""What git prints -> documents of a repository: which blobs are read, their uris and titles, and commits as posts. Pure.

The command line and its processes are the driver's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

from twin.documents.giturl import web_address
from twin.documents.notebook import NotebookError, notebook_text
from twin.documents.sources import GitSource
from twin.documents.text import BINARY_SUFFIXES, NotTextError, check_pointer, decode, is_blank, printable, title_of
from twin.records import Document, Kind

LARGEST = 1_000_000  # bytes of a file that a person wrote
LONGEST_LINE = 2000  # mean characters a line in minified code
MOST_FILES = 200  # named in one commit's text
_LOCK_FILES = (
    "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock uv.lock poetry.lock pdm.lock pipfile.lock "
    "cargo.lock go.sum gemfile.lock composer.lock mix.lock flake.lock podfile.lock packages.lock.json"
)
_LOCKS = frozenset(_LOCK_FILES.split())
UNKNOWN = -1  # size of what is no blob or not there
_MODES = {"120000": "a symbolic link", "160000": "a submodule"}


@dataclass(frozen=True, slots=True)
class Blob:
    """One line of `git ls-tree -r -z -l`. `path` may hold surrogates for bytes that are not UTF-8."""

    mode: str
    id: str
    size: int
    path: str


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit with the files it changed as (path, lines added, lines removed); -1 for a binary file."""

    id: str
    author: str
    date: str
    message: str
    files: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Checkout:
    """The state that is read: `address` is the canonical url without credentials, `branch` what `ref` stands for."""

    address: str
    branch: str
    commit: str

    def uri(self, path: str) -> str:
        """The uri of the file at `path`."""
        place, web = web_address(self.address)
        if web:
            return f"{place}/blob/{quote(self.branch, safe='/')}/{_quoted(path)}"
        return f"git+{place}//{_quoted(path)}?ref={quote(self.branch, safe='/')}"

    def commit_uri(self, commit: str) -> str:
        """The uri of a commit."""
        place, web = web_address(self.address)
        return f"{place}/commit/{commit}" if web else f"git+{place}//?commit={commit}"


def _quoted(path: str) -> str:
    return quote(path.encode("utf-8", "surrogateescape"), safe="/-._~+@")


def parse_tree(output: bytes) -> Iterator[Blob]:
    """The entries of `git ls-tree -r -z -l`."""
    for line in output.split(b"\0"):
        head, tab, path = line.partition(b"\t")
        fields = head.decode("ascii", "replace").split()
        if tab and len(fields) == 4:  # noqa: PLR2004 - mode, type, id, size
            size = int(fields[3]) if fields[3].isdigit() else UNKNOWN
            yield Blob(fields[0], fields[2], size, path.decode("utf-8", "surrogateescape"))


def refused(blob: Blob) -> str:
    """Why a blob is no document by its name, mode or size; empty when it may be one."""
    path = PurePosixPath(blob.path)
    name = path.name.lower()
    if blob.mode in _MODES:
        return _MODES[blob.mode]
    if path.suffix.lower() in BINARY_SUFFIXES or path.suffix.lower() == ".pdf":
        return "binary by its name"
    if name in _LOCKS:
        return "a lock file"
    if re.search(r"\.min\.(js|css|mjs)$|\.map$|\.bundle\.js$", name):
        return "minified"
    if blob.size > LARGEST:
        return f"{blob.size:,} bytes; files above {LARGEST:,} are taken for data"
    return "empty" if blob.size == 0 else ""


def read(blob: Blob, data: bytes) -> tuple[str, str]:
    """(text, "") of a blob, or ("", why it is none)."""
    try:
        check_pointer(data)
        text = decode(data)
        if blob.path.endswith(".ipynb"):
            text = notebook_text(text).text
    except (NotTextError, NotebookError) as exc:
        return "", str(exc)
    if is_blank(text):
        return "", "empty"
    if PurePosixPath(blob.path).suffix in (".js", ".css", ".mjs") and len(text) > LONGEST_LINE * (text.count("\n") + 1):
        return "", "minified"
    if re.search(r"@generated\b|^\W{0,4}Code generated .{0,200}DO NOT EDIT", text[:1000], re.MULTILINE):
        return "", "generated, by its own words"
    return text, ""


def file_document(source: GitSource, at: Checkout, blob: Blob, text: str) -> Document:
    """The document of one file."""
    uri = at.uri(blob.path)
    return Document(
        uri=uri,
        source=source.name,
        kind=source.documents,
        title=title_of(text, blob.path),
        text=text,
        author=source.author,
        link=uri if uri.startswith("http") else "",
        language=source.language,
        metadata={"commit": at.commit, "path": printable(blob.path), "repository": at.address},
    )


def parse_log(output: bytes) -> list[Commit]:
    """The commits of `git log -z --format=%H%x00%an%x00%aI%x00%B`, newest first."""
    fields = output.decode("utf-8", "replace").split("\0")
    starts = range(0, len(fields) - 3, 4)
    return [Commit(fields[at], fields[at + 1], fields[at + 2], fields[at + 3]) for at in starts]


def parse_numstat(output: bytes) -> dict[str, tuple[tuple[str, int, int], ...]]:
    """Changed files by commit of `git log -z --numstat --no-renames --format=%H`."""
    files: dict[str, list[tuple[str, int, int]]] = {}
    current: list[tuple[str, int, int]] = []
    for entry in output.decode("utf-8", "surrogateescape").split("\0"):
        added, tab, rest = entry.lstrip("\n").partition("\t")
        removed, _, path = rest.partition("\t")
        if tab:
            current.append((path, int(added) if added.isdigit() else -1, int(removed) if removed.isdigit() else -1))
        elif added.strip():
            current = files.setdefault(added.strip(), [])
    return {commit: tuple(changed) for commit, changed in files.items()}


def commit_document(source: GitSource, at: Checkout, commit: Commit) -> Document:
    """The document of one commit: its message and what it changed. The author is the source's; who committed is data."""
    subject = commit.message.strip().split("\n", 1)[0]
    uri = at.commit_uri(commit.id)
    return Document(
        uri=uri,
        source=source.name,
        kind=Kind.POST,
        title=printable(subject)[:300] or commit.id[:12],
        text=commit.message.strip() + _changes(commit.files),
        author=source.author,
        link=uri if uri.startswith("http") else "",
        language=source.language,
        published=commit.date,
        metadata={"commit": commit.id, "repository": at.address, "committed_by": printable(commit.author)},
    )


def _changes(files: Sequence[tuple[str, int, int]]) -> str:
    if not files:
        return ""
    lines = [
        f"- {printable(path)} " + ("(binary)" if added < 0 else f"(+{added} -{removed})") for path, added, removed in files
    ]
    more = [f"- and {len(lines) - MOST_FILES} more"] if len(lines) > MOST_FILES else []
    return "\n\nFiles:\n" + "\n".join(lines[:MOST_FILES] + more)
