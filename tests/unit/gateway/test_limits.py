"""Places and tokens: never more than allowed, never one lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.limits import Admission, RateLimits
from twin.errors import UnavailableError

LONG = 60.0


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(0, 4),
    st.lists(st.tuples(st.sampled_from(["come", "leave", "cancel", "tick", "now"]), st.integers(0, 20))),
)
def test_places_are_never_exceeded_and_all_come_back(limit: int, queue: int, steps: list[tuple[str, int]]) -> None:
    async def play() -> None:
        places, inside, coming = Admission(limit, queue, LONG), [0], []

        async def visit(done: asyncio.Event) -> None:
            await places.enter()
            inside[0] += 1
            assert inside[0] <= limit
            try:
                await done.wait()
            finally:
                inside[0] -= 1
                places.leave()

        for what, which in steps:
            if what == "come":
                event = asyncio.Event()
                coming.append((asyncio.ensure_future(visit(event)), event))
            elif what == "tick":
                await asyncio.sleep(0)
            elif what == "now":
                await settle()
                assert inside[0] == places.active
                assert places.waiting <= queue
            elif coming:
                task, event = coming[which % len(coming)]
                event.set() if what == "leave" else task.cancel()
        for _, event in coming:
            event.set()
        ended = await asyncio.gather(*(task for task, _ in coming), return_exceptions=True)
        assert all(one is None or isinstance(one, UnavailableError | asyncio.CancelledError) for one in ended)
        assert (places.active, places.waiting) == (0, 0)

    asyncio.run(play())


async def test_who_waits_longest_comes_next() -> None:
    places, order = Admission(1, 5, LONG), []

    async def visit(name: int) -> None:
        await places.enter()
        order.append(name)
        await asyncio.sleep(0)
        places.leave()

    await asyncio.gather(*(visit(name) for name in range(5)))
    assert order == list(range(5))


async def test_place_given_to_one_who_gives_up_at_that_moment_goes_to_the_next() -> None:
    places = Admission(1, 5, LONG)
    await places.enter()
    second, third = asyncio.ensure_future(places.enter()), asyncio.ensure_future(places.enter())
    await settle()
    places.leave()  # the second has the place, and does not know it yet
    second.cancel()
    await third
    assert (second.cancelled(), places.active, places.waiting) == (True, 1, 0)


async def test_full_queue_and_long_wait_are_two_answers() -> None:
    places = Admission(1, 1, 0.01)
    await places.enter()
    waiting = asyncio.ensure_future(places.enter())
    await settle()
    with pytest.raises(UnavailableError) as full:
        await places.enter()
    with pytest.raises(UnavailableError) as late:
        await waiting
    assert (full.value.status, late.value.status) == (429, 503)
    places.leave()
    assert (places.active, places.waiting) == (0, 0)


async def test_closing_refuses_new_ones_and_waits_for_those_inside_and_those_who_wait() -> None:
    places = Admission(1, 2, LONG)
    await places.enter()
    second = asyncio.ensure_future(places.enter())
    await settle()
    closed = asyncio.ensure_future(places.close())
    await settle()
    with pytest.raises(UnavailableError, match="stopping"):
        await places.enter()
    places.leave()
    await second
    await settle()
    assert not closed.done()
    places.leave()
    await closed


async def test_closing_that_is_given_up_harms_nobody() -> None:
    places = Admission(1, 2, LONG)
    await places.enter()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(places.close(), 0)
    closing = asyncio.ensure_future(places.close())
    await settle()
    closing.cancel()
    await settle()
    places.leave()
    assert places.active == 0
    await places.close()


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_minutes_worth_may_be_asked_at_once_and_then_evenly() -> None:
    clock = Clock()
    rates = RateLimits(clock)
    assert [rates.take("a", 3) for _ in range(3)] == [0.0] * 3
    assert rates.take("a", 3) == pytest.approx(20.0)
    assert rates.take("b", 3) == 0.0
    clock.now += 19.9
    assert 0 < rates.take("a", 3) < 0.2
    clock.now += 0.2
    assert rates.take("a", 3) == 0.0
    assert rates.take("a", 3) > 0
    clock.now += 10_000
    assert [rates.take("a", 3) == 0.0 for _ in range(5)] == [True, True, True, False, False]


@given(st.integers(1, 600), st.lists(st.floats(0, 30), max_size=60))
def test_no_key_ever_gets_more_than_a_minutes_worth_and_the_refill(per_minute: int, pauses: list[float]) -> None:
    clock, taken = Clock(), 0
    rates = RateLimits(clock)
    for pause in pauses:
        clock.now += pause
        wait = rates.take("k", per_minute)
        taken += wait == 0.0
        assert wait <= 60 / per_minute
    assert taken <= per_minute + clock.now * per_minute / 60 + 1e-6
