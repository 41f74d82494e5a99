"""Examples -> the conversations that a trainer takes, those left out counted. Text stays text: it can be no special token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twin.errors import TrainingError
from twin.model.recipe import Stage

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Conversations:
    """What is trained on and measured on, and how many examples had no room for even the start of an answer."""

    train: list[dict[str, Any]]
    test: list[dict[str, Any]]
    dropped: int


def conversations(stage: Stage, train: Sequence[Row], test: Sequence[Row], tokenizer: Any, length: int) -> Conversations:
    """Conversations of one turn. Raises TrainingError when no example of a split has room in `length` tokens."""
    special = special_tokens(tokenizer)
    kept: list[list[dict[str, Any]]] = []
    for split, rows in (("train", train), ("test", test)):
        turns = [_turn(stage, row, special) for row in rows]
        fitting = [turn for turn in turns if _prompt_tokens(tokenizer, turn) < length]
        if not fitting:
            raise TrainingError(
                f"{split}: not one of {len(rows)} examples has a question shorter than {length} tokens: raise {stage}.length"
            )
        kept.append(fitting)
    return Conversations(kept[0], kept[1], len(train) + len(test) - sum(map(len, kept)))


def special_tokens(tokenizer: Any) -> tuple[str, ...]:
    """The texts that the tokenizer reads as one of its special tokens, the longest first."""
    found = {*tokenizer.all_special_tokens, *(str(one) for one in tokenizer.added_tokens_decoder.values())}
    return tuple(sorted((one for one in found if one.strip()), key=lambda one: (-len(one), one)))


def plain(text: str, special: Sequence[str]) -> str:
    """`text` in which nothing is a special token: a space after its first character breaks each. Raises TrainingError."""
    text = whole(text)
    for _ in range(8):  # breaking one can, in odd vocabularies, make another
        found = [one for one in special if len(one) > 1 and one in text]
        if not found:
            return text
        for one in found:
            text = text.replace(one, f"{one[0]} {one[1:]}")
    raise TrainingError(f"an example holds the special token {found[0]!r}, which cannot be told apart from text: remove it")


def whole(text: str) -> str:
    """`text` with a mark in place of each half of a surrogate pair, which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode()


def _turn(stage: Stage, row: Row, special: Sequence[str]) -> dict[str, Any]:
    def said(role: str, text: str) -> list[dict[str, str]]:
        return [{"role": role, "content": plain(text, special)}]

    prompt = said("user", row["instruction"])
    if stage == "sft":
        return {"prompt": prompt, "completion": said("assistant", row["answer"])}
    return {
        "prompt": prompt,
        "chosen": said("assistant", row["answer"]),
        "rejected": said("assistant", row["rejected"]),
    }


def _prompt_tokens(tokenizer: Any, turn: Mapping[str, Any]) -> int:
    ids = tokenizer.apply_chat_template(turn["prompt"], add_generation_prompt=True, return_dict=False)
    return len(ids)
