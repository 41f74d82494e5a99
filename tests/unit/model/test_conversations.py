"""Examples become conversations whose text is no special token."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.cli.model import pinned
from twin.errors import TrainingError
from twin.model.conversations import conversations, plain, special_tokens
from twin.model.library import needed

SPECIAL = ("<|begin|>", "<|end|>", "[INST]")


class Words:
    """A tokenizer of words, with the three special tokens."""

    def __init__(self) -> None:
        self.all_special_tokens = list(SPECIAL[:2])
        self.added_tokens_decoder = {0: SPECIAL[2], 1: " "}

    def apply_chat_template(self, messages: list[dict[str, str]], **_: bool) -> list[int]:
        return [0, *range(sum(len(one["content"].split()) for one in messages)), 1]


@given(st.text(alphabet="<|>endbgi[INST] x", max_size=60))
def test_no_special_token_is_left_in_any_text(text: str) -> None:
    made = plain(text, SPECIAL)
    assert not any(one in made for one in SPECIAL)
    assert made.replace(" ", "") == text.replace(" ", "")


@given(st.text(max_size=40).filter(lambda text: not any(one in text for one in SPECIAL)))
def test_other_text_is_left_as_it_is(text: str) -> None:
    assert plain(text, SPECIAL) == text


def test_half_a_surrogate_pair_is_marked() -> None:
    assert plain("a\ud800b", SPECIAL) == "a?b"


def test_a_special_token_that_cannot_be_broken_is_an_error_and_not_a_loop() -> None:
    with pytest.raises(TrainingError, match="cannot be told apart"):
        plain("x  ", ("x  ",))


def test_special_tokens_are_those_the_tokenizer_reads_and_no_blanks() -> None:
    assert special_tokens(Words()) == ("<|begin|>", "<|end|>", "[INST]")


def row(question: str) -> dict[str, str]:
    return {"instruction": question, "answer": "Yes <|end|>.", "rejected": "No."}


def test_preferences_have_the_authors_words_as_chosen() -> None:
    made = conversations("dpo", [row("Is it?")], [row("Was it?")], Words(), 10)
    assert made.train == [
        {
            "prompt": [{"role": "user", "content": "Is it?"}],
            "chosen": [{"role": "assistant", "content": "Yes < |end|>."}],
            "rejected": [{"role": "assistant", "content": "No."}],
        }
    ]


def test_examples_whose_question_alone_is_too_long_are_left_out_and_counted() -> None:
    made = conversations("sft", [row("a b"), row("a b c d e f g h")], [row("a")], Words(), 6)
    assert (len(made.train), made.dropped) == (1, 1)
    with pytest.raises(TrainingError, match="test: not one of 1 examples has a question shorter than 6 tokens"):
        conversations("sft", [row("a")], [row("a b c d e f g h")], Words(), 6)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(TrainingError, match=r"pip install 'llm-twin\[train\]'"):
        needed()


def test_a_folder_is_pinned_by_a_digest_behind_it(tmp_path: Path) -> None:
    digest = f"sha256:{'a' * 64}"
    assert pinned(f"{tmp_path}#{digest}") == (tmp_path, digest)
    assert pinned(str(tmp_path)) == (tmp_path, "")
    with pytest.raises(TrainingError, match="is not pinned"):
        pinned(f"{tmp_path}#abc")
