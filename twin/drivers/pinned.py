"""A pinned address -> its text, checked by its digest, from the net or from a file that was brought along. Knows no content."""

from __future__ import annotations

import hashlib
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from twin.errors import ArtifactError, DigestError

TIMEOUT = 60  # seconds
LARGEST = 20_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Pinned:
    """A file that somebody else publishes, at a version."""

    name: str
    version: str
    url: str
    sha256: str


def text(wanted: Pinned, brought: Path | None = None) -> str:
    """The file, from `brought` where one is given. Raises ArtifactError, or DigestError when it is another one."""
    content = _read(brought) if brought else _fetched(wanted)
    found = hashlib.sha256(content).hexdigest()
    if found != wanted.sha256:
        raise DigestError(
            f"{brought or wanted.url}: not {wanted.name} {wanted.version} (sha256 {found}, not {wanted.sha256}); not used"
        )
    return content.decode()


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as exc:
        raise ArtifactError(f"{file}: cannot be read ({exc.strerror})") from exc


def _fetched(wanted: Pinned) -> bytes:
    if not wanted.url.startswith("https://"):
        raise ArtifactError(f"{wanted.url}: only https is asked")
    try:
        with urllib.request.urlopen(wanted.url, timeout=TIMEOUT) as reply:  # noqa: S310  https, see above
            return bytes(reply.read(LARGEST))
    except OSError as exc:  # urllib's own errors are of this kind
        reason = getattr(exc, "reason", exc)
        raise ArtifactError(f"{wanted.url} cannot be fetched ({reason}); fetch it elsewhere and give --manifest FILE") from exc
