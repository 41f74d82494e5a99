"""The chat-template contract: conversations as the training rendered them against what the server makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.cli.place import Place
from twin.errors import ReleaseError, TrainingError, UpstreamError

if TYPE_CHECKING:
    from twin.drivers.vllm.models import Models
    from twin.model.contract import Rendering
    from twin.release.questions import HeldOut

COMPARED = 8  # questions with their answers; a template differs in all or none
SAMPLED = 64  # texts whose tokens are counted
Talk = list[dict[str, str]]
_NO_ANSWER = {"upstream_unreachable", "upstream_timeout", "upstream_busy", "upstream_broke_off", "upstream_auth"}


@dataclass(frozen=True, slots=True)
class Words:
    """A candidate's tokenizer, with the chat template that it was trained under and the digest of that."""

    tokenizer: Any
    digest: str
    special: tuple[str, ...]

    def clean(self, text: str) -> str:
        """`text` as training made it: nothing in it is a special token. Raises TrainingError."""
        from twin.model.conversations import plain

        return plain(text, self.special)

    def share(self, texts: Sequence[str]) -> float:
        """Tokens for one that the budget of a prompt counts: no more than that for nine of ten of `texts`."""
        from twin.answer.tokens import estimate

        some = [text for text in texts[:: max(1, len(texts) // SAMPLED)] if text.strip()]
        found = sorted(len(self.tokenizer(text, add_special_tokens=False)["input_ids"]) / estimate(text) for text in some)
        return found[int(0.9 * (len(found) - 1))] if found else 1.0


def words(here: Place, given: Path | None, adapter: Path | None) -> Words:
    """The tokenizer in the folder `given`, or else of the base that `adapter` was trained on, found as training finds it.

    An adapter's own template wins. Raises ReleaseError, TrainingError or DigestError.
    """
    from importlib.util import find_spec

    from twin.model.adapter import TEMPLATE
    from twin.model.base import Found, load_tokenizer, template_digest
    from twin.model.conversations import special_tokens
    from twin.model.folder import RECORD, record_of
    from twin.model.library import library

    if find_spec("transformers") is None:
        raise TrainingError(
            "transformers is not installed, and comparing chat templates needs it: pip install 'llm-twin[train]'"
        )
    library("transformers").logging.set_verbosity_error()  # nobody generates here, so no text is too long for it
    folder = given or _base(here, adapter)
    own = adapter / TEMPLATE if adapter and (adapter / TEMPLATE).is_file() else None
    found = load_tokenizer(Found(folder.name, folder, ""), own)
    digest = template_digest(found)
    said = record_of(adapter).get("chat_template", digest) if adapter and (adapter / RECORD).is_file() else digest
    if said != digest:
        raise ReleaseError(f"{adapter}: was trained with chat template {said}, but {own or folder} has {digest}")
    return Words(found, digest, special_tokens(found))


def _base(here: Place, adapter: Path | None) -> Path:
    from twin.cli.model import bases
    from twin.model.base import cached, find
    from twin.model.folder import record_of
    from twin.model.merge import recipe_of

    if adapter is None:
        raise ReleaseError(
            "which chat template the candidate was trained with is not known here: give --candidate NAME=FOLDER, or "
            "--tokenizer, the folder of its base; --no-perplexity is for a server that is no vLLM"
        )
    if (adapter / "tokenizer_config.json").is_file():  # a merged model has its own
        return adapter
    record = record_of(adapter)
    base = recipe_of(adapter, record).base
    if base.make is None and not (here.folder / base.name).is_dir():
        return cached(base.name, str(record["base"].get("revision", "")))
    found = find(base, bases(here), here.folder)
    if found.digest != record["base"]["digest"]:
        raise TrainingError(
            f"{adapter}: was trained on base {base.name} {record['base']['digest']}, but {found.folder} is {found.digest}"
        )
    return found.folder


def trained_otherwise(running: Path | None, known: Words) -> tuple[str, ...]:
    """A note when the running release, in the folder `running`, was trained under another template than the candidate."""
    from twin.model.folder import RECORD, record_of

    if running is None or not (running / RECORD).is_file():
        return ()
    said = record_of(running).get("chat_template", known.digest)
    return (
        ()
        if said == known.digest
        else (f"The running release was trained with another chat template, {said}: it is asked in the candidate's.",)
    )


async def broken(models: Models, names: Sequence[str], known: Words, held: Sequence[HeldOut]) -> tuple[str, ...]:
    """How the server renders conversations otherwise than the training did, for each name; empty when it does not.

    Single and several turns, with the system message that the gateway sends and without. Raises UpstreamError.
    """
    talks = [(talk, prompt) for one in held[:COMPARED] for talk, prompt in _talks(one, known)]
    trained = [_trained(known, talk, prompt=prompt) for talk, prompt in talks]
    found = []
    for name in names:
        for (talk, prompt), ours in zip(talks, trained, strict=True):
            if said := _differs(ours, await _served(models, name, known, talk, prompt=prompt), name, talk):
                found.append(said)
                break
    return tuple(found)


def _talks(one: HeldOut, known: Words) -> list[tuple[Talk, bool]]:
    """Conversations about one question, and whether each ends where an answer begins."""
    from twin.answer.prompt import TWIN_V1

    asked, said = (
        {"role": role, "content": known.clean(text)} for role, text in (("user", one.question), ("assistant", one.reference))
    )
    system = {"role": "system", "content": known.clean(TWIN_V1)}
    short: list[tuple[Talk, bool]] = [([asked], True), ([asked, said], False), ([asked, said, asked], True)]
    return [*short, *(([system, *talk], prompt) for talk, prompt in short)]


def _trained(known: Words, talk: Talk, *, prompt: bool) -> Rendering | str:
    """What training made of it, or why its template does not take it."""
    from jinja2 import TemplateError

    from twin.model.samples import DAY

    try:
        ids = known.tokenizer.apply_chat_template(talk, add_generation_prompt=prompt, return_dict=False, **DAY)
        return _named(known, ids)
    except TemplateError as exc:
        return " ".join(str(exc).split())[:200]


async def _served(models: Models, name: str, known: Words, talk: Talk, *, prompt: bool) -> Rendering | str:
    """What the server makes of it, or why it refuses it."""
    from twin.model.samples import DAY

    try:
        return _named(known, await models.tokens(name, talk, prompt=prompt, template=DAY))
    except UpstreamError as exc:
        if exc.code == "upstream_not_found":
            raise ReleaseError(f"{exc}: a server without /tokenize is no vLLM, and needs --no-perplexity") from exc
        if exc.code in _NO_ANSWER:
            raise
        return str(exc)


def _differs(ours: Rendering | str, theirs: Rendering | str, name: str, talk: Sequence[Mapping[str, str]]) -> str:
    """The difference in words; empty when there is none. What neither renders is one, too: the gateway sends just that."""
    from twin.model.contract import first_difference

    shape = ", ".join(turn["role"] for turn in talk)
    if isinstance(ours, str):
        return f"the chat template of {name!r} takes no conversation of {shape}, which the gateway may send: {ours}"
    if isinstance(theirs, str):
        return f"the server does not render a conversation of {shape} for {name!r}, which the training did: {theirs}"
    found = first_difference([ours], [theirs])
    if found is None:
        return ""
    return (
        f"the chat template of {name!r} is not the one trained with: conversation of {shape}, token {found.position}: "
        f"trained with {found.trained}, served with {found.served}, after {found.before!r}"
    )


def _named(known: Words, ids: Sequence[int]) -> Rendering:
    from twin.model.contract import Rendering

    return Rendering(ids, [known.tokenizer.decode([one]) for one in ids])
