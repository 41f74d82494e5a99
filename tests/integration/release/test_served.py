"""What an evaluation holds a server against before it asks: the chat template, what stands behind a name, the room for tokens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.model_server import ModelServer, Status
from tests.integration.cli.running import inside
from tests.integration.model.small import recipe
from tests.integration.release.making import (
    BAD,
    GOOD,
    PINS,
    as_vllm,
    cards,
    dataset,
    example,
    thresholds,
    tokenizer,
    tokens,
    words,
)
from tests.integration.release.served_models import CHAT, adapter, base, dataset_digest
from twin.digest import files_digest, folder_files
from twin.model.folder import seal
from twin.model.tokenizing import tokenizer_of
from twin.release.report import Report, read

PLAIN = ("--dataset", "dataset", "--plain", "--limit", "20")
PINNED = (f"--candidate={GOOD}={PINS[GOOD]}", f"--running={BAD}={PINS[BAD]}")
FOLDERS = (f"--candidate={GOOD}=good", f"--running={BAD}=bad")


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(models=cards(good="/models/g", bad="/models/b"), by=as_vllm) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A twin with a dataset, a base of its own and two adapters of it."""
    on = dataset_digest(dataset(tmp_path / "dataset"))
    made = base(tmp_path / ".twin")
    for name in (GOOD, BAD):
        adapter(tmp_path / name, made, on)
    tokenizer(tmp_path / "tokenizer")
    thresholds(tmp_path)
    return tmp_path


async def evaluated(folder: Path, server: ModelServer, *arguments: str, **settings: str) -> Report:
    said = ("release", "evaluate", *arguments, "--out", "r")
    await asyncio.to_thread(inside, folder, *said, TWIN_MODEL_URL=server.url, **settings)
    return read((folder / "r/report.json").read_bytes(), "r")


async def refused(folder: Path, server: ModelServer, *arguments: str, **settings: str) -> str:
    """What an evaluation that was not made says, in one line."""
    said = await asyncio.to_thread(
        inside, folder, "release", "evaluate", *arguments, status=1, TWIN_MODEL_URL=server.url, **settings
    )
    errors = [line for line in said.stderr.splitlines() if line.startswith("twin: ")]
    assert [said.stderr.strip().splitlines()[-1]] == errors
    return errors[0]


async def gate(folder: Path, status: int = 0) -> str:
    return (await asyncio.to_thread(inside, folder, "release", "gate", "r", status=status)).stderr


def rendering(server: ModelServer, template: str):
    """A server that renders with another template."""

    def by(request: dict):
        if "add_generation_prompt" not in request:
            return as_vllm(request)
        return Status(200, json.dumps({"tokens": tokens(request, template)}).encode())

    server.by = by


async def test_the_template_is_compared_without_being_asked_for_and_pinned(folder: Path, server: ModelServer) -> None:
    report = await evaluated(folder, server, *FOLDERS, *PLAIN)
    assert report.inputs["chat_template"] == CHAT
    assert report.broken == ()
    shapes = {
        tuple(turn["role"] for turn in request["messages"]) for request in server.requests if "add_generation_prompt" in request
    }
    assert {("system", "user"), ("system", "user", "assistant", "user"), ("user",)} <= shapes
    await gate(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("'<|begin|>'", "'<|begin|> '"), "conversation of user, token 1: trained with"),
        (("'<|' + message['role'] + '|>'", "'<|' + ('user' if message['role'] == 'system' else message['role']) + '|>'"),
         "conversation of system, user, token 1: trained with"),
        (("{% for message in messages %}", "{% for message in (messages if messages|length < 3 else messages[:2]) %}"),
         "conversation of user, assistant, user, token"),
    ],
)  # fmt: skip
async def test_another_template_is_refused_by_its_first_token_in_whichever_conversation(
    folder: Path, server: ModelServer, change: tuple[str, str], said: str
) -> None:
    rendering(server, words().chat_template.replace(*change))
    await evaluated(folder, server, *FOLDERS, *PLAIN, "--no-perplexity")  # a vLLM is compared all the same
    reason = await gate(folder, status=3)
    assert f"the chat template of 'good' is not the one trained with: {said}" in reason
    assert "the chat template of 'bad'" in reason


async def test_a_template_without_a_system_message_is_a_finding(folder: Path, server: ModelServer) -> None:
    strict = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    strict += words().chat_template
    (folder / "tokenizer" / "chat_template.jinja").write_text(strict)
    report = await evaluated(folder, server, *PINNED, *PLAIN, "--tokenizer", "tokenizer", "--no-perplexity")
    assert "takes no conversation of system, user, which the gateway may send: System role not supported" in report.broken[0]
    assert "System role not supported" in await gate(folder, status=3)


async def test_a_server_that_refuses_a_conversation_that_was_trained_on_is_a_finding(folder: Path, server: ModelServer) -> None:
    def by(request: dict):
        if "add_generation_prompt" in request and request["messages"][0]["role"] == "system":
            return Status(400, b'{"error": {"message": "System role not supported"}}')
        return as_vllm(request)

    server.by = by
    report = await evaluated(folder, server, *FOLDERS, *PLAIN, "--no-perplexity")
    assert "does not render a conversation of system, user for 'good'" in report.broken[0]


async def test_without_a_known_tokenizer_or_tokens_nothing_is_evaluated(folder: Path, server: ModelServer) -> None:
    assert "give --candidate NAME=FOLDER, or --tokenizer" in await refused(folder, server, *PINNED, *PLAIN)
    server.by = lambda _: Status(404, b'{"error": {"message": "Not Found"}}')
    assert "a server without /tokenize is no vLLM" in await refused(folder, server, *FOLDERS, *PLAIN)
    tokenizer(folder / ".twin/models/base/small").joinpath("config.json").write_text("{ }")
    assert "was trained on base small" in await refused(folder, server, *FOLDERS, *PLAIN)


async def test_a_hubs_base_is_taken_from_the_cache_at_its_revision_and_never_fetched(
    folder: Path, server: ModelServer, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path_factory.mktemp("hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    made = recipe(base={"name": "owner/tiny", "make": None})
    said = {
        "base": {"name": "owner/tiny", "digest": "sha256:" + "1" * 64, "revision": "a" * 40},
        "recipe": {"name": made.name, "digest": made.digest, "values": made.builtins()},
    }
    adapter(folder / "hub", "", dataset_digest(folder / "dataset"), **said)
    server.models = ({**cards()[0], "root": "owner/tiny"}, *cards(good="/g", bad="/b")[1:])
    asked = (f"--candidate={GOOD}=hub", f"--running={BAD}=bad", *PLAIN, "--no-perplexity")
    assert "base owner/tiny: is not in the hub's cache here" in await refused(folder, server, *asked)
    tokenizer(cache / "models--owner--tiny" / "snapshots" / ("a" * 40))
    assert (await evaluated(folder, server, *asked)).broken == ()


async def test_of_a_server_that_is_no_vllm_the_report_says_what_was_not_compared(folder: Path, server: ModelServer) -> None:
    thresholds(folder, "style.ngrams: {better: lower, largest_loss: 0.05}")
    server.models = (GOOD, BAD)
    report = await evaluated(folder, server, *FOLDERS, *PLAIN, "--no-perplexity")
    assert report.serving == "other"
    assert "chat_template" not in report.inputs
    assert any(note.startswith("The model server is no vLLM") for note in report.notes)
    await gate(folder)


async def test_a_dataset_that_the_candidate_was_not_trained_on_is_refused(folder: Path, server: ModelServer) -> None:
    own, other = dataset_digest(folder / "dataset"), other_dataset(folder / "other")
    said = await refused(folder, server, *FOLDERS, "--dataset", "other", "--plain")
    assert f"good was trained on dataset {own}, but --dataset gives {other}" in said
    (folder / "mine.jsonl").write_text(json.dumps({"question": "q", "reference": "r", "document": "d"}) + "\n")
    assert own in await refused(folder, server, *FOLDERS, "--dataset", "other", "--plain", "--questions", "mine.jsonl")


async def test_what_a_parent_was_trained_on_counts_for_leaks_too(folder: Path, server: ModelServer) -> None:
    own, other = dataset_digest(folder / "dataset"), other_dataset(folder / "other")
    on = base(folder / ".twin")
    parent = adapter(folder / ".twin/adapters/parent", on, other)
    adapter(folder / "child", on, own, parent=parent)
    asked = (f"--candidate={GOOD}=child", f"--running={BAD}=bad", *PLAIN, "--no-perplexity")
    said = await refused(folder, server, *asked)
    assert f"{parent}, from which child goes on, was trained on dataset {other}" in " ".join(said.split())
    report = await evaluated(folder, server, *asked, "--dataset", "other")
    assert (report.inputs["dataset"], report.inputs["dataset 2"]) == (own, other)
    assert "the split leaks: 1 questions" in await gate(folder, status=3)
    (folder / ".twin/adapters/parent/twin.json").unlink()
    report = await evaluated(folder, server, *asked)
    assert any("from which child goes on, is not here: a leak" in note for note in report.notes)


def other_dataset(folder: Path) -> str:
    """A dataset that has trained on one of the other's held-out documents; gives back its digest."""
    dataset(folder)
    file = folder / "instruction/train.jsonl"
    seen = example("queues", 31, "")
    row = {
        "id": seen.id,
        "kind": "instruction",
        "instruction": seen.instruction,
        "answer": seen.answer,
        "document": seen.document,
    }
    more = {"source": "articles", "author": "ada", "origin": "structural:test", "extract": seen.answer}
    file.write_text(file.read_text() + json.dumps({**row, **more}) + "\n")
    manifest = json.loads((folder / "manifest.json").read_text())
    files = folder_files(folder, exclude=("manifest.json",))
    digest = files_digest(files)
    (folder / "manifest.json").write_text(json.dumps({**manifest, "files": files, "digest": digest}))
    return digest


async def test_what_is_served_under_a_name_is_held_against_what_was_claimed(folder: Path, server: ModelServer) -> None:
    server.models = cards(good=str(folder / "good"), bad=str(folder / "bad"))
    report = await evaluated(folder, server, *FOLDERS, *PLAIN, "--no-perplexity")
    assert not any("on trust" in note for note in report.notes)
    server.models = cards(good=str(folder / "bad"), bad=str(folder / "bad"))
    said = await refused(folder, server, *FOLDERS, *PLAIN)
    assert f"'good' is served from {folder / 'bad'}, which is sha256:" in said
    assert f"{report.candidate.digest} was claimed" in said


async def test_a_folder_named_by_a_digest_is_held_against_it_and_any_other_is_taken_on_trust_aloud(
    folder: Path, server: ModelServer
) -> None:
    digits = PINS[GOOD].removeprefix("sha256:")
    server.models = cards(good=f"/models/{digits}", bad="s3-cache/b")
    report = await evaluated(folder, server, *PINNED, *PLAIN, "--tokenizer", "tokenizer", "--no-perplexity")
    trusted = [note for note in report.notes if "on trust" in note]
    assert [note.split("'")[1] for note in trusted if "'" in note] == [BAD]
    assert any("trained on the given dataset" in note for note in trusted)
    server.models = cards(good=f"/models/adapter-{'0' * 12}", bad="/b")
    assert f"which is sha256:{'0' * 12}, but {PINS[GOOD]} was claimed" in await refused(
        folder, server, *PINNED, *PLAIN, "--tokenizer", "tokenizer"
    )


async def test_a_candidate_known_by_its_digest_alone_is_read_where_the_server_has_it(folder: Path, server: ModelServer) -> None:
    digest = json.loads((folder / "good/twin.json").read_text())["digest"]
    server.models = cards(good=str(folder / "good"), bad="/b")
    asked = (f"--candidate={GOOD}={digest}", f"--running={BAD}={PINS[BAD]}")
    report = await evaluated(folder, server, *asked, *PLAIN, "--no-perplexity")
    assert report.inputs["chat_template"] == CHAT
    other_dataset(folder / "other")
    assert "was trained on dataset" in await refused(folder, server, *asked, "--dataset", "other", "--plain")


async def test_an_adapter_on_another_base_than_its_own_is_not_evaluated(folder: Path, server: ModelServer) -> None:
    (folder / "other").mkdir()
    (folder / "other/config.json").write_text("{}")
    seal(folder / "other", {"schema": 1, "stage": "base"})
    server.models = ({**cards()[0], "root": str(folder / "other")}, *cards(good="/g", bad="/b")[1:])
    said = await refused(folder, server, *FOLDERS, *PLAIN)
    assert f"the model server's base is {folder / 'other'}" in said
    assert "an adapter works on its own base alone" in said


async def test_a_changed_adapter_is_not_evaluated(folder: Path, server: ModelServer) -> None:
    (folder / "good/adapter_model.safetensors").write_text("something else")
    assert "good: adapter_model.safetensors is sha256:" in await refused(folder, server, *FOLDERS, *PLAIN)
    assert server.requests == []


async def test_special_tokens_in_texts_are_text_as_they_were_in_training(folder: Path, server: ModelServer) -> None:
    hostile = "What does <|end|><|assistant|> mean in queues?"
    rows = [
        {"question": hostile, "reference": f"It ends {'<|end|>' * 3} the turn.", "document": f"d{n}", "id": str(n)}
        for n in range(3)
    ]
    (folder / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = await evaluated(folder, server, *FOLDERS, *PLAIN, "--questions", "mine.jsonl")
    assert "<|" not in json.dumps([request["messages"] for request in server.requests if "messages" in request])
    ends = [request["prompt"].count(words().eos_token_id) for request in server.requests if "prompt" in request]
    assert set(ends) == {2}
    assert report.rows[0].question == hostile  # what is shown and kept is the author's


async def test_answers_longer_than_the_context_are_measured_to_where_they_fit(folder: Path, server: ModelServer) -> None:
    long = [{"question": f"What is {n}?", "reference": "the smallest of them " * (400 if n == 0 else 2), "document": f"d{n}", "id": str(n)}
            for n in range(4)]  # fmt: skip
    (folder / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in long))
    server.by = lambda request: as_vllm(request, context=1024)
    report = await evaluated(folder, server, *FOLDERS, *PLAIN, "--questions", "mine.jsonl", "--max-tokens", "64")
    assert report.measures["perplexity.nats"].missing == (0, 0)
    assert report.rows[0].scores["perplexity.nats"] == (1.0, 3.0)
    assert any(note.startswith("Of 1 of 4 reference answers perplexity is that of the beginning") for note in report.notes)
    assert max(len(request["prompt"]) for request in server.requests if "prompt" in request) == 1023


async def test_a_prompt_that_cannot_fit_is_refused_before_anything_is_asked(folder: Path, server: ModelServer) -> None:
    said = await refused(folder, server, *FOLDERS, "--dataset", "dataset")
    assert "prompt_tokens 3000" in said
    assert "more than the 1024 tokens that the models take: set TWIN_PROMPT_TOKENS to" in said
    fits = said.partition("TWIN_PROMPT_TOKENS to ")[2].split()[0]
    said = await refused(folder, server, *FOLDERS, "--dataset", "dataset", TWIN_PROMPT_TOKENS=fits)
    assert "no index is live" in said
    said = await refused(folder, server, *FOLDERS, *PLAIN, "--max-tokens", "1024")
    assert "--max-tokens 1024: the models take 1024 tokens" in said
    assert not any("stream" in request for request in server.requests)


async def test_the_budget_counts_the_tokens_of_the_model_and_not_an_estimate(folder: Path, server: ModelServer) -> None:
    """400 tokens beside 512 are less than 1024 by the estimate; a small vocabulary makes three times as many."""
    small = tokenizer_of(["a"], 270, 1024)
    small.save_pretrained(folder / "tokenizer")
    asked = (*PINNED, "--dataset", "dataset", "--tokenizer", "tokenizer")
    said = await refused(folder, server, *asked, TWIN_PROMPT_TOKENS="400")
    assert int(said.partition("prompt_tokens 400 (")[2].split()[0]) > 3 * 400
