"""A request's key -> who asks and whether they may. Without keys only loopback may ask, and only from a page of its own."""

from __future__ import annotations

import ipaddress
import logging
from urllib.parse import urlsplit

from services.gateway.http import Request, RequestError
from services.gateway.state import Gateway
from twin.drivers.keys import Key
from twin.errors import StoreError

log = logging.getLogger(__name__)
NOBODY = Key("local", "local", ("admin",), "")


def authorise(state: Gateway, request: Request, scope: str) -> Key:
    """The key that asks.

    Raises RequestError: 401 without a known key, 403 outside its scopes, 429 beyond its rate, 503 when no key can be known.
    """
    kind, _, token = request.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    try:
        if not len(state.keys) and state.loopback:  # off it, taking the last key away must not let everybody in
            _refuse_strangers(request)
            return NOBODY
        key = state.keys.check(token.strip()) if kind.lower() == "bearer" else None
    except StoreError as exc:
        log.error("%s", exc)  # noqa: TRY400 - it is no defect, and says all
        raise RequestError(503, "the keys cannot be read; the gateway's log says why", "keys_unreadable") from exc
    if key is None:
        said = "the key is unknown, revoked or expired" if token else "a key is needed: Authorization: Bearer twin_..."
        raise RequestError(401, said, "invalid_api_key", {"www-authenticate": "Bearer"})
    if not key.allows(scope):
        raise RequestError(403, f"this key may not do that: it lacks the scope {scope}", "insufficient_scope")
    if key.per_minute and (wait := state.rates.take(key.id, key.per_minute)):
        limit = {"retry-after": str(int(wait) + 1), "x-ratelimit-limit-requests": str(key.per_minute)}
        raise RequestError(429, f"this key may ask {key.per_minute} times a minute", "rate_limit_exceeded", limit)
    return key


def _refuse_strangers(request: Request) -> None:
    """Keep other sites' pages out, also those that point a name of theirs at loopback (DNS rebinding)."""
    hosts = [value for name, value in request.scope["headers"] if name == b"host"]
    host = hosts[0].decode("latin-1") if len(hosts) == 1 else ""
    origin = request.headers.get(b"origin", b"").decode("latin-1")
    if not is_loopback(_name(f"//{host}")):
        raise RequestError(403, "without keys only localhost is answered: `twin keys create` makes one", "forbidden_host")
    if origin and origin.partition("://")[2] != host:
        raise RequestError(403, "without keys pages of other origins are not answered", "forbidden_origin")


def _name(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:  # brackets that hold no address
        return ""


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
