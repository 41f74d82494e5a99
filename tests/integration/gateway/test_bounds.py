"""What ends a request before its time: a step, the whole, the client or the server, alone and at once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from services.gateway.bounds import Bounds
from tests.doubles.model_server import Hang, ModelServer, Say
from tests.integration.gateway.rig import asked, gateway, request


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


async def test_step_that_takes_too_long_is_a_timeout_and_the_next_one_has_its_own_time() -> None:
    bounds = Bounds()
    for _ in range(3):
        with pytest.raises(TimeoutError), bounds.within(0.01):
            await forever()
    with bounds.within(30):
        await asyncio.sleep(0.03)
    task = asyncio.current_task()
    assert task
    assert (task.cancelling(), bounds.ended) == (0, "")
    bounds.close()


async def test_shorter_step_after_a_longer_one_ends_in_its_own_time() -> None:
    bounds = Bounds()
    bounds.whole(60, "never")
    with bounds.within(60):
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError), bounds.within(0.01):
        await asyncio.wait_for(forever(), 30)
    bounds.close()


async def test_step_that_is_moved_on_and_on_ends_only_when_it_is_not() -> None:
    bounds = Bounds()
    for _ in range(10):
        with bounds.within(0.5):
            await asyncio.sleep(0.06)
    with pytest.raises(TimeoutError), bounds.within(0.05):
        await forever()
    bounds.close()


async def ended_by(bounds_of: list[Bounds]) -> str:
    """A task that waits within a step; what it was told when it was cancelled."""
    bounds = Bounds()
    bounds_of.append(bounds)
    try:
        with bounds.within(60):
            await forever()
    except asyncio.CancelledError as exc:
        return f"{bounds.ended}: {exc}"
    return "not ended"


async def test_whole_time_tells_its_reason_even_inside_a_step() -> None:
    made: list[Bounds] = []
    task = asyncio.ensure_future(ended_by(made))
    await asyncio.sleep(0)
    made[0].whole(0.01, "too long in all")
    assert await task == "whole: too long in all"


async def test_client_that_leaves_ends_a_step_and_who_comes_later_changes_nothing() -> None:
    made: list[Bounds] = []
    task = asyncio.ensure_future(ended_by(made))
    await asyncio.sleep(0)
    made[0].left()
    made[0].left()
    assert await task == "left: "


async def test_cancelled_from_outside_is_no_end_of_ours() -> None:
    made: list[Bounds] = []
    task = asyncio.ensure_future(ended_by(made))
    await asyncio.sleep(0)
    task.cancel("the server stops")
    assert await task == ": the server stops"


async def test_step_and_server_at_once_is_no_timeout() -> None:
    async def work() -> None:
        bounds = Bounds()
        with bounds.within(0.01):
            await forever()

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    until = loop.time() + 0.05
    while loop.time() < until:  # the step's time passes while nobody can wake
        pass
    loop.call_soon(task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("size", [1_000, 70_000, 900_000])
async def test_client_that_leaves_is_noticed_after_a_large_question(tmp_path: Path, server: ModelServer, size: int) -> None:
    server.script = [Hang()]
    async with gateway(tmp_path, server) as gate:
        _, writer = await gate.connect()
        writer.write(request(asked("off", "x" * size)))
        while not server.requests:
            await asyncio.sleep(0.001)
        writer.close()
        await asyncio.wait_for(server.gone.wait(), 30)
        assert (await gate.trace()).status == "cancelled"
        await gate.idle()


async def test_client_that_leaves_after_one_answer_does_not_end_anothers(tmp_path: Path, server: ModelServer) -> None:
    server.script = [Say(), Hang(2)]
    async with gateway(tmp_path, server) as gate:
        reader, writer = await gate.connect()
        writer.write(request(asked("off", stream=True)))
        await reader.readuntil(b"[DONE]\n\n\r\n0\r\n\r\n")
        other_reader, other = await gate.connect()
        other.write(request(asked("off", stream=True)))
        await other_reader.readuntil(b"data: ")
        writer.close()
        await gate.trace()
        done, _ = await asyncio.wait([asyncio.ensure_future(server.gone.wait())], timeout=0.1)
        assert not done
        other.close()
        await asyncio.wait_for(server.gone.wait(), 30)
        await gate.idle()


async def test_request_is_passed_on_as_it_was_sent(
    tmp_path: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[bytes] = []
    decode = json.loads

    def seen(raw: bytes) -> Any:
        bodies.append(raw)
        return decode(raw)

    monkeypatch.setattr("tests.doubles.model_server.json.loads", seen)
    odd = '"seed": 123456789012345678901234567890, "t": 0.10000000000000000001, "x": 1e400, "s": "\\u0041\\/", "n": {"b":1,  "a":2}'
    raw = f'{{"model": "twin", "twin": {{"retrieval": "off"}}, "messages": [], {odd}}}'
    async with gateway(tmp_path, server) as gate:
        _, writer = await gate.connect()
        writer.write(request(raw.encode()))
        await gate.trace()
        writer.close()
    sent = bodies[-1].decode()
    for kept in ("123456789012345678901234567890", "0.10000000000000000001", "1e400", r'"\u0041\/"', '{"b":1,  "a":2}'):
        assert kept in sent
    assert '"twin"' not in sent
    assert '"model":"double"' in sent


async def busy() -> None:
    while True:
        await asyncio.sleep(0)


async def waited(work: Callable[[], Awaitable[None]], told: list[str]) -> None:
    """A task whose own timeout is over in the same moment as the whole time; what reached the block between them."""
    bounds = Bounds()
    bounds.whole(0.02, "too long in all")
    try:
        async with asyncio.timeout(0.021):
            await work()
    except TimeoutError:
        told.append("timeout")
    except asyncio.CancelledError as exc:
        told.append(str(exc))
    bounds.close()
    bounds.taken_back()


@pytest.mark.parametrize("work", [forever, busy])
async def test_whole_time_and_a_timeout_inside_that_end_at_once_lose_no_reason(work: Callable[[], Awaitable[None]]) -> None:
    told: list[str] = []
    task = asyncio.ensure_future(waited(work, told))
    await asyncio.sleep(0)
    time.sleep(0.05)  # a loop that was busy finds both over
    await task
    assert told in (["timeout"], ["too long in all"])


async def steps(bounds: Bounds) -> None:
    while True:
        with bounds.within(60):
            await asyncio.sleep(0)


async def test_step_that_begins_as_the_whole_time_is_over_does_not_put_it_off() -> None:
    bounds = Bounds()
    bounds.whole(0.01, "too long in all")
    with pytest.raises(asyncio.CancelledError, match="too long in all"):
        await steps(bounds)
    bounds.close()
    bounds.taken_back()
