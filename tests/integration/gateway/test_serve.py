"""`serve`: what is said when it listens, at which address, and what ends it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from services.gateway.serve import reached_at, serve
from tests.integration.gateway.scripted_gateway import ScriptedTwin, Served
from twin.errors import TwinError

SOON = 30


async def served(folder: Path, on_ready: Callable[[str], Awaitable[None] | None], host: str = "127.0.0.1") -> None:
    state = Served(ScriptedTwin(), folder).state
    state.keys.create("test", ["ask"])
    await asyncio.wait_for(serve(state, host, 0, drain_timeout=1, on_ready=on_ready), SOON)


async def test_what_fails_once_it_listens_ends_the_server_and_is_raised(tmp_path: Path) -> None:
    async def later(_: str) -> None:
        await asyncio.sleep(0)
        raise TwinError("there was no answer")

    def at_once(_: str) -> None:
        raise TwinError("there was no answer")

    for failing in (later, at_once):
        with pytest.raises(TwinError, match="there was no answer"):
            await served(tmp_path, failing)


async def test_a_signal_ends_the_server_and_what_it_still_does_in_order(tmp_path: Path) -> None:
    done = []

    async def waits(_: str) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            done.append("tidied up")

    await served(tmp_path, waits)
    assert done == ["tidied up"]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
async def test_the_address_that_is_said_is_one_that_can_be_reached(tmp_path: Path, host: str) -> None:
    said = []

    async def reach(address: str) -> None:
        said.append(address)
        name, _, port = address.removeprefix("http://").rpartition(":")
        _, writer = await asyncio.open_connection(name, int(port))
        writer.close()
        os.kill(os.getpid(), signal.SIGTERM)

    await served(tmp_path, reach, host)
    assert "0.0.0.0" not in said[0]


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("::", "http://[::1]:1"),
        ("::1", "http://[::1]:1"),
        ("10.0.0.7", "http://10.0.0.7:1"),
        ("twin.local", "http://twin.local:1"),
    ],
)
def test_an_address_is_written_as_browsers_take_it(host: str, address: str) -> None:
    assert reached_at(host, 1) == address
