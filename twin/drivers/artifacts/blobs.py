"""An address -> the place where pieces and manifests are kept by name: a folder or a bucket. Knows no artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from twin.errors import ArtifactError


class Blobs(Protocol):
    """Whole blobs of at most a piece, by key. Every method raises ArtifactError; what it says holds no credentials."""

    root: str  # the address, without a slash at its end

    async def reach(self) -> None:
        """That the place answers and may be used; costs one request, and is not tried again."""
        ...

    async def size(self, key: str) -> int | None:
        """In bytes, None where there is no such blob."""
        ...

    async def write(self, key: str, data: bytes) -> None:
        """Whole or not at all, also for readers and when killed."""
        ...

    async def read(self, key: str, most: int) -> bytes:
        """Raises ArtifactError also for a blob of more than `most` bytes, before it is read."""
        ...


def check_size(where: str, size: int, most: int) -> None:
    """Raises ArtifactError for a blob that is over its bound."""
    if size > most:
        raise ArtifactError(f"{where}: has {size:,} bytes, {most:,} at most are expected; it is not what its name says")


def blobs_at(root: str, endpoint: str = "") -> Blobs:
    """What keeps blobs at `root`: a path, file:///path or s3://bucket/prefix, at `endpoint` unless that is AWS's own.

    Raises ArtifactError for any other address.
    """
    scheme = root.partition("://")[0] if "://" in root else ""
    if scheme == "s3":
        from twin.drivers.artifacts.s3 import S3Blobs

        return S3Blobs(root, endpoint)
    if scheme in {"", "file"}:
        from twin.drivers.artifacts.files import FileBlobs

        return FileBlobs(Path(unquote(urlsplit(root).path)) if scheme else Path(root))
    raise ArtifactError(f"artifacts cannot be kept at {scheme[:40]}://...; give a path, file:///path or s3://bucket/prefix")
