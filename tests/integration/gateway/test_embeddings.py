"""/v1/embeddings: vectors in their order, in both encodings, without keeping questions waiting."""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import openai
import pytest

from services.gateway.routes import EMBEDDED
from tests.integration.gateway.rig import Gate, gateway, request
from tests.unit.answer.fakes import WordEmbedder

TEXTS = [f"text number {n}" for n in range(3 * EMBEDDED + 1)]


class Held(WordEmbedder):
    """Embeds a batch when it is let; `sizes` are those that came."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.came, self.let = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.sizes.append(len(texts))
        self.came.release()
        await self.let.acquire()
        return await super().embed(texts)


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    async with gateway(tmp_path) as gate:
        yield gate


async def test_openais_client_gets_each_texts_vector_in_its_place(gate: Gate) -> None:
    expected = await WordEmbedder().embed(TEXTS)
    async with openai.AsyncOpenAI(base_url=f"{gate.url}/v1", api_key="none") as client:
        got = await client.embeddings.create(model="twin", input=TEXTS)
    assert [one.index for one in got.data] == list(range(len(TEXTS)))
    for one, vector in zip(got.data, expected, strict=True):
        assert one.embedding == pytest.approx(vector, abs=1e-6)


async def test_both_encodings_say_the_same(gate: Gate) -> None:
    plain, packed = [
        (await gate.call("POST", "/v1/embeddings", {"input": "cats", "encoding_format": kind})).json
        for kind in ("float", "base64")
    ]
    raw = base64.b64decode(packed["data"][0]["embedding"])
    assert list(struct.unpack(f"<{len(raw) // 4}f", raw)) == pytest.approx(plain["data"][0]["embedding"], abs=1e-6)
    assert plain["model"] == "words"


@pytest.mark.parametrize("model", ["text-embedding-3-small", "TWIN", "x" * 5000])
async def test_another_embedder_is_not_passed_off_for_ours(gate: Gate, model: str) -> None:
    reply = await gate.call("POST", "/v1/embeddings", {"input": "cats", "model": model})
    assert (reply.status, reply.json["error"]["code"]) == (404, "model_not_found")
    for known in ("twin", "words", ""):
        assert (await gate.call("POST", "/v1/embeddings", {"input": "cats", "model": known})).status == 200


@pytest.mark.parametrize("wrong", [[], [""] * 513, [1, 2], None, {}, 3, [None]])
async def test_input_of_another_form_is_named(gate: Gate, wrong: object) -> None:
    reply = await gate.call("POST", "/v1/embeddings", {"input": wrong})
    assert reply.status == 400
    assert reply.json["error"]["param"].startswith("input")


async def test_many_texts_go_in_turns_with_questions_and_stop_when_the_client_leaves(gate: Gate) -> None:
    held = gate.state.embedder = Held()
    _, writer = await gate.connect()
    writer.write(request({"input": TEXTS}, "/v1/embeddings"))
    for _ in range(2):
        await held.came.acquire()
        held.let.release()
    await held.came.acquire()
    writer.close()
    await gate.idle()
    assert held.sizes == [EMBEDDED] * 3
