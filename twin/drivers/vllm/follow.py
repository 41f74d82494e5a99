"""What a release names, again and again -> the same served by one running vLLM: the sidecar of each model server.

What is missing, as after a restart, is loaded; what nothing has named for long is unloaded. `ready` is a file that is there
while the server serves what it should, for a probe. Knows no release file and no Kubernetes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from twin.drivers.vllm.adapters import Adapters, Wanted, is_served_name
from twin.drivers.vllm.models import Models
from twin.errors import TwinError

FORGET = 3600.0  # seconds after which an adapter that nothing names is unloaded: rollouts and rollbacks are over by then


class Follower:
    """Follows `wanted`, which may raise TwinError; then the last that could be read counts."""

    def __init__(
        self,
        models: Models,
        adapters: Adapters,
        wanted: Callable[[], Sequence[Wanted]],
        ready: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._models, self._adapters, self._wanted, self._ready, self._clock = models, adapters, wanted, ready, clock
        self._last: Sequence[Wanted] | None = None
        self._whole: set[str] = set()  # what was served when all was right
        self._named: dict[str, float] = {}  # when something last named it

    async def look(self) -> tuple[str, ...]:
        """Compare once, mend what can be mended, and say what is wrong still."""
        problems = self._read()
        for one in self._last or ():
            problems += [f"{one.name}: {reason}" for reason in await self._adapters.settle(one)]
        try:
            served = {one.name for one in await self._models.served()}
            await self._unload(served)
        except TwinError as exc:
            served, problems = set(), problems or [str(exc)]
        self._tell(served, right=not problems)
        return tuple(problems)

    def _read(self) -> list[str]:
        try:
            self._last = self._wanted()
        except TwinError as exc:
            return [str(exc)]
        return []

    async def _unload(self, served: set[str]) -> None:
        now = self._clock()
        named = {one.name for one in self._last or ()}
        for name in sorted(served):
            if name in named or not is_served_name(name):
                self._named[name] = now
            elif now - self._named.setdefault(name, now) > FORGET:
                await self._models.unload(name)

    def _tell(self, served: set[str], *, right: bool) -> None:
        """While a new release's adapter is fetched the server goes on with the former one, so it stays ready; it is not after
        a restart, until it has what it had.
        """
        if right:
            self._whole = {one.name for one in self._last or ()}
        if right or (self._whole and self._whole <= served):
            self._ready.parent.mkdir(parents=True, exist_ok=True)
            self._ready.touch()
        else:
            self._ready.unlink(missing_ok=True)
