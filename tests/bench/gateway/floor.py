"""The floor of this stack: the least ASGI application that relays a chat. No keys, limits, metrics, traces, checks or timeouts.

`python floor.py PORT UPSTREAM`
"""

from __future__ import annotations

import sys

import aiohttp
import uvicorn

HEADERS = {"content-type": "application/json"}


class Floor:
    """Every request goes to one address, and its answer comes back as it arrives."""

    def __init__(self, upstream: str) -> None:
        self._url = f"{upstream}/chat/completions"
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope, receive, send) -> None:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        async with self._session.post(self._url, data=body, headers=HEADERS) as reply:
            kind = (b"content-type", reply.headers["content-type"].encode())
            await send({"type": "http.response.start", "status": reply.status, "headers": [kind]})
            async for part in reply.content.iter_any():
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


if __name__ == "__main__":
    port, upstream = sys.argv[1:]
    uvicorn.run(
        Floor(upstream), port=int(port), loop="uvloop", http="httptools", lifespan="off", access_log=False, log_level="error",
        backlog=2048,
    )  # fmt: skip
