"""What reaches an answer from the twin's folder: its author, its settings and its notes, by the command and the gateway."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.doubles.model_server import ModelServer
from tests.integration.cli.running import chat, serving, told, twin

ADA = "author: {id: ada, name: Ada Example}\nsources:\n  - {kind: files, name: notes, path: notes}\n"
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
