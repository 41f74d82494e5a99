"""What scripts and people rely on in every command: its forms of output, dry runs, usage errors, help and completion."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.integration.cli.running import TWIN, environment, told, twin

NOTES = {
    "lanterns": "# Lanterns\n\nSeventeen lanterns hang in the harbour.\n",
    "violins": "# Violins\n\nThe violins are tuned in May.\n",
    "saddles": "# Saddles\n\nSaddles are kept dry.\n",
}


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A synced twin over three notes."""
    (tmp_path / "notes").mkdir()
    for name, text in NOTES.items():
        (tmp_path / "notes" / f"{name}.md").write_text(text)
    (tmp_path / "sources.yaml").write_text("author: {id: ada, name: Ada}\nsources:\n  - {kind: files, path: notes/}\n")
    twin(tmp_path, "documents", "sync")
    return tmp_path


def uris(folder: Path) -> list[str]:
    return [one["uri"] for one in told(folder, "documents", "list")]


def test_yaml_says_what_json_says(notes: Path) -> None:
    for arguments in (("documents", "list"), ("documents", "show", "files:notes/violins.md"), ("config", "show")):
        assert yaml.safe_load(twin(notes, *arguments, "-o", "yaml").stdout) == told(notes, *arguments)
    assert yaml.safe_load(twin(notes, "documents", "sync", "-o", "yaml").stdout)["sources"][0]["unchanged"] == 3


def test_init_says_what_it_made(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    made = told(tmp_path, "init", "--author", "Zoë Ünïcode")
    assert made["author"] == {"id": "zoe-unicode", "name": "Zoë Ünïcode"}
    assert made["files"] == ["sources.yaml", "twin.toml", ".gitignore"]
    assert all((tmp_path / file).exists() for file in made["files"])


def test_a_dry_sync_says_what_would_change_and_changes_nothing(notes: Path) -> None:
    (notes / "notes" / "violins.md").write_text("# Violins\n\nThe violins are tuned in June.\n")
    (notes / "notes" / "harbours.md").write_text("# Harbours\n\nNew.\n")
    (notes / "notes" / "saddles.md").unlink()
    dry = twin(notes, "documents", "sync", "--dry-run")
    assert re.search(r"notes +files +1 +1 +1 +1 ", dry.stdout), dry.stdout
    assert "dry run: nothing was changed" in dry.stderr
    assert uris(notes) == [f"files:notes/{name}.md" for name in sorted(NOTES)]
    assert "May" in twin(notes, "documents", "show", "files:notes/violins.md").stdout
    wet = told(notes, "documents", "sync")["sources"][0]
    assert (wet["new"], wet["changed"], wet["unchanged"], wet["gone"]) == (1, 1, 1, 1)


def test_a_document_is_shown_by_uri_id_or_the_beginning_of_its_id(notes: Path) -> None:
    listed = told(notes, "documents", "list")[0]
    by_uri = twin(notes, "documents", "show", listed["uri"]).stdout
    assert NOTES["lanterns"].strip().splitlines()[-1] in by_uri
    assert re.search(r"^author +Ada \(ada\)$", by_uri, re.MULTILINE)
    for name in (listed["id"], listed["id"][:10]):
        assert twin(notes, "documents", "show", name).stdout == by_uri


def test_removed_documents_leave_the_answers_with_the_next_build(notes: Path) -> None:
    twin(notes, "index", "build", "--switch")
    dry = twin(notes, "documents", "remove", "files:notes/lanterns.md", "--dry-run")
    assert "would remove 1 document" in dry.stderr
    assert len(uris(notes)) == 3
    assert told(notes, "documents", "remove", "files:notes/lanterns.md")["removed"] == ["files:notes/lanterns.md"]
    assert uris(notes) == ["files:notes/saddles.md", "files:notes/violins.md"]
    assert told(notes, "index", "build")["build"]["gone"] == 1
    found = told(notes, "ask", "How many lanterns hang in the harbour?")
    assert "files:notes/lanterns.md" not in {one["chunk"]["uri"] for one in found["passages"]}
    assert "removed 2 documents" in twin(notes, "documents", "remove", "--source", "notes").stderr
    assert uris(notes) == []


def test_nothing_is_removed_when_one_of_several_names_is_wrong(notes: Path) -> None:
    said = twin(notes, "documents", "remove", "files:notes/lanterns.md", "files:notes/nowhere.md", status=1).stderr
    assert "files:notes/nowhere.md: there is no such document" in said
    assert len(uris(notes)) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("documents", "list", "-o", "xml"), "'xml' is not one of 'table', 'json', 'yaml' (`twin documents list -h`"),
        (("documents", "list", "-n", "many"), "'-n' / '--limit': it should be a valid integer"),
        (("documents", "list", "--nope"), "no such option: --nope (`twin documents list -h`"),
        (("documents", "lst"), "Did you mean 'list'?"),
        (("ask",), "missing argument 'question' (`twin ask -h`"),
        (("documents", "remove"), "give either documents or --source NAME"),
        (("release", "promote", "--to", "moon"), "'moon' is not one of 'staging', 'production'"),
    ],
)
def test_a_usage_error_is_one_line_with_what_to_read(tmp_path: Path, arguments: tuple, words: str) -> None:
    said = twin(tmp_path, *arguments, status=2).stderr
    assert said.startswith("twin: ")
    assert words in said
    assert len(said.splitlines()) == 1
    assert "Value error" not in said


def test_a_noun_alone_prints_its_help(tmp_path: Path) -> None:
    said = twin(tmp_path, "documents", status=2).stderr
    assert said.startswith("Usage: twin documents")
    assert "remove" in said


@pytest.mark.parametrize("noun", ["", "documents", "index", "dataset", "model", "release", "traces", "keys", "config"])
def test_help_says_a_sentence_of_each_command_whole(tmp_path: Path, noun: str) -> None:
    said = twin(tmp_path, *noun.split(), "--help", COLUMNS="80").stdout
    assert "..." not in said.partition("Commands:")[2]


def test_what_reads_the_output_may_leave_early(notes: Path) -> None:
    script = f"'{TWIN}' config show | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], cwd=notes, env=environment(), capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize(
    ("words", "at", "found"),
    [("twin doc", 1, {"documents", "doctor"}), ("twin documents re", 2, {"remove", "restore"}), ("twin ask -o y", 3, {"yaml"})],
)
def test_a_shell_completes_commands_and_values(tmp_path: Path, words: str, at: int, found: set[str]) -> None:
    shown = twin(tmp_path, _TWIN_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(at)).stdout
    assert set(shown.split()) == found


def test_the_completion_that_is_printed_works_in_bash(tmp_path: Path) -> None:
    script = f"""PATH='{TWIN.parent}':$PATH; eval "$(twin --show-completion)"
        COMP_WORDS=(twin index sw) COMP_CWORD=2; _twin_completion twin; echo "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.stdout == "switch\n", done.stderr
