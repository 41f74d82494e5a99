"""Blobs as they would be: what is written is remembered and kept nowhere, so that what would be done can be checked."""

from __future__ import annotations

from twin.drivers.artifacts.blobs import Blobs, check_size
from twin.drivers.artifacts.manifest import MANIFESTS


class RehearsedBlobs:
    """`blobs`, and what was written since. Of pieces only the size is remembered: nobody reads what he has just put."""

    def __init__(self, blobs: Blobs) -> None:
        self.root = blobs.root
        self._blobs = blobs
        self._sizes: dict[str, int] = {}
        self._manifests: dict[str, bytes] = {}

    async def reach(self) -> None:
        await self._blobs.reach()

    async def size(self, key: str) -> int | None:
        return self._sizes[key] if key in self._sizes else await self._blobs.size(key)

    async def write(self, key: str, data: bytes) -> None:
        self._sizes[key] = len(data)
        if key.startswith(MANIFESTS):
            self._manifests[key] = data

    async def read(self, key: str, most: int) -> bytes:
        if key in self._manifests:
            check_size(key, len(self._manifests[key]), most)
            return self._manifests[key]
        return await self._blobs.read(key, most)
