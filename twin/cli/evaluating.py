"""Settings -> who answers and who measures in an evaluation, once the model server is held against what was claimed of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.cli.place import Place
from twin.errors import ReleaseError, SettingsError

if TYPE_CHECKING:
    from twin.cli.answered import TwinAnswering
    from twin.cli.served import Serving
    from twin.cli.template import Words
    from twin.drivers.openai.http import Server
    from twin.drivers.vllm.models import Models
    from twin.records import Usage
    from twin.release.evaluate import Examiners, Trial


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How questions are put. `plain` asks the bare models, without passages."""

    plain: bool
    judge: bool
    perplexity: bool
    max_tokens: int
    tokenizer: Path | None = None  # of the base, where it cannot be found by the candidate's folder
    folders: Mapping[str, Path] = field(default_factory=dict)  # that were claimed, by the models' names


@asynccontextmanager
async def examiners(here: Place, asking: Asking, trial: Trial) -> AsyncIterator[tuple[Examiners, Trial]]:
    """Everything that answers and measures, open; and `trial` with what was found out. Raises SettingsError and others."""
    from twin.answer.prompt import neutral
    from twin.drivers.openai.asking import PlainAnswering
    from twin.drivers.vllm.likelihood import Likelihoods
    from twin.drivers.vllm.models import Models
    from twin.release.evaluate import Examiners

    s = here.settings
    _needed(here, asking)
    async with AsyncExitStack() as stack:
        server = await _server(stack, here, s.model_url, s.model_key)
        models = Models(server)
        stack.push_async_callback(models.close)
        trial, serving = await _known(here, asking, trial, models, server.shown)
        trial, words = await _compared(here, asking, trial, models, serving)
        _fits(here, asking, trial, serving, words)
        clean: Callable[[str], str] = words.clean if words else neutral
        answering: Any = PlainAnswering(server, asking.max_tokens, clean)
        if not asking.plain:
            answering, pins = await _whole(here, stack, server, trial.candidate.name, asking.max_tokens)
            trial = replace(trial, inputs={**trial.inputs, **pins})
        judge = await _judge(stack, here) if asking.judge else None
        likely = Likelihoods(models, clean, serving.context) if asking.perplexity else None
        yield Examiners(answering=answering, judge=judge, judge_model=s.judge_name, perplexity=likely), trial


def _needed(here: Place, asking: Asking) -> None:
    s = here.settings
    if not s.model_url:
        raise SettingsError("an evaluation asks the model server that serves both models: set model_url, ending in /v1")
    if asking.judge and not (s.judge_url and s.judge_name):
        raise SettingsError("--judge needs judge_url (ending in /v1) and judge_name: the server and its model's name")


async def _server(stack: AsyncExitStack, here: Place, url: str, key: str) -> Server:
    from twin.drivers.openai.http import Server, Timeouts

    s = here.settings
    made = Server(url, key=key, timeouts=Timeouts(s.connect_timeout, s.first_token_timeout, s.idle_timeout, s.total_timeout))
    stack.push_async_callback(made.close)
    return made


async def _known(here: Place, asking: Asking, trial: Trial, models: Models, where: str) -> tuple[Trial, Serving]:
    """`trial` with what was taken on trust. Raises ReleaseError when a name or the candidate's dataset is not the one given."""
    from twin.cli.provenance import check_trained_on
    from twin.cli.served import matched
    from twin.cli.wiring import adapters_folder

    serving = await matched(models, where, (trial.candidate, trial.running), asking.folders)
    folder = serving.folders.get(trial.candidate.name)
    if folder:
        datasets = [digest for name, digest in trial.inputs.items() if name.startswith("dataset")]
        unknown = check_trained_on(folder, datasets, adapters_folder(here), serving.listed)
    else:
        unknown = ("That the candidate was trained on the given dataset was taken on trust: its folder is not here.",)
    return replace(trial, notes=(*trial.notes, *serving.notes, *unknown)), serving


async def _compared(here: Place, asking: Asking, trial: Trial, models: Models, serving: Serving) -> tuple[Trial, Words | None]:
    """`trial` with what is rendered otherwise than in training, and the tokenizer; None for a server that shows no tokens."""
    from twin.cli.template import broken, trained_otherwise, words
    from twin.release.report import OTHER

    if not (serving.vllm or asking.perplexity):
        return replace(trial, serving=OTHER), None
    one, other = trial.candidate.name, trial.running.name
    known = words(here, asking.tokenizer, serving.folders.get(one))
    found = await broken(models, (one, other), known, trial.held)
    notes = trained_otherwise(serving.folders.get(other), known)
    pins = {**trial.inputs, "chat_template": known.digest}
    return replace(trial, inputs=pins, broken=found, notes=(*trial.notes, *notes)), known


def _fits(here: Place, asking: Asking, trial: Trial, serving: Serving, words: Words | None) -> None:
    """Raise ReleaseError when prompts, as the gateway makes them, are more than the model takes: it would refuse every one."""
    room = serving.context - asking.max_tokens
    if not serving.context:
        return
    if room <= 0:
        raise ReleaseError(f"--max-tokens {asking.max_tokens}: the models take {serving.context} tokens, questions included")
    prompt = here.settings.prompt_tokens
    share = words.share(trial.training.texts) if words else 1.0
    if not asking.plain and prompt * share > room:
        raise ReleaseError(
            f"prompt_tokens {prompt} ({prompt * share:.0f} tokens of this model) and --max-tokens {asking.max_tokens} are more "
            f"than the {serving.context} tokens that the models take: set TWIN_PROMPT_TOKENS to {int(room / share)} or less, "
            "for the gateway too, or give fewer --max-tokens"
        )


async def _whole(
    here: Place, stack: AsyncExitStack, server: Server, model: str, max_tokens: int
) -> tuple[TwinAnswering, dict[str, str]]:
    """The twin's own answerer over the live index, and the digests of index and prompt."""
    import msgspec

    from twin.cli.answered import TwinAnswering
    from twin.cli.answering import answering
    from twin.index.content import Content
    from twin.release.release import index_digest

    settings = msgspec.structs.replace(here.settings, model_name=model, opik_url="")
    parts = await stack.enter_async_context(answering(replace(here, settings=settings)))
    live = next((info for info in await parts.index.list() if info.live), None)
    if live is None:
        raise ReleaseError("no index is live, so there are no passages: `twin up` first, or --plain to ask the bare models")
    content = Content()
    async for chunk in parts.index.scan(live.name):
        content.add(chunk)
    pins = {"index": index_digest(live.name, content.documents, content.chunks), "prompt": parts.answerer.prompt.digest}
    return TwinAnswering(parts.answerer, server, here.settings.passages, max_tokens), pins


async def _judge(stack: AsyncExitStack, here: Place) -> NeutralJudge:
    from twin.drivers.openai.generator import OpenAIGenerator

    s = here.settings
    return NeutralJudge(OpenAIGenerator(await _server(stack, here, s.judge_url, s.judge_key), s.judge_name))


class NeutralJudge:
    """A judge to whom answers are text: a chat template's token in one could end the question and ask for full marks."""

    def __init__(self, model: Any) -> None:
        self._model = model

    async def complete(
        self, messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], *, max_tokens: int = 256
    ) -> tuple[Any, Usage]:
        """Raises UpstreamError."""
        from twin.answer.prompt import neutral

        clean = [{**message, "content": neutral(message["content"])} for message in messages]
        found: tuple[Any, Usage] = await self._model.complete(clean, schema, max_tokens=max_tokens)
        return found
