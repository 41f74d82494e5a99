"""What the tests of fetchers share: a memory that remembers, and a listing taken to its end."""

from contextlib import contextmanager
from pathlib import Path

from twin.documents.ports import Failed, Found, Listed, Nothing, Same, Skipped
from twin.documents.sources import ExportSource, FilesSource, GitSource
from twin.errors import SourceError
from twin.records import Author, Kind, Known

ADA = Author("ada", "Ada Author")


class Remembering:
    """A Memory that keeps what listings showed, as the reconciler would."""

    def __init__(self):
        self.cursor = ""
        self.stored = {}

    async def known(self, uris):
        return {uri: self.stored[uri] for uri in uris if uri in self.stored}

    def take(self, seen):
        for item in seen.found:
            self.stored[item.document.uri] = Known(item.document.uri, item.document.content_hash, item.version)
        if seen.cursor and not seen.failed:
            self.cursor = seen.cursor


class Seen:
    """The items of one listing, by what they are."""

    def __init__(self):
        self.items = []
        self.error = ""

    def of(self, kind):
        return [item for item in self.items if isinstance(item, kind)]

    @property
    def found(self):
        return self.of(Found)

    @property
    def documents(self):
        return {item.document.uri: item.document for item in self.found}

    @property
    def document(self):
        assert len(self.found) == 1, self.items
        return self.found[0].document

    @property
    def same(self):
        return [item.uri for item in self.of(Same)]

    @property
    def failed(self):
        return {item.uri: item.reason for item in self.of(Failed)}

    @property
    def skipped(self):
        return {item.uri: item.reason for item in self.of(Skipped)}

    @property
    def complete(self):
        return bool(self.items) and isinstance(self.items[-1], Listed | Nothing)

    @property
    def cursor(self):
        return next((item.cursor for item in self.of(Listed)), "")

    @property
    def nothing(self):
        return self.items == [Nothing()]


@contextmanager
def reason(kind):
    """What was raised of `kind`, if anything was: for laws of the form "a result or a reason"."""
    given = []
    try:
        yield given
    except kind as exc:
        given.append(str(exc))


async def listed(fetcher, source, memory=None):
    """One listing; what the source as a whole raised is in `error`."""
    memory = memory or Remembering()
    seen = Seen()
    try:
        async for item in fetcher.fetch(source, memory):
            seen.items.append(item)
    except SourceError as exc:
        seen.error = str(exc)
    memory.take(seen)
    return seen


def files(path: Path, **options):
    return FilesSource(**{"name": "notes", "author": ADA, "documents": Kind.ARTICLE, "path": str(path)} | options)


def export(path: Path, **options):
    return ExportSource(**{"name": "blog", "author": ADA, "documents": Kind.ARTICLE, "path": str(path)} | options)


def git(url, **options):
    return GitSource(**{"name": "code", "author": ADA, "documents": Kind.REPOSITORY, "url": str(url)} | options)
