"""A request's work -> done in a place of its own, and ended when the client leaves or the time is up. Knows no route."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from services.gateway.http import GoneError, Request
from services.gateway.state import Gateway
from twin.errors import AnswerError, UnavailableError

Work = Callable[[], Coroutine[Any, Any, None]]
STOPPED = "the gateway stopped before the answer was whole"


async def admitted(state: Gateway, request: Request, work: Work) -> None:
    """Wait for a place, do `work` in it and give the place back.

    Raises what `work` raises, UnavailableError without a place or when the server stops, AnswerError 504 after the total
    timeout, and GoneError as soon as the client leaves, also while it waits for its place.
    """
    doing = asyncio.ensure_future(_placed(state, work))
    gone = asyncio.ensure_future(request.gone())
    try:
        await asyncio.wait({doing, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise GoneError
        doing.result()
    except asyncio.CancelledError as exc:  # only a server that stops does this: the client and the trace hear of it
        doing.cancel(STOPPED)
        await asyncio.gather(doing, return_exceptions=True)
        raise UnavailableError(f"{STOPPED}; try again soon", code="stopping") from exc
    finally:
        gone.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)


async def _placed(state: Gateway, work: Work) -> None:
    await state.admission.enter()
    try:
        await _in_time(work, state.total_timeout)
    finally:
        state.admission.leave()


async def _in_time(work: Work, seconds: float) -> None:
    """Like asyncio.timeout, but what is cancelled is told why: its trace says so."""
    task, late = asyncio.current_task(), asyncio.Event()
    reason = f"the answer took longer than {seconds:g} s in all"

    def end() -> None:
        late.set()
        if task:
            task.cancel(reason)

    timer = asyncio.get_running_loop().call_later(seconds, end)
    try:
        await work()
    except asyncio.CancelledError as exc:
        if not late.is_set():
            raise
        raise AnswerError(f"{reason}; ask for less, or raise TWIN_TOTAL_TIMEOUT", status=504, code="timeout") from exc
    finally:
        timer.cancel()
