"""A JSON request to a forge's API -> its answer, or an error that holds neither the token nor more than a line of theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from twin.errors import PromotionError, ReleaseError

TIMEOUT = 30  # seconds
LARGEST = 1 << 20  # bytes of an answer
FOUND, CREATED, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, INVALID = 200, 201, 401, 403, 404, 409, 422
Said = Callable[[Any], str]


async def created(url: str, headers: Mapping[str, str], body: Any, *, token: str, said: Said) -> Any:
    """What was made by posting `body`. `said` finds the reason in an answer that refuses.

    Raises PromotionError when the forge refuses, ReleaseError when it cannot be asked.
    """
    return await _answered("POST", url, headers, body, CREATED, token, said)


async def found(url: str, headers: Mapping[str, str], *, token: str, said: Said) -> Any:
    """What is at `url`. Raises as `created` does."""
    return await _answered("GET", url, headers, None, FOUND, token, said)


async def _answered(method: str, url: str, headers: Mapping[str, str], body: Any, wanted: int, token: str, said: Said) -> Any:
    import aiohttp
    from yarl import URL

    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT), trust_env=True) as client,
            client.request(method, URL(url, encoded=True), json=body, headers=headers, allow_redirects=False) as reply,
        ):
            data, status = b"", reply.status
            async for part in reply.content.iter_any():
                data += part
                if len(data) > LARGEST:
                    raise ReleaseError(f"{_host(url)}: its answer is over the bound of {LARGEST:,} bytes; check forge_url")
    except (TimeoutError, aiohttp.ClientError, ValueError) as exc:
        raise ReleaseError(f"{_host(url)}: cannot be reached ({type(exc).__name__}); check forge_url and the network") from exc
    try:
        value = msgspec.json.decode(data)
    except msgspec.DecodeError:
        value = None
    if status == wanted and isinstance(value, dict):
        return value
    raise _error(url, status, _line(said(value), token))


def _error(url: str, status: int, reason: str) -> Exception:
    because = f" ({reason})" if reason else ""
    if status == UNAUTHORIZED:
        return PromotionError(f"{_host(url)} does not accept forge_token{because}; give one that is valid")
    if status in (FORBIDDEN, NOT_FOUND):
        return PromotionError(
            f"{_host(url)} answers {status}{because}: check `forge`, and that the token may open requests there"
        )
    if status in (CONFLICT, INVALID):
        return PromotionError(f"{_host(url)} refuses the request{because}")
    return ReleaseError(f"{_host(url)} answers {status}{because}; nothing was proposed, run the command again")


def _line(text: str, token: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in text.replace(token, "***"))
    return " ".join(shown.split())[:300]


def _host(url: str) -> str:
    from yarl import URL

    return str(URL(url).origin())
