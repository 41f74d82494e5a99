"""A Gateway -> a listening process: uvicorn on uvloop and httptools, drained on SIGTERM. Knows no route."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import math
import resource
import signal
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from services.gateway.admit import STOPPED
from services.gateway.app import build
from services.gateway.auth import is_loopback
from services.gateway.connection import Connection
from services.gateway.state import Gateway
from twin.errors import SettingsError

BACKLOG = 2048
STALLED = 60  # seconds that a client may leave sent bytes unread before the kernel ends its connection
LAST_STEPS = 2.0  # seconds for what was cancelled to write its trace


class _Server(uvicorn.Server):
    """uvicorn with signals of our own: the first drains, the second ends at once; the exit status stays 0."""

    def __init__(self, config: uvicorn.Config, state: Gateway, drain_timeout: float) -> None:
        super().__init__(config)
        self._state = state
        self._drain_timeout = drain_timeout
        self._draining: asyncio.Future[None] | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        caught = (signal.SIGTERM, signal.SIGINT)
        for one in caught:
            loop.add_signal_handler(one, self._stop)
        try:
            yield
        finally:
            for one in caught:
                loop.remove_signal_handler(one)

    def _stop(self) -> None:
        if self._draining is None:
            self._draining = asyncio.ensure_future(self._drain())
        else:
            self.force_exit = self.should_exit = True

    async def _drain(self) -> None:
        """Keep listening while answers run: /readyz says why nothing new is taken on, instead of a refused connection."""
        self._state.draining = True
        clock = asyncio.get_running_loop().time
        end = clock() + self._drain_timeout
        try:
            async with asyncio.timeout_at(end):
                await self._state.admission.close()
        except TimeoutError:  # uvicorn would end them with words of its own
            await ended(self.server_state.tasks)
        self.config.timeout_graceful_shutdown = max(0, math.ceil(end - clock()))
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises SettingsError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as exc:
        raise SettingsError(
            f"{host}:{port}: cannot be listened on ({exc.strerror}); choose another with --host and --port"
        ) from exc
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit both; not every event loop sets it
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED * 1000)
    return sock


def open_many_files() -> None:
    """Take all the files that this process may have open: shells give 1,024, which is 500 streams."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # "unlimited" is more than some kernels take
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def config(state: Gateway) -> uvicorn.Config:
    """The server as the gateway needs it."""
    return uvicorn.Config(
        build(state),
        loop="uvloop",
        http=Connection,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="critical",
        server_header=False,
        proxy_headers=False,  # nobody's address is asked for
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )


async def serve(
    state: Gateway, host: str, port: int, *, drain_timeout: float, on_ready: Callable[[str], Any] | None = None
) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises SettingsError off loopback without keys, or when the port is taken, StoreError when the keys cannot be read, and what
    `on_ready` raises, which ends the server. It is given an address by which this machine reaches it.
    """
    _need_a_key(state, host)
    sock = listen(host, port)
    open_many_files()
    state.loopback = is_loopback(host)
    server = _Server(config(state), state, drain_timeout)
    ready = asyncio.ensure_future(_say_ready(server, reached_at(host, sock.getsockname()[1]), on_ready))
    watching = asyncio.ensure_future(state.standing.watch()) if state.standing else None
    try:
        await server.serve(sockets=[sock])
        await ended(server.server_state.tasks)
    finally:
        sock.close()
        if state.session is not None:
            await state.session.close()
        await _over(ready, *((watching,) if watching else ()))
    if not ready.cancelled():
        ready.result()


def _need_a_key(state: Gateway, host: str) -> None:
    if not len(state.keys) and not is_loopback(host):
        raise SettingsError(
            f"{host} can be reached by others and there is no key: `twin keys create --name NAME --scope ask` makes one, "
            "or serve on 127.0.0.1"
        )


async def _over(*tasks: asyncio.Task[None]) -> None:
    """End tasks, and wait until they have tidied up."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def reached_at(host: str, port: int) -> str:
    """Where this machine reaches a server that listens on `host`, which may stand for every address there is."""
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_unspecified:
            host = "::1" if ":" in host else "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def ended(tasks: Collection[asyncio.Task[None]]) -> None:
    """End the requests that outlasted the drain, or a second signal, so that their traces are kept."""
    for task in tasks:
        if not task.cancelling():
            task.cancel(STOPPED)
    if tasks:
        await asyncio.wait(set(tasks), timeout=LAST_STEPS)


async def _say_ready(server: uvicorn.Server, address: str, on_ready: Callable[[str], Any] | None) -> None:
    while not server.started:  # noqa: ASYNC110  uvicorn has a flag and no event
        await asyncio.sleep(0.01)
    gc.collect()
    gc.freeze()  # what was loaded stays: looking it all through again stops every stream for 30 ms
    if on_ready is None:
        return
    try:
        said = on_ready(address)
        if asyncio.iscoroutine(said):
            await said
    except Exception:
        server.should_exit = True
        raise
