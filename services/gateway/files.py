"""The chat page's files, read once at start: no path of a request ever reaches the file system."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from services.gateway.http import Request

POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY = (
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


@dataclass(frozen=True, slots=True)
class File:
    """A file with its type and the tag of its content."""

    data: bytes
    kind: bytes
    tag: bytes


def load(folder: Path) -> dict[str, File]:
    """The page's files by request path."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in {".html", ".js", ".css", ".svg"}:
            data = path.read_bytes()
            kind = (mimetypes.guess_type(path.name)[0] or "application/octet-stream") + "; charset=utf-8"
            file = File(data, kind.encode(), f'"{hashlib.sha256(data).hexdigest()[:16]}"'.encode())
            found["/" if path.name == "index.html" else f"/assets/{path.name}"] = file
    return found


async def serve(file: File, request: Request) -> None:
    """Send a file, or 304 when the browser has it."""
    headers = ((b"content-type", file.kind), (b"etag", file.tag), (b"cache-control", b"no-cache"), *SECURITY)
    if request.headers.get(b"if-none-match") == file.tag:
        await request.start(304, headers)
        await request.send(b"", more=False)
        return
    await request.reply(200, file.data, headers)
