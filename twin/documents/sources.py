"""The sources of a twin as values. Reading them out of sources.yaml is `declare`'s work."""

from __future__ import annotations

from dataclasses import dataclass

from twin.records import Author, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What every source has. `max_gone` is the share of stored documents that one sync may remove.

    Fewer than five may always go, so that small sources stay handy, unless `max_gone` is 0, which lets none go.
    """

    name: str
    author: Author
    documents: Kind  # the kind its documents get
    language: str = ""
    max_gone: float = 0.5

    @property
    def kind(self) -> str:
        """`git`, `web`, `feed`, `files` or `export`, as sources.yaml says it."""
        return type(self).__name__.removesuffix("Source").lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSource(Source):
    """A repository at `ref`; `history` is how many commits become documents of their own (kind post)."""

    url: str
    ref: str = "HEAD"
    include: tuple[str, ...] = ("**",)
    exclude: tuple[str, ...] = ()
    history: int = 0
    allow_private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSource(Source):
    """A page and, up to `depth` links away, the pages of the same site below its folder."""

    url: str
    depth: int = 0
    max_pages: int = 1000
    allow_private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSource(Source):
    """An RSS or Atom feed or a sitemap, and the pages it names."""

    url: str
    max_pages: int = 1000
    allow_private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesSource(Source):
    """A folder of Markdown, text, HTML, PDF and notebooks, or a Notion export. `path` is absolute."""

    path: str
    include: tuple[str, ...] = ("**",)
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSource(Source):
    """A JSON array, JSONL file, LinkedIn's Shares.csv, or Notion's export as a zip or folder. `path` is absolute."""

    path: str
