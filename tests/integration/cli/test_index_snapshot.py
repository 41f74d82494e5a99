"""`twin index snapshot` and `restore`: what another machine makes of the artifact answers the same, and goes on from there."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.cli.running import told, twin

NOTES = {name: f"# {name}\n\nThe {name} of the village are mended every spring by {n} neighbours.\n" for n, name in enumerate(
    ("lanterns", "saddles", "violins", "harbours")
)}  # fmt: skip


def notes(folder: Path, **texts: str) -> Path:
    (folder / "notes").mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / "notes" / f"{name}.md").write_text(text)
    (folder / "sources.yaml").write_text("author: {id: ada, name: Ada}\nsources:\n  - {kind: files, path: notes/}\n")
    return folder


def asked(folder: Path, question: str) -> list[str]:
    answer = told(folder, "ask", question)
    return [passage["chunk"]["text"] for passage in answer["passages"]]


def test_an_index_is_kept_restored_elsewhere_and_brought_up_to_date(tmp_path):
    here, there = (
        notes(tmp_path / "here", **NOTES),
        notes(tmp_path / "there", lanterns="# lanterns\n\nAll lanterns are sold.\n"),
    )
    twin(here, "documents", "sync")
    twin(here, "index", "build", "--switch")
    kept = told(here, "index", "snapshot", TWIN_ARTIFACTS_URL="../kept")
    assert set(kept) == {"name", "documents", "chunks", "snapshot"}
    assert kept["snapshot"].startswith((tmp_path / "kept").as_uri())
    assert told(here, "index", "snapshot", TWIN_ARTIFACTS_URL="../kept")["documents"] == kept["documents"]

    restored = told(there, "index", "restore", kept["snapshot"], "--switch")
    assert (restored["index"]["name"], restored["switch"]["recall"]) == (kept["name"], 1.0)
    question = "Who mends the violins?"
    found = asked(there, question)
    assert (found[0], sorted(found)) == (asked(here, question)[0], sorted(asked(here, question)))  # the others score the same
    refused = twin(there, "index", "restore", kept["snapshot"], status=3)
    assert "--replace" in refused.stderr

    twin(there, "documents", "sync")
    built = told(there, "index", "build")["build"]
    assert (built["index"], built["documents"], built["gone"]) == (kept["name"], 1, 3)
    assert any("All lanterns are sold" in text for text in asked(there, "What about the lanterns?"))
    assert all("lanterns" in text for text in asked(there, question))  # the others were never written here


def test_an_artifact_that_is_not_pinned_or_not_there_is_said_in_one_line(tmp_path):
    folder = notes(tmp_path, **NOTES)
    assert "is not pinned" in twin(folder, "index", "restore", "s3://bucket/x", status=1).stderr
    nowhere = f"{(tmp_path / 'kept').as_uri()}/artifacts/{'0' * 64}.json#sha256:{'0' * 64}"
    said = twin(folder, "index", "restore", nowhere, status=1).stderr
    assert "it was removed, or never put there" in said
    assert len(said.splitlines()) == 1
    assert json.loads(twin(folder, "index", "list", "-o", "json").stdout) == []
