"""A release, and what is found -> where they differ, looked at again and again while the gateway serves. Knows no Kubernetes.

What can be mended from here is: an adapter that the model server has lost, as after its restart, is loaded again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from twin.answer.ports import Searcher
from twin.drivers.vllm.adapters import Wanted
from twin.errors import TwinError
from twin.records import Artifact
from twin.release.release import Model, Prompt, Release

EVERY = 5.0  # seconds between two looks
log = logging.getLogger(__name__)


class Keeper(Protocol):
    """Has adapters served."""

    async def settle(self, wanted: Wanted) -> Sequence[str]: ...


@dataclass(slots=True, kw_only=True)
class Standing:
    """How far a gateway is what its release says. `prompt` and `asks` are its own: the prompt, and whom it asks for answers."""

    searcher: Searcher
    release: Release | None = None
    prompt: Prompt | None = None
    asks: str = ""  # by which name; empty: the twin only quotes
    keeper: Keeper | None = None
    candidate: Wanted | None = None
    differences: tuple[str, ...] = ("what is found has not been compared with the release yet",)
    candidate_ready: bool = False
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self) -> None:
        """Look until cancelled. What goes wrong while looking is a difference, too: a gateway that cannot tell is not ready."""
        while True:
            before = self.differences
            try:
                await self.look()
            except TwinError as exc:
                self.differences = (str(exc),)
            except Exception as exc:  # a defect; the gateway must not go on as if it had looked
                log.exception("the release could not be compared")
                self.differences = (f"what is found could not be compared with the release ({type(exc).__name__})",)
            if self.differences != before:
                log.info("release compared", extra={"differences": list(self.differences)})
            self._woken.clear()
            try:
                async with asyncio.timeout(EVERY):
                    await self._woken.wait()
            except TimeoutError:
                continue

    def wake(self) -> None:
        """Look at once: the model server said that it does not know whom it was asked for."""
        self._woken.set()

    async def look(self) -> None:
        """Compare once, and have loaded what is missing."""
        found = [*self._said(), *await self._index()]
        if self.keeper and self.release and self.release.model:
            found += await self.keeper.settle(wanted(self.release.model))
        self.differences = tuple(found)
        if self.keeper and self.candidate:
            said = await self.keeper.settle(self.candidate)
            if said and self.candidate_ready:
                log.warning("the candidate answers no more", extra={"reasons": list(said)})
            self.candidate_ready = not said

    async def _index(self) -> list[str]:
        if self.release is None:
            return []
        live, index = await self.searcher.live(), self.release.index.name
        if live == index:
            return []
        return [f"release {self.release.id} has index {index}, but {live or 'none'} is live: `twin index switch {index}`"]

    def _said(self) -> list[str]:
        """What does not change while the gateway runs: the prompt, and whom it asks."""
        release, found = self.release, []
        if release is None:
            return []
        if self.prompt and self.prompt != release.prompt:
            found.append(
                f"release {release.id} has prompt {release.prompt.name} {release.prompt.digest}, but this code has"
                f" {self.prompt.name} {self.prompt.digest}: run the code of the release"
            )
        asked = wanted(release.model).name if release.model else ""
        if asked != self.asks:
            found.append(
                f"release {release.id} answers by {asked or 'quotes alone'}, but this gateway by"
                f" {self.asks or 'quotes alone'}: look at TWIN_MODEL_URL and TWIN_MODEL_NAME"
            )
        return found


def wanted(model: Model) -> Wanted:
    """What a release asks a model server to serve."""
    return Wanted(Artifact.parse(model.adapter), model.chat_template)
