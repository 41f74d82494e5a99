"""A request that a Qdrant server is too busy for -> the same request later, for as long as a caller can be let wait."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from twin.drivers.http.retry import pause, retry_after

if TYPE_CHECKING:
    from httpx import Request, Response
    from qdrant_client import AsyncQdrantClient

    Send = Callable[[Request], Awaitable[Response]]

BUSY = 429
LONGEST = 20.0  # seconds that one request waits in all: somebody's question may hang on it


def be_patient(client: AsyncQdrantClient) -> None:
    """Let `client` send again what was answered with 429, when the server says: all that we send may be repeated."""
    client.http.client.add_middleware(_patient)


async def _patient(request: Request, send: Send) -> Response:
    attempt, left = 1, LONGEST
    while True:
        response = await send(request)
        if response.status_code != BUSY:
            return response
        wait = pause(attempt, retry_after(response.headers.get("retry-after", ""), time.time()), random.random)
        if wait is None or wait > left:
            return response
        await asyncio.sleep(wait)
        attempt, left = attempt + 1, left - wait
