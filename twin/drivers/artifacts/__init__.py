"""Folders and files, kept by their digests in a folder or in S3 and read back only if they are what their digests say."""

from twin.drivers.artifacts.store import Artifacts

__all__ = ["Artifacts"]
