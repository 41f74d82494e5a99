"""What `twin index` says before it does something, and when there is nothing to do it with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.integration.cli.running import told, twin


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A twin of two notes that were synced."""
    (tmp_path / "notes").mkdir()
    for name in ("violins", "harbours"):
        (tmp_path / "notes" / f"{name}.md").write_text(f"# {name}\n\nThe {name} of the village are mended every spring.\n")
    (tmp_path / "sources.yaml").write_text("author: {id: ada, name: Ada}\nsources:\n  - {kind: files, path: notes/}\n")
    twin(tmp_path, "documents", "sync")
    return tmp_path


def indexes(folder: Path) -> list[tuple[str, bool, float | None, dict[str, int]]]:
    return [(one["name"], one["live"], one["recall"], one["revisions"]) for one in told(folder, "index", "list")]


def test_a_dry_run_of_a_build_says_what_would_be_done_and_does_nothing(folder: Path) -> None:
    said = twin(folder, "index", "build", "--switch", "--dry-run").stderr
    assert "would be made, of 2 documents" in said
    assert "would go live" in said
    assert "nothing was changed" in said
    assert indexes(folder) == []
    twin(folder, "index", "build")
    before = indexes(folder)
    (folder / "notes" / "violins.md").unlink()
    twin(folder, "documents", "sync")
    assert "0 documents would be written, 1 taken out" in twin(folder, "index", "build", "--dry-run").stderr
    told_plan = told(folder, "index", "build", "--dry-run", "--switch")
    assert (told_plan["dry_run"], told_plan["switch"]) == (True, None)
    assert (told_plan["build"]["documents"], told_plan["build"]["gone"], told_plan["build"]["new"]) == (0, 1, False)
    assert indexes(folder) == before


def test_a_dry_run_of_a_switch_measures_and_leaves_the_alias_where_it_is(folder: Path) -> None:
    name = told(folder, "index", "build")["build"]["index"]
    said = twin(folder, "index", "switch", "--dry-run").stderr
    assert "would go live (recall@10 1.000" in said
    assert [(one[0], one[1], one[2]) for one in indexes(folder)] == [(name, False, None)]
    twin(folder, "index", "switch")
    assert [(one[0], one[1], one[2]) for one in indexes(folder)] == [(name, True, 1.0)]


@pytest.mark.parametrize("command", [("index", "build", "--switch"), ("up", "--port", "0")], ids=" ".join)
def test_without_a_document_it_is_said_where_none_was_found(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "sources.yaml").write_text("author: {id: ada, name: Ada}\nsources:\n  - {kind: files, path: notes/}\n")
    said = twin(tmp_path, *command, status=3).stderr.strip().splitlines()[-1]
    assert f"no document was found in what {tmp_path / 'sources.yaml'} names" in said
    assert "index build" not in said
    assert "stays" not in said


def test_the_live_index_is_said_to_stay_only_where_there_is_one(folder: Path) -> None:
    name = told(folder, "index", "build")["build"]["index"]
    notes = [folder / "notes" / f"{name}.md" for name in ("violins", "harbours")]
    for note in notes:
        note.unlink()
    twin(folder, "documents", "sync")
    twin(folder, "index", "build")
    assert "no index is live" in twin(folder, "index", "switch", name, status=3).stderr
    notes[0].write_text("# violins\n\nThe violins of the village are mended every spring, and played in summer.\n")
    twin(folder, "documents", "sync")
    twin(folder, "index", "build", "--switch")
    notes[0].unlink()
    twin(folder, "documents", "sync")
    twin(folder, "index", "build")
    assert "the live index stays" in twin(folder, "index", "switch", name, status=3).stderr


def test_a_setting_that_came_after_an_index_is_told_with_what_makes_it_true(folder: Path) -> None:
    scalar = {"TWIN_QUANTIZATION": "scalar"}
    assert "note" not in twin(folder, "index", "build", "--switch").stderr
    for command in (("index", "build"), ("index", "build", "--switch")):
        assert "was made with quantization none (scalar is set) and stays so" in twin(folder, *command, **scalar).stderr
    assert "quantization none (scalar is set)" in twin(folder, "doctor", **scalar).stdout.replace("\n", " ")
    name = told(folder, "index", "list")[0]["name"]
    shutil.rmtree(folder / ".twin" / "index" / name)  # as the note says
    assert "note" not in twin(folder, "index", "build", "--switch", **scalar).stderr
    assert [one["layout"] for one in told(folder, "index", "list")] == [{"quantization": "scalar"}]
    assert "quantization scalar (none is set)" in twin(folder, "index", "build").stderr


def test_json_of_a_build_is_one_value_whatever_is_noted(folder: Path) -> None:
    twin(folder, "index", "build")
    made = twin(folder, "index", "build", "--switch", "-o", "json", TWIN_QUANTIZATION="binary").stdout
    assert json.loads(made)["build"]["layout"] == {"quantization": ""}
