"""release.yaml and settings -> what a gateway is held to, and the candidate that answers beside it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from twin.cli.answering import Answering
from twin.cli.place import Place
from twin.cli.wiring import adapters_folder, artifacts, candidate
from twin.errors import SettingsError

if TYPE_CHECKING:
    from services.gateway.standing import Standing
    from twin.answer.canary import Canary
    from twin.drivers.vllm.adapters import Wanted


async def standing(here: Place, parts: Answering, stack: AsyncExitStack) -> Standing | None:
    """None where neither a release nor a candidate is to be compared. Raises SettingsError."""
    from services.gateway.standing import Standing
    from twin.drivers.vllm.adapters import Adapters
    from twin.drivers.vllm.models import Models
    from twin.release.release import Prompt

    beside = _candidate(here, parts)
    if parts.release is None and beside is None:
        return None
    keeper = None
    if parts.generator and (beside or (parts.release and parts.release.model)):
        models = Models(parts.generator.server)
        stack.push_async_callback(models.close)
        here.made()
        keeper = Adapters(models, artifacts(here), adapters_folder(here), load=here.settings.load_adapters)
    prompt = parts.answerer.prompt
    return Standing(
        searcher=parts.index,
        release=parts.release,
        prompt=Prompt(prompt.name, prompt.digest),
        asks=parts.generator.model if parts.generator else "",
        keeper=keeper,
        candidate=beside,
    )


def _candidate(here: Place, parts: Answering) -> Wanted | None:
    from twin.drivers.vllm.adapters import Wanted

    found = candidate(here)
    if found and parts.generator is None:
        raise SettingsError(f"canary is {here.settings.canary}, which needs model_url, a vLLM's")
    return Wanted(found) if found else None


def canary(here: Place, parts: Answering, held: Standing | None) -> Canary | None:
    """The candidate's share of conversations; it gets none while the model server does not serve it as it was trained."""
    from twin.answer.canary import Canary
    from twin.drivers.openai.generator import OpenAIGenerator

    if held is None or held.candidate is None or parts.generator is None:
        return None
    generator = OpenAIGenerator(parts.generator.server, held.candidate.name)
    return Canary(generator, here.settings.canary, lambda: held.candidate_ready)
