"""The files of an artifact <-> the manifest that names them by digest. Pure; reads no file and asks no store.

A folder is kept as its files and a manifest, not as one tar: a file that two artifacts share is stored once, an interrupted
copy goes on where it was, one file can be checked without the others, and nothing depends on times, owners or their order.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from twin.digest import PREFIX, bytes_digest, files_digest
from twin.errors import ArtifactError, DigestError

PIECE = 32 << 20  # bytes of a file that are stored, checked and, after a fault, copied again as one
LARGEST = 64 << 20  # bytes of a manifest: some 300,000 files
SCHEMA = 1
Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
Size = Annotated[int, Meta(ge=0)]
MANIFESTS = "artifacts/"
_URI = re.compile(r"(?P<root>.+)/artifacts/(?P<hex>[0-9a-f]{64})\.json")


class File(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One file: its digest, its size in bytes and, where it is larger than a piece, the digests of its pieces in order."""

    digest: Digest
    size: Size
    pieces: tuple[Digest, ...] = ()

    def stored(self) -> tuple[tuple[str, int, int], ...]:
        """Digest, offset and size of each piece."""
        pieces = self.pieces or (self.digest,)
        return tuple((one, at * PIECE, min(PIECE, self.size - at * PIECE)) for at, one in enumerate(pieces))


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The files by path with slashes. `beside` names those that are kept but not part of the artifact's digest.

    The files of an adapter that describe it (its card, the file that holds its digest) are such. The manifest's own digest,
    which stands in the artifact's uri, covers them.
    """

    schema: int
    files: dict[str, File]
    beside: tuple[str, ...] = ()
    single: bool = False  # one file rather than a folder with one

    @property
    def digest(self) -> str:
        """Of a file its own, of a folder that of its files."""
        counted = {name: file.digest for name, file in self.files.items() if name not in self.beside}
        return next(iter(counted.values())) if self.single else files_digest(counted)


def encode(manifest: Manifest) -> tuple[bytes, str]:
    """The manifest as it is stored, always the same for the same files, and the 64 hexadecimal digits that it is named by."""
    data = msgspec.json.encode(manifest, order="deterministic")
    return data, bytes_digest(data).removeprefix(PREFIX)


def decode(data: bytes, hex: str, uri: str) -> Manifest:
    """The manifest named `hex`. Raises DigestError when it is another one, ArtifactError when it is none."""
    if bytes_digest(data) != PREFIX + hex:
        raise DigestError(f"{uri}: its manifest is not what its name says; it was changed or cut. Put the artifact there again")
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as exc:
        raise ArtifactError(f"{uri}: is no manifest of an artifact ({exc})") from exc
    _check(manifest, uri)
    return manifest


def _check(manifest: Manifest, uri: str) -> None:
    if manifest.schema != SCHEMA:
        raise ArtifactError(f"{uri}: has schema {manifest.schema}, this version reads {SCHEMA}; use the version that wrote it")
    if manifest.single and len(manifest.files) != 1:
        raise ArtifactError(f"{uri}: says that it is one file and names {len(manifest.files)}")
    for name, file in manifest.files.items():
        if not inside(name):
            raise ArtifactError(f"{uri}: names the file {name!r}, which would lie outside its folder")
        whole = -(-file.size // PIECE)  # rounded up
        if len(file.pieces) != (whole if whole > 1 else 0):
            raise ArtifactError(f"{uri}: {name!r} of {file.size:,} bytes cannot have {len(file.pieces)} pieces")


def inside(name: str) -> bool:
    """Whether `name` is a plain path below a folder, written in the one way that it can be."""
    path = PurePosixPath(name)
    plain = bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name
    return plain and str(path) == name


def piece_key(digest: str) -> str:
    """Where a piece is stored, below the root."""
    hex = digest.removeprefix(PREFIX)
    return f"blobs/{hex[:2]}/{hex}"


def manifest_key(hex: str) -> str:
    """Where a manifest is stored, below the root."""
    return f"{MANIFESTS}{hex}.json"


def located(uri: str) -> tuple[str, str]:
    """The root and the manifest's name in the uri of an artifact. Raises ArtifactError for any other uri."""
    match = _URI.fullmatch(uri)
    if match is None:
        raise ArtifactError(f"{uri!r} is no address of an artifact: those end in /artifacts/<64 hexadecimal digits>.json")
    return match["root"], match["hex"]
