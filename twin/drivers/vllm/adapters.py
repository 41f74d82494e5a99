"""An adapter that is to be served, and a running vLLM -> what is wrong with how it is served, once it is loaded.

An adapter is served under a name that its digest makes, so the gateways of two releases ask one server for two adapters and
neither can get the other's. Knows no release and no schedule: whoever calls it again after a restart has it loaded again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from twin.digest import DIGITS, short
from twin.drivers.vllm.models import Models, Served
from twin.errors import TrainingError, TwinError
from twin.model.adapter import read_adapter
from twin.model.contract import Rendering, first_difference
from twin.model.folder import RECORD, record_of
from twin.model.samples import DAY, Sample, read_samples
from twin.records import Artifact

_SERVED = re.compile(rf"adapter-[0-9a-f]{{{DIGITS}}}")


class Store(Protocol):
    """Where artifacts are kept."""

    async def get(self, artifact: Artifact, out: Path) -> Path: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """An adapter by its digest, and the digest of the chat template that it must have; empty: its own."""

    artifact: Artifact
    chat_template: str = ""

    @property
    def name(self) -> str:
        return served_name(self.artifact.digest)


def served_name(digest: str) -> str:
    """By which a vLLM serves the adapter of this digest."""
    return f"adapter-{short(digest)}"


def is_served_name(name: str) -> bool:
    """Whether `name` is one that a digest makes, so that its adapter can be had again."""
    return _SERVED.fullmatch(name) is not None


async def fetched(artifact: Artifact, store: Store, folder: Path) -> Path:
    """The adapter's folder below `folder`, named after its digest, verified. Raises ArtifactError and TrainingError."""
    here = folder / short(artifact.digest)
    if not (here / RECORD).is_file():
        await store.get(artifact, here)
    await asyncio.to_thread(read_adapter, here, artifact.digest)
    return here.resolve()


class Adapters:
    """The adapters of one vLLM. `folder` is where they are put; the server must see it under the same path.

    Without `load` it is another one, beside the server, who has them loaded: `twin.drivers.vllm.follow`.
    """

    def __init__(self, models: Models, store: Store, folder: Path, *, load: bool = True) -> None:
        self._models, self._store, self._folder, self._load = models, store, folder, load
        self._samples: dict[str, list[Sample]] = {}

    async def settle(self, wanted: Wanted) -> tuple[str, ...]:
        """Load the adapter where it is not served, and say what is still wrong with it; empty when nothing is."""
        try:
            served = await self._models.served()
            here = next((one for one in served if one.name == wanted.name and one.parent), None)
            if here is None or wanted.name not in self._samples:
                folder = await self._checked(wanted, served)
                if here is None and self._load:
                    await self._models.load(wanted.name, folder)
                elif here is None:
                    return (f"the model server does not serve {wanted.name} yet: `twin model follow` beside it loads it",)
            return await self._rendered(wanted.name)
        except TwinError as exc:
            return (str(exc),)

    async def _checked(self, wanted: Wanted, served: Sequence[Served]) -> Path:
        folder = await fetched(wanted.artifact, self._store, self._folder)
        record = record_of(folder)
        if wanted.chat_template and record["chat_template"] != wanted.chat_template:
            raise TrainingError(
                f"{folder}: has chat template {record['chat_template']}, but the release pins {wanted.chat_template}"
            )
        fits_server(record, served)
        self._samples[wanted.name] = read_samples(folder)
        return folder

    async def _rendered(self, name: str) -> tuple[str, ...]:
        """How the server renders conversations otherwise than the training did."""
        samples = self._samples[name]
        served = [await self._models.tokens(name, one.messages, prompt=one.prompt, template=DAY) for one in samples]
        texts = {i: text for one in samples for i, text in zip(one.rendering.ids, one.rendering.texts, strict=True)}
        theirs = [Rendering(ids, [texts.get(one, "?") for one in ids]) for ids in served]
        found = first_difference([one.rendering for one in samples], theirs)
        return (f"the chat template of {name} is served otherwise than it was trained with: {found}",) if found else ()


def fits_server(record: Mapping[str, Any], served: Sequence[Served]) -> None:
    """Raise TrainingError when the server's base is known to be another than the one that the adapter was trained on.

    Known it is by the name that a hub gives it, or by a folder of our own making that can be read here.
    """
    base = next((one for one in served if not one.parent), None)
    if base is None:
        raise TrainingError("the model server lists no base model; is it a vLLM?")
    wanted, root = record["base"], Path(base.root)
    if not root.is_absolute():
        found, asked = base.root, str(wanted["name"])
    elif (root / RECORD).is_file():
        found, asked = str(record_of(root)["digest"]), str(wanted["digest"])
    else:
        return
    if found != asked:
        raise TrainingError(
            f"the model server's base is {base.root} ({found}), but the adapter was trained on {wanted['name']} ({asked}):"
            " an adapter works on its own base alone"
        )
