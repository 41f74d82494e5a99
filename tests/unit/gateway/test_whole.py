"""Deltas of a provider, sound and odd, put together to one message."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.whole import Whole
from twin.records import Answer

ANSWER = Answer(text="Said.", citations=(), passages=(), mode="model", model="m", index="i", release="r", trace="t")


def put_together(*raw: dict[str, Any]) -> dict[str, Any]:
    whole = Whole()
    for one in raw:
        whole.add(one)
    return whole.completion(ANSWER, 0)["choices"][0]


def call(index: Any = 0, **fields: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, **fields}]}


def test_tool_calls_are_joined_by_their_index() -> None:
    message = put_together(
        call(0, id="a", function={"name": "f", "arguments": '{"x"'}),
        call(1, id="b", function={"name": "g", "arguments": ""}),
        call(0, id=None, function={"name": None, "arguments": ": 1}"}),
        call(1, function={"arguments": "{}"}),
    )["message"]
    assert message["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


def test_texts_beside_the_answer_are_joined_and_other_fields_kept() -> None:
    message = put_together({"reasoning_content": "let me "}, {"reasoning_content": "think", "audio": {"id": 1}})["message"]
    assert (message["content"], message["reasoning_content"], message["audio"]) == ("Said.", "let me think", {"id": 1})


def test_probabilities_of_tokens_stand_beside_the_message_as_openai_gives_them() -> None:
    choice = put_together({"logprobs": {"content": [{"token": "a"}]}})
    assert choice["logprobs"] == {"content": [{"token": "a"}]}
    assert "logprobs" not in choice["message"]
    assert "logprobs" not in put_together()


@pytest.mark.parametrize("index", [None, "x", -1, 10**9, 1.5, [], {}, True])
@pytest.mark.parametrize("function", [None, "x", 3, [], {"name": 3, "arguments": None}, {"arguments": {}}])
def test_odd_calls_neither_fail_nor_grow(index: Any, function: Any) -> None:
    calls = put_together(call(index, function=function), call(index, function={"arguments": "a"}))["message"]["tool_calls"]
    assert len(calls) <= 2
    for odd in ("x", {}, 3, None, [None], ["x"], [3]):
        put_together({"tool_calls": odd}, {"tool_calls": [{}]})
