"""The chat-template contract: questions as the base's tokenizer renders them against what the server makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twin.drivers.openai.http import Server
    from twin.model.contract import Rendering
    from twin.release.questions import HeldOut

COMPARED = 16  # questions with their answers; a template differs in all or none
TEMPLATE = "chat_template.jinja"


async def broken(
    server: Server, models: Sequence[str], tokenizer: Path, adapter: Path | None, held: Sequence[HeldOut]
) -> tuple[str, ...]:
    """How `server` renders questions otherwise than the training did, for each model; empty when it does not.

    `tokenizer` is the base's folder; an adapter's own template wins. Raises TrainingError or UpstreamError.
    """
    from twin.drivers.vllm.models import Models
    from twin.model.base import Found, load_tokenizer
    from twin.model.contract import first_difference
    from twin.model.conversations import plain, special_tokens

    own = adapter / TEMPLATE if adapter and (adapter / TEMPLATE).is_file() else None
    words = load_tokenizer(Found(tokenizer.name, tokenizer, ""), own)
    special = special_tokens(words)
    turns = [(plain(one.question, special), plain(one.reference, special)) for one in held[:COMPARED]]
    talks = [[{"role": "user", "content": asked}, {"role": "assistant", "content": said}] for asked, said in turns]
    trained = [_trained(words, talk[:length], prompt=length == 1) for talk in talks for length in (1, 2)]
    asked = Models(server)
    found = []
    try:
        for model in models:
            served = [
                _named(words, await asked.tokens(model, talk[:length], prompt=length == 1))
                for talk in talks
                for length in (1, 2)
            ]
            if difference := first_difference(trained, served):
                found.append(f"the chat template of {model!r} is not the one trained with: {difference}")
    finally:
        await asked.close()
    return tuple(found)


def _trained(words: Any, talk: list[dict[str, str]], *, prompt: bool) -> Rendering:
    return _named(words, words.apply_chat_template(talk, add_generation_prompt=prompt, return_dict=False))


def _named(words: Any, ids: Sequence[int]) -> Rendering:
    from twin.model.contract import Rendering

    return Rendering(ids, [words.decode([one]) for one in ids])
