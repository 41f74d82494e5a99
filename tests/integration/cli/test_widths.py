"""Every table on terminals of ordinary and narrow width: it fits, and what one looks for is there, whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.integration.cli.running import TWIN, environment, told, twin
from tests.integration.cli.terminal import terminal

QUESTION = "How do tombstones leave the index, and what happens to an answer that cites one of them?"
URI = "files:notes/a-rather-long-name-of-a-file-about-tombstones.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A twin with two sources, an index, a trace and a key."""
    made = tmp_path_factory.mktemp("twin")
    (made / "notes").mkdir()
    (made / "notes" / Path(URI).name).write_text("# Tombstones\n\nA tombstone marks a document that is gone, at every build.\n")
    (made / "letters").mkdir()
    (made / "sources.yaml").write_text(
        "author: {id: ada, name: Ada}\nsources:\n"
        "  - {kind: files, path: notes/}\n  - {kind: files, name: letters-of-the-family, path: letters/}\n"
    )
    twin(made, "documents", "sync")
    twin(made, "index", "build", "--switch")
    twin(made, "ask", QUESTION)
    twin(made, "keys", "create", "--name", "Somebody at the desk")
    return made


def shown(folder: Path, columns: int, *arguments: str) -> str:
    with terminal(folder, str(TWIN), *arguments, environment=environment(), columns=columns) as running:
        assert running.ended() == 0
        return running.plain


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_every_table_fits_and_keeps_names_dates_and_numbers_whole(folder: Path, columns: int) -> None:
    wanted = {
        ("documents", "list"): ("ada", "Tombstones", URI),
        ("index", "list"): ("live", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "minilm-l6-v2"),
        ("traces", "list"): (
            r"\bok\b",
            re.escape(told(folder, "traces", "list")[0]["id"][:18]),
            "How do tombstones",
        ),
        ("keys", "list"): ("Somebody at the desk", r"\d{4}-\d\d-\d\dT"),
        ("config", "show"): ("chunk_article +(value )?1500",),
        ("doctor",): ("ok +documents", "twin traces list"),
    }
    for arguments, parts in wanted.items():
        said = shown(folder, columns, *arguments)
        assert max(map(cell_len, said.splitlines())) <= columns, said
        joined = "".join(line.strip() for line in said.splitlines())  # a long uri may be folded
        for part in parts:
            assert re.search(part, said) or re.search(part, re.sub(r"\n\s*", " ", said)) or part in joined, f"{part}\n{said}"


@pytest.mark.parametrize("columns", [40, 60, 120])
def test_a_sync_names_its_sources_and_counts_at_every_width(folder: Path, columns: int) -> None:
    said = shown(folder, columns, "documents", "sync")
    assert re.search(r"^letters-of-the-family", said, re.MULTILINE)
    assert re.search(r"unchanged 1\b" if columns < 100 else r"notes +files +0 +0 +1", said), said


def test_piped_a_line_is_a_record_whatever_the_width(folder: Path) -> None:
    said = twin(folder, "documents", "list", COLUMNS="40").stdout.splitlines()
    assert said[2].endswith(URI)
    assert len(said) == 3
