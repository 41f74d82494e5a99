"""What reaches an answer from the twin's folder: its author, its settings and its notes, by the command and the gateway."""

from __future__ import annotations

import asyncio
import json
import shutil
import urllib.error
from pathlib import Path

import pytest

from tests.doubles.model_server import ModelServer
from tests.doubles.opik import OpikDouble
from tests.integration.cli.running import chat, get, post, serving, told, twin

ADA = "author: {id: ada, name: Ada Example}\nsources:\n  - {kind: files, name: notes, path: notes}\n"
KEY, ADDRESS = "sk-proj-" + "a1B2c3D4e5F6" * 3, "ada@corp.org"
HARBOUR = f"# Harbour\n\nThe harbour's crane is run with the key {KEY}. Its keeper is {ADDRESS}, who lost it twice.\n"
OFF_TOPIC = "Quantum chromodynamics lattice gauge?"
NOTES = {
    "tombstones.md": "# Tombstones\n\nA tombstone marks a document that is gone. The index drops it at the next build.\n",
    "tea.md": "# Tea\n\nOolong wants water of ninety degrees. Green tea wants cooler water than oolong.\n",
    "cats.md": "# Cats\n\nCats hunt at dawn and at dusk. They sleep for most of the day.\n",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A twin of three notes with a live index, never changed."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "notes").mkdir()
    for name, text in NOTES.items():
        (folder / "notes" / name).write_text(text)
    (folder / "sources.yaml").write_text(ADA)
    twin(folder, "documents", "sync")
    twin(folder, "index", "build", "--switch")
    return folder


@pytest.fixture
def notes(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to change."""
    return shutil.copytree(made, tmp_path / "twin")


async def asked_by(folder: Path, question: str, *options: str) -> tuple[str, str]:
    """The rules that a model got with a question, and what `twin ask` said beside its answer."""
    async with ModelServer() as server:
        done = await asyncio.to_thread(
            twin, folder, "ask", question, *options, TWIN_MODEL_URL=server.url, TWIN_MODEL_NAME="double"
        )
        return server.requests[-1]["messages"][0]["content"], done.stderr


async def test_a_model_is_asked_in_the_name_of_the_sources_author(notes: Path) -> None:
    rules, said = await asked_by(notes, "What is a tombstone?")
    assert "You are the writing twin of Ada Example" in rules
    assert "sources.yaml" not in said


def test_who_finds_nothing_names_the_author_by_the_command_and_by_the_gateway(notes: Path) -> None:
    nothing = "I found nothing about this in what Ada Example has written."
    assert told(notes, "ask", OFF_TOPIC)["text"] == nothing
    with serving(notes) as (address, _):
        assert chat(address, OFF_TOPIC)["choices"][0]["message"]["content"] == nothing


@pytest.mark.parametrize(("sources", "words"), [(None, "no such file"), ("author: [\n", "not valid YAML")])
def test_without_readable_sources_the_twin_answers_and_says_whose_name_is_missing(
    notes: Path, sources: str | None, words: str
) -> None:
    (notes / "sources.yaml").unlink()
    if sources is not None:
        (notes / "sources.yaml").write_text(sources)
    done = twin(notes, "ask", OFF_TOPIC)
    assert "what the author has written" in done.stdout
    assert words in done.stderr
    with serving(notes) as (address, _):
        assert "degrees" in chat(address, "How hot must the water for oolong be?")["choices"][0]["message"]["content"]


@pytest.fixture(scope="module")
def harbour(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A twin with a note that holds a key and an address, never changed but by its traces."""
    folder = shutil.copytree(made, tmp_path_factory.mktemp("harbour") / "twin")
    (folder / "notes" / "harbour.md").write_text(HARBOUR)
    twin(folder, "documents", "sync")
    twin(folder, "index", "build", "--switch")
    return folder


CRANE = "With which key is the harbour's crane run, and who is its keeper?"


def held(value: object) -> list[str]:
    """What of the key and the address is in `value`."""
    return [secret for secret in (KEY, ADDRESS) if secret in json.dumps(value)]


def test_a_key_in_a_note_is_shown_by_no_way_out(harbour: Path) -> None:
    answer = told(harbour, "ask", CRANE)
    assert "[redacted: API key]" in answer["text"]
    assert held(answer) == []
    shown = told(harbour, "traces", "show", answer["trace"])
    assert held(shown) == []
    assert shown["fault"]["reason"] == "text was removed"
    with OpikDouble() as opik, serving(harbour, TWIN_OPIK_URL=opik.url) as (address, process):
        reply = chat(address, f"{CRANE} Is it {KEY}?")
        assert "[redacted: e-mail address]" in reply["twin"]["passages"][0]["text"]
        found = post(address, "/v1/retrieve", {"query": CRANE})
        trace = get(address, f"/v1/traces/{reply['twin']['trace']}")
        process.terminate()
        process.wait(30)
    assert held([reply, found, trace, opik.traces, opik.spans]) == []
    assert len(opik.traces) == 1
    assert KEY.encode() not in b"".join(file.read_bytes() for file in harbour.glob(".twin/traces.db*"))


def test_an_allowed_address_is_shown_by_every_way_out(harbour: Path) -> None:
    allowed = {"TWIN_ALLOWED_EMAILS": f"someone@else.org, {ADDRESS.upper()}"}
    answer = told(harbour, "ask", CRANE, **allowed)
    assert held(answer) == [ADDRESS]
    assert held(told(harbour, "traces", "show", answer["trace"], **allowed)) == [ADDRESS]


def test_what_is_no_address_cannot_be_allowed(harbour: Path) -> None:
    refused = twin(harbour, "ask", CRANE, status=2, TWIN_ALLOWED_EMAILS="@corp.org, ada")
    assert "allowed_emails: 'ada' is neither" in refused.stderr


def test_the_gateway_names_a_stale_document_as_the_command_does(notes: Path) -> None:
    with serving(notes, TWIN_PASSAGES="2") as (address, _):
        reply = chat(address, "What is a tombstone?")
        assert len(reply["twin"]["passages"]) == 2
        assert len(post(address, "/v1/retrieve", {"query": "tombstone"})["data"]) == 2
        at = f"/v1/traces/{reply['twin']['trace']}"
        assert get(address, at)["faults"] == []
        (notes / "notes" / "tombstones.md").write_text("# Tombstones\n\nA tombstone is dropped after a month.\n")
        twin(notes, "documents", "sync")
        (fault,) = get(address, at)["faults"]
        assert (fault["step"], fault["reason"]) == ("retrieve", "a passage's document has changed since")
    assert told(notes, "traces", "show", reply["twin"]["trace"])["fault"] == fault


def test_a_gateway_without_the_documents_calls_none_of_them_gone(notes: Path) -> None:
    (notes / ".twin" / "documents.db").unlink()
    with serving(notes) as (address, _):
        trace = chat(address, "What is a tombstone?")["twin"]["trace"]
        assert get(address, f"/v1/traces/{trace}")["faults"] == []
        assert post(address, "/v1/feedback", {"trace": trace, "score": "up"})["score"] == 1


def test_feedback_and_trace_are_there_at_once_after_the_answer(notes: Path) -> None:
    with serving(notes) as (address, _):
        for _ in range(20):
            trace = chat(address, "What is a tombstone?")["twin"]["trace"]
            assert post(address, "/v1/feedback", {"trace": trace, "score": "down"})["score"] == -1
            assert get(address, f"/v1/traces/{trace}")["scores"] == {"feedback": -1}
        with pytest.raises(urllib.error.HTTPError, match="404"):
            post(address, "/v1/feedback", {"trace": "00000000-0000-7000-8000-000000000000", "score": "up"})


@pytest.mark.parametrize("command", [("ask", "What is a tombstone?"), ("documents", "list")])
def test_a_filter_that_can_match_nothing_is_said(made: Path, command: tuple[str, ...]) -> None:
    refused = twin(made, *command, "--kind", "foo", status=2)
    assert "'article', 'post', 'repository'" in refused.stderr
    nobody = twin(made, *command, "--author", "bogus", "--kind", "article").stderr
    assert "nothing was found by 'bogus': sources.yaml names ada (Ada Example)" in nobody
    assert "nothing was found by" not in twin(made, *command, "--author", "ADA example", "--kind", "article").stderr


def test_an_answer_that_fails_names_its_trace_in_one_line(made: Path) -> None:
    nowhere = {"TWIN_MODEL_URL": "http://127.0.0.1:9/v1", "TWIN_MODEL_NAME": "m"}
    failed = twin(made, "ask", "What is a tombstone?", status=1, **nowhere).stderr
    assert len(failed.strip().splitlines()) == 1
    trace = failed.partition("`twin traces show ")[2].partition("`")[0]
    assert told(made, "traces", "show", trace)["fault"]["reason"] == "the model server failed"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--name", " "), "say who or what the key is for"),
        (("--name", "a", "--scope", "bogus"), "'bogus' is none of ask, feedback, admin"),
        (("--name", "a", "--expires", "2020-01-01"), "2020-01-01 00:00 UTC has passed"),
    ],
)
def test_a_key_that_could_not_be_used_is_a_usage_error(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    refused = twin(tmp_path, "keys", "create", *arguments, status=2)
    assert words in " ".join(refused.stderr.split())
    assert told(tmp_path, "keys", "list") == []
