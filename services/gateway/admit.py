"""A request's work -> done in a place of its own, and ended when the client leaves or the time is up. Knows no route."""

from __future__ import annotations

import asyncio
from types import TracebackType

from services.gateway.http import GoneError, Request
from services.gateway.state import Gateway
from twin.errors import AnswerError, UnavailableError

STOPPED = "the gateway stopped before the answer was whole"


class Place:
    """`async with Place(state, request):` waits for a place, and gives it back at the block's end.

    Raises what the block raises, UnavailableError without a place or when the server stops, AnswerError 504 after the total
    timeout, and GoneError as soon as the client leaves, also while it waits for its place. The block runs in the request's own
    task, which is cancelled: a second one, and a third that waits for the client to leave, would cost 17 µs.
    """

    __slots__ = ("_bounds", "_request", "_state")

    def __init__(self, state: Gateway, request: Request) -> None:
        self._state = state
        self._request = request
        self._bounds = request.bounds

    async def __aenter__(self) -> None:
        self._request.watch(self._bounds.left)
        try:
            await self._state.admission.enter()
        except BaseException as exc:
            self._leave(exc)
            raise
        seconds = self._state.total_timeout
        self._bounds.whole(seconds, f"the answer took longer than {seconds:g} s in all")

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._state.admission.leave()
        self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        self._request.unwatch(self._bounds.left)
        self._bounds.close()
        why = self._bounds.ended
        ours = bool(why) and self._bounds.taken_back()
        if not isinstance(error, asyncio.CancelledError):
            return
        if ours and why == "left":
            raise GoneError from error
        if ours:
            said = f"{error}; ask for less, or raise TWIN_TOTAL_TIMEOUT"
            raise AnswerError(said, status=504, code="timeout") from error
        raise UnavailableError(f"{STOPPED}; try again soon", code="stopping") from error
