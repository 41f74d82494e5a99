"""A git url -> the settings that keep git at the addresses that were checked, or a refusal. Asks only the resolver.

What a crawl may not reach, git may not: see `http.guard`. For http and https the addresses are pinned (git 2.37 or later), so a
name cannot lead elsewhere at the second look; for ssh and git:// they are only checked, as neither can be told one.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from urllib.request import getproxies, proxy_bypass

from twin.documents.giturl import endpoint
from twin.documents.sources import GitSource
from twin.drivers.http.guard import REFUSED, is_allowed
from twin.errors import SourceError

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:]+(?:%\w+)?")


async def resolved(host: str, port: int) -> Sequence[str]:
    """The addresses of `host`. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(peer[0]) for *_, peer in found))


async def guarded(source: GitSource, resolve: Resolve = resolved) -> tuple[str, ...]:
    """Settings for git to ask the remote repository of `source`; none for one on this machine. Raises SourceError."""
    at = endpoint(source.url, source.name)
    if at is None:
        return ()
    if not _HOST.fullmatch(at.host):
        raise SourceError(f"{source.name}: {at.host[:100]!r} is no host; write it in ASCII (xn--...), without a final dot")
    try:
        addresses = await resolve(at.host, at.port)
    except OSError as exc:
        if at.scheme == "ssh" or _is_proxied(at.scheme, at.host):
            return ()  # an alias of ssh's own configuration, or a name that the proxy knows
        raise SourceError(f"{source.name}: there is no host {at.host}; check the url and the network") from exc
    if not all(is_allowed(address, allow_private=source.allow_private) for address in addresses):
        how = "say `allow_private: true` in sources.yaml if the source is yours"
        raise SourceError(f"{source.name}: {at.host} {REFUSED}; {how}")
    if at.scheme not in ("http", "https") or ":" in at.host:
        return ()
    pinned = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
    return (f"http.curloptResolve={at.host}:{at.port}:{pinned}",)


def _is_proxied(scheme: str, host: str) -> bool:
    proxies = getproxies()
    return scheme in ("http", "https") and ("all" in proxies or scheme in proxies) and not proxy_bypass(host)
