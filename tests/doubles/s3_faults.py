"""A proxy before a real S3 server: passes requests on as they are, and fails, cuts, spoils or holds what it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
from aiohttp import web

HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "content-length"}
Fault = Callable[[web.Request], str | int | None]


class S3Faults:
    """`fault` is asked before each request: a status to answer, "cut" or "spoil" its body, "hold" it, or None.

    `seen` holds method and path of each request, `heads` its headers.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.fault: Fault = lambda request: None
        self.seen: list[tuple[str, str]] = []
        self.heads: list[dict[str, str]] = []
        self.held = asyncio.Event()

    async def __aenter__(self):
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        self._client = aiohttp.ClientSession(auto_decompress=False)
        return self

    async def __aexit__(self, *error):
        self.held.set()
        await self._client.close()
        await self._runner.cleanup()

    def count(self, method: str, part: str = "") -> int:
        return sum(1 for one, path in self.seen if one == method and part in path)

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.raw_path))
        self.heads.append(dict(request.headers))
        fault = self.fault(request)
        if isinstance(fault, int):
            code = "<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"
            return web.Response(status=fault, text=f'<?xml version="1.0"?>{code}', content_type="application/xml")
        if fault == "hold":
            await self.held.wait()
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        async with self._client.request(
            request.method, _raw(self.upstream + request.raw_path), headers=headers, data=body or None, allow_redirects=False
        ) as reply:
            data = await reply.read()
            answer = web.StreamResponse(
                status=reply.status, headers={k: v for k, v in reply.headers.items() if k.lower() not in HOP}
            )
            answer.content_length = int(reply.headers.get("content-length", 0)) if request.method == "HEAD" else len(data)
            await answer.prepare(request)
            if fault == "spoil":
                data = data[:-1] + bytes([data[-1] ^ 1])
            if fault == "cut":
                await answer.write(data[: len(data) // 2])
                request.transport.abort()
                return answer
            if request.method != "HEAD" and data:
                await answer.write(data)
            return answer


def _raw(url: str):
    from yarl import URL

    return URL(url, encoded=True)
