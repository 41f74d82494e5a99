"""`twin documents snapshot` and `restore`: another machine has the same documents, and the next sync goes on from there."""

from __future__ import annotations

from pathlib import Path

from tests.integration.cli.running import told, twin


def notes(folder: Path, count: int = 4) -> Path:
    (folder / "notes").mkdir(parents=True)
    for n in range(count):
        (folder / "notes" / f"{n}.md").write_text(f"# Note {n}\n\nThe lantern {n} is mended every spring.\n")
    (folder / "sources.yaml").write_text("author: {id: ada, name: Ada}\nsources:\n  - {kind: files, path: notes/}\n")
    return folder


def stored(folder: Path) -> list[tuple[str, str]]:
    return [(one["uri"], one["title"]) for one in told(folder, "documents", "list")]


def test_documents_are_kept_restored_elsewhere_and_pinned_by_what_they_are(tmp_path):
    here, there = notes(tmp_path / "here"), tmp_path / "there"
    there.mkdir()
    twin(here, "documents", "sync")
    kept = told(here, "documents", "snapshot", TWIN_ARTIFACTS_URL="../kept")
    assert (kept["documents"], list(kept["sources"].values())) == (4, [4])
    assert told(here, "documents", "snapshot", TWIN_ARTIFACTS_URL="../kept") == kept
    first = told(there, "documents", "restore", kept["snapshot"])["sources"]
    again = told(there, "documents", "restore", kept["snapshot"])["sources"]
    assert [(one["new"], one["unchanged"]) for one in (*first, *again)] == [(4, 0), (0, 4)]
    assert stored(there) == stored(here)
    synced = told(here, "documents", "sync")["sources"]
    assert [one["unchanged"] for one in synced] == [4]


def test_a_restore_that_would_empty_a_source_is_refused_and_says_how_to_allow_it(tmp_path):
    folder = notes(tmp_path)
    kept = told(folder, "documents", "snapshot")["snapshot"]  # of nothing: its source was never synced
    assert told(folder, "documents", "restore", kept)["sources"] == []
    twin(folder, "documents", "sync")
    (folder / "notes" / "0.md").unlink()
    few = told(folder, "documents", "snapshot")["snapshot"]
    for n in range(20):
        (folder / "notes" / f"more-{n}.md").write_text(f"# More {n}\n\nAnd a saddle {n}.\n")
    twin(folder, "documents", "sync")
    refused = twin(folder, "documents", "restore", few, status=3)
    assert f"`twin documents restore {few} --allow-mass-delete`" in refused.stderr
    assert len(stored(folder)) == 24  # nothing went, and the one that was gone is back
    twin(folder, "documents", "restore", few, "--allow-mass-delete")
    assert len(stored(folder)) == 4


def test_what_is_no_pin_or_no_snapshot_of_documents_is_said_in_one_line(tmp_path):
    folder = notes(tmp_path)
    assert "is not pinned" in twin(folder, "documents", "restore", "s3://bucket/x", status=1).stderr
    twin(folder, "documents", "sync")
    twin(folder, "index", "build", "--switch")
    index = told(folder, "index", "snapshot")["snapshot"]
    said = twin(folder, "documents", "restore", index, status=1).stderr
    assert "is no snapshot of documents" in said
    assert len(said.splitlines()) == 1
