"""A source of kind files -> its documents. What is in a folder or zip is `folder`'s to read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from twin.documents.archive import Archives
from twin.documents.folder import Folder
from twin.documents.globs import matcher
from twin.documents.ports import Item, Memory
from twin.documents.sources import FilesSource, Source
from twin.errors import SourceError


class FilesFetcher:
    """Implements Fetcher for FilesSource."""

    async def fetch(self, source: Source, memory: Memory) -> AsyncIterator[Item]:
        """Every file that is a document. Raises SourceError when the folder itself cannot be listed."""
        if not isinstance(source, FilesSource):
            raise SourceError(f"{source.name}: is a source of kind {source.kind}, not files")
        matches = matcher(source.include, source.exclude, source.name)
        zipped = Path(source.path).suffix.lower() == ".zip"
        with Archives() as archives:
            async for item in Folder(source, zipped, archives).fetch(memory, matches):
                yield item
