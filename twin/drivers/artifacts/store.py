"""A folder or file -> an artifact by its digest, and back. Knows neither what the files mean nor what keeps the blobs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

from twin.digest import bytes_digest
from twin.drivers.artifacts import manifest as manifests
from twin.drivers.artifacts.blobs import Blobs, blobs_at
from twin.drivers.artifacts.download import Download
from twin.drivers.artifacts.manifest import Manifest
from twin.drivers.artifacts.rehearsed import RehearsedBlobs
from twin.drivers.artifacts.upload import Upload
from twin.errors import ArtifactError, DigestError
from twin.records import Artifact


class Artifacts:
    """Artifacts written below `root` (a path, file:///path or s3://bucket/prefix) and read wherever their uri says.

    `endpoint` is where S3 is asked; empty is AWS. With `dry_run` nothing is kept, and what was put counts as there. Every
    method raises ArtifactError.
    """

    def __init__(self, root: str, endpoint: str = "", *, dry_run: bool = False) -> None:
        self._root, self._endpoint, self._dry_run = root, endpoint, dry_run
        self._opened: dict[str, Blobs] = {}

    async def put(self, path: Path, *, beside: Collection[str] = ()) -> Artifact:
        """Keep the folder or file at `path`. Costs what is not kept yet; killed and run again, it goes on.

        Files named in `beside` (paths with slashes) are kept, too, but are not part of the digest.
        """
        blobs = self._blobs(self._root)
        manifest = await Upload(blobs).put(path, beside)
        data, hex = manifests.encode(manifest)
        if await blobs.size(manifests.manifest_key(hex)) != len(data):
            await blobs.write(manifests.manifest_key(hex), data)  # last: from here on the artifact is there
        return Artifact(f"{blobs.root}/{manifests.manifest_key(hex)}", manifest.digest)

    async def get(self, artifact: Artifact, out: Path) -> Path:
        """The artifact's folder or file at `out`, which appears whole and checked or not at all.

        Where `out` is there already it must be the artifact. Killed and run again, it goes on. Raises DigestError when
        what is read is not what the digest says.
        """
        blobs, manifest = await self._found(artifact)
        await Download(blobs, manifest, artifact).get(out)
        return out

    async def read(self, artifact: Artifact, name: str) -> bytes:
        """The artifact's file `name`, of at most a piece, checked; the others are not fetched."""
        blobs, manifest = await self._found(artifact)
        file = manifest.files.get(name)
        if file is None or file.pieces:
            raise ArtifactError(f"{artifact.uri}: has no {name}" + (" that is small enough to be read alone" if file else ""))
        data = await blobs.read(manifests.piece_key(file.digest), file.size)
        if bytes_digest(data) != file.digest:
            raise DigestError(f"{artifact.uri}: the stored {name} is not what its name says; put the artifact there again")
        return data

    async def check(self, artifact: Artifact) -> None:
        """That the artifact is there, whole and under this digest, without reading its files. Raises ArtifactError."""
        blobs, manifest = await self._found(artifact)
        slots = asyncio.Semaphore(16)

        async def there(digest: str, size: int) -> str:
            async with slots:
                return "" if await blobs.size(manifests.piece_key(digest)) == size else digest

        pieces = {(digest, size) for file in manifest.files.values() for digest, _, size in file.stored()}
        missing = [one for one in await asyncio.gather(*(there(*piece) for piece in sorted(pieces))) if one]
        if missing:
            raise ArtifactError(f"{artifact.uri}: lacks {len(missing)} of {len(pieces)} pieces; put the artifact there again")

    async def reach(self) -> str:
        """The address below which artifacts are written, when it answers."""
        blobs = self._blobs(self._root)
        await blobs.reach()
        return blobs.root

    async def _found(self, artifact: Artifact) -> tuple[Blobs, Manifest]:
        root, hex = manifests.located(artifact.uri)
        blobs = self._blobs(root)
        data = await blobs.read(manifests.manifest_key(hex), manifests.LARGEST)
        manifest = manifests.decode(data, hex, artifact.uri)
        if manifest.digest != artifact.digest:
            raise DigestError(f"{artifact.uri}: holds {manifest.digest}, not {artifact.digest}; correct the one that is wrong")
        return blobs, manifest

    def _blobs(self, root: str) -> Blobs:
        if root not in self._opened:
            blobs = blobs_at(root, self._endpoint)
            made = RehearsedBlobs(blobs) if self._dry_run else blobs
            self._opened[root] = self._opened.setdefault(blobs.root, made)  # one place, however its address is written
        return self._opened[root]
