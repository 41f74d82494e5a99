"""An index beside a document store that was lost, emptied or exchanged: what nobody has any more is found no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.running import told, twin
from tests.servers import FerretDB

NAMES = ("lanterns", "saddles", "violins", "harbours", "bakeries", "glaciers", "telescopes")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A twin of seven notes, whose index is live."""
    (tmp_path / "notes").mkdir()
    for name in NAMES:
        (tmp_path / "notes" / f"{name}.md").write_text(f"# {name}\n\nThe {name} of the village are mended every spring.\n")
    (tmp_path / "sources.yaml").write_text("author: {id: ada, name: Ada}\nsources:\n  - {kind: files, path: notes/}\n")
    twin(tmp_path, "documents", "sync")
    twin(tmp_path, "index", "build", "--switch")
    return tmp_path


def forget(folder: Path) -> None:
    """What the message about a damaged file says."""
    for file in (folder / ".twin").glob("documents.db*"):
        if file.is_file():
            file.unlink()


def found(folder: Path, **settings: str) -> set[str]:
    """What is retrieved at all."""
    answer = told(folder, "ask", "What is mended every spring?", "-k", "50", **settings)
    return {passage["chunk"]["title"] for passage in answer["passages"]}


def test_a_note_that_vanished_with_the_store_is_not_answered_from(folder: Path) -> None:
    (folder / "notes" / "violins.md").unlink()
    forget(folder)
    twin(folder, "documents", "sync")
    plan = told(folder, "index", "build", "--dry-run")["build"]
    assert (plan["strange"], plan["documents"], plan["lost"]) == (True, 6, 1)
    assert "violins" in found(folder)
    built = told(folder, "index", "build")["build"]
    assert (built["documents"], built["gone"], built["written"], built["removed"]) == (6, 1, 0, 1)
    assert found(folder) == set(NAMES) - {"violins"}
    assert "up to date" in twin(folder, "index", "build").stderr


def test_an_empty_store_does_not_empty_the_index_until_that_is_said(folder: Path) -> None:
    forget(folder)
    for command in (("index", "build"), ("index", "build", "--dry-run"), ("index", "build", "--switch")):
        refused = twin(folder, *command, status=3).stderr
        assert "7 of its 7 passages" in refused
        assert "--allow-mass-delete" in refused
        assert len(refused.strip().splitlines()) == 1
    assert found(folder) == set(NAMES)
    assert told(folder, "index", "build", "--allow-mass-delete")["build"]["gone"] == 7
    assert found(folder) == set()


def test_another_kind_of_store_and_back_is_followed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    server = FerretDB(tmp_path_factory.mktemp("ferretdb")).start()
    try:
        settings = {"TWIN_DOCUMENTS_URL": server.url("followed")}
        (folder / "notes" / "saddles.md").unlink()
        twin(folder, "documents", "sync", **settings)
        twin(folder, "index", "build", **settings)
        assert found(folder, **settings) == set(NAMES) - {"saddles"}
    finally:
        server.stop()
    twin(folder, "index", "build")
    assert found(folder) == set(NAMES)


def test_a_restored_index_holds_what_is_stored_here_after_the_next_build(folder: Path) -> None:
    kept = told(folder, "index", "snapshot")
    (folder / "notes" / "harbours.md").unlink()
    twin(folder, "documents", "sync")
    twin(folder, "index", "build")
    assert "harbours" not in found(folder)
    twin(folder, "index", "restore", kept["snapshot"], "--replace")
    assert "harbours" in found(folder)
    twin(folder, "index", "build")
    assert found(folder) == set(NAMES) - {"harbours"}
