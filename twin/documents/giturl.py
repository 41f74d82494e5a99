"""A git url -> where it is, without credentials, and which kind of address it is. Pure; asks nobody."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from twin.errors import SourceError

PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
SCHEMES = ("https", "http", "ssh", "git", "file")
_SCP = re.compile(r"^(?:[^/@\s:]+@)?([A-Za-z0-9][A-Za-z0-9.-]*):(?!//)(.+)$")
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")


def masked(text: str) -> str:
    """`text` with the user and password of every url in it replaced by `***`."""
    return _USER_INFO.sub("***@", text)


def is_local(url: str) -> bool:
    """A path rather than an address."""
    return "://" not in url and not _SCP.match(url)


def check_url(url: str, source: str) -> None:
    """Refuse what git would take for an option or a command. Raises SourceError."""
    if not url or url.startswith("-") or any(ord(c) < 32 for c in url):  # noqa: PLR2004 - the first printable character
        raise SourceError(f"{source}: url {masked(url)!r} is no address of a repository")
    scheme = url.partition("://")[0] if "://" in url else ""
    if "::" in url.split("/", 1)[0] or (scheme and scheme not in SCHEMES):
        raise SourceError(f"{source}: url {masked(url)!r}: git is asked by {', '.join(SCHEMES)} or a local path only")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a remote repository is asked for."""

    scheme: str
    host: str
    port: int


def endpoint(url: str, source: str) -> Endpoint | None:
    """The server of a url; None for a repository on this machine. Raises SourceError when it names none."""
    if is_local(url):
        return None
    if "://" not in url:
        scp = _SCP.match(url)
        return Endpoint("ssh", scp.group(1), PORTS["ssh"]) if scp else None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    scheme = url.partition("://")[0]
    if scheme == "file":
        return None
    if not host:
        raise SourceError(f"{source}: url {masked(url)!r} names no host")
    return Endpoint(scheme, host, port or PORTS[scheme])


def check_ref(ref: str, source: str) -> None:
    """Refuse a ref that git would take for an option or a range. Raises SourceError."""
    bad = not ref or ref.startswith("-") or ".." in ref or re.search(r"[\x00-\x20~^:?*\[\\\x7f]", ref)
    if bad:
        raise SourceError(f"{source}: ref {ref!r} is no branch, tag or commit")


def without_credentials(url: str) -> str:
    """The url that may be stored and shown: no user, no password, no query."""
    if is_local(url):
        return url
    if "://" not in url:
        return url.rpartition("@")[2] if "@" in url.partition(":")[0] else url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def credentials(url: str) -> str:
    """The value of an Authorization header for the user and password in an http(s) url, empty when there are none."""
    parts = urlsplit(url) if url.startswith(("http://", "https://")) else None
    if parts is None or "@" not in parts.netloc:
        return ""
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    return "Basic " + b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()


def web_address(address: str) -> tuple[str, bool]:
    """(`https://host/owner/repository`, True) for what a forge would show, else (a url, False)."""
    scp = _SCP.match(address) if "://" not in address else None
    if scp:
        return _forge("https", scp.group(1), scp.group(2)), True
    if is_local(address):
        return f"file://{quote(address)}", False
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme in ("http", "https"):
        return _forge(parts.scheme, host, parts.path), True
    if parts.scheme == "ssh":
        return _forge("https", host.partition(":")[0], parts.path), True
    return f"{parts.scheme}://{host}{parts.path}", False


def _forge(scheme: str, host: str, path: str) -> str:
    return f"{scheme}://{host.lower()}/{quote(unquote(path).strip('/').removesuffix('.git'))}"
