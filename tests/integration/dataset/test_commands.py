"""`twin dataset` as a person or a workflow runs it."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import termios
from pathlib import Path

import pytest

from tests.integration.cli.running import TWIN, environment, told, twin
from tests.integration.dataset.conftest import record, write
from tests.integration.dataset.tables import preferences, rows
from twin.digest import files_digest, folder_files
from twin.drivers.sqlite.traces import TraceStore
from twin.records import Example, Span, Trace


def test_a_dataset_is_built_shown_and_exported(folder: Path) -> None:
    built = told(folder, "dataset", "build", "--seed", "3", "--test-share", "0.3")
    path, manifest = Path(built["path"]), built["manifest"]
    assert path == folder / ".twin" / "datasets" / manifest["digest"].removeprefix("sha256:")[:12]
    assert json.loads((path / "manifest.json").read_text()) == manifest
    files = folder_files(path, exclude=("manifest.json",))
    assert (manifest["files"], manifest["digest"]) == (files, files_digest(files))
    assert set(files) == {f"{kind}/{side}.parquet" for kind in ("instruction", "preference") for side in ("train", "test")}
    for kind, sides in manifest["counts"].items():
        for side, count in sides.items():
            table = rows(path / kind / f"{side}.parquet")
            assert len(table) == count > 0
            assert set(table[0]) == {"id", *Example.__dataclass_fields__}
            assert all(row["kind"] == kind for row in table)
    assert told(folder, "dataset", "show") == {**built, "asked": 0}
    assert told(folder, "dataset", "show", manifest["digest"][:14])["path"] == str(path)
    assert "near-duplicates" in twin(folder, "dataset", "show").stdout

    out = folder / "elsewhere"
    exported = told(folder, "dataset", "export", "--out", str(out))["manifest"]
    assert exported["counts"] == manifest["counts"]
    lines = [json.loads(line) for line in (out / "instruction" / "train.jsonl").read_text().splitlines()]
    assert lines == rows(path / "instruction" / "train.parquet")
    back = told(folder, "dataset", "export", str(out), "--format", "parquet", "--out", "back")["manifest"]
    assert back["digest"] == manifest["digest"]


def test_the_same_documents_and_seed_give_the_same_bytes_anywhere(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    records = json.loads((folder / "articles.json").read_text())
    write(other, records[::-1])
    twin(other, "documents", "sync")
    digests = [
        told(where, "dataset", "build", PYTHONHASHSEED=seed)["manifest"]["digest"]
        for where, seed in ((folder, "1"), (other, "2"))
    ]
    assert digests[0] == digests[1]
    assert told(folder, "dataset", "build", "--seed", "1")["manifest"]["digest"] != digests[0]
    assert len(list((folder / ".twin" / "datasets").iterdir())) == 2


def test_a_change_of_the_documents_changes_the_digest(folder: Path) -> None:
    before = told(folder, "dataset", "build")["manifest"]
    records = json.loads((folder / "articles.json").read_text())
    write(folder, [*records, record(99, "kettles")])
    twin(folder, "documents", "sync")
    after = told(folder, "dataset", "build")["manifest"]
    assert after["digest"] != before["digest"]
    assert (before["documents"], after["documents"]) == (12, 13)
    assert after["sources"] != before["sources"]


def test_evaluation_questions_are_kept_out(folder: Path) -> None:
    path = Path(told(folder, "dataset", "build")["path"])
    answer = rows(path / "instruction" / "train.parquet")[0]["answer"]
    (folder / "questions.txt").write_text(f"\n{' '.join(answer.split())}\n\n")
    built = told(folder, "dataset", "build", "--questions", str(folder / "questions.txt"))
    (found,) = [one for one in built["manifest"]["filters"] if one["name"] == "contamination"]
    assert found["reasons"]["evaluation question"] >= 1
    (folder / "questions.jsonl").write_text(json.dumps({"question": answer, "reference": "x"}) + "\n")
    same = told(folder, "dataset", "build", "--questions", str(folder / "questions.jsonl"))
    assert same["manifest"] == built["manifest"]
    (folder / "broken.jsonl").write_text('{"answer": "x"}\n')
    for name in ("missing.txt", "broken.jsonl"):
        error = twin(folder, "dataset", "build", "--questions", str(folder / name), status=1).stderr
        assert f"{name}: the questions cannot be read" in error


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("build", "--source", "nowhere"), 1, "no example is left"),
        (("build", "--generator", "teacher"), 2, "needs teacher_url"),
        (("build", "--test-share", "2"), 2, "test-share"),
        (("show",), 1, "there is no dataset yet"),
        (("show", "abc"), 1, "no folder and no dataset of that name"),
        (("show", "."), 1, "holds no dataset"),
        (("export", "--out", "x"), 1, "there is no dataset yet"),
        (("review",), 1, "needs a terminal"),
        (("build", "--out", "sources.yaml"), 1, "is there already and is no dataset"),
        (("build", "--out", ".twin"), 1, "is there already and is no dataset"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_an_exit_status(
    folder: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = twin(folder, "dataset", *arguments, status=status)
    assert words in done.stderr.lower() or words in done.stderr
    assert not (folder / ".twin" / "datasets").exists() or not list((folder / ".twin" / "datasets").iterdir())


def test_a_changed_file_is_noticed_before_it_is_shown_or_exported(folder: Path) -> None:
    path = Path(told(folder, "dataset", "build", "--format", "jsonl")["path"])
    table = path / "instruction" / "train.jsonl"
    table.write_bytes(table.read_bytes().replace(b"queues", b"quexes", 1))
    for command in (("show",), ("export", "--out", "x")):
        assert "instruction/train.jsonl was changed" in twin(folder, "dataset", *command, status=1).stderr
    table.unlink()
    assert "instruction/train.jsonl is missing" in twin(folder, "dataset", "show", status=1).stderr


def test_building_again_replaces_only_a_dataset(folder: Path) -> None:
    first = told(folder, "dataset", "build", "--out", "data", "--seed", "1")
    second = told(folder, "dataset", "build", "--out", "data", "--seed", "2")
    assert first["path"] == second["path"] == str(folder / "data")
    assert told(folder, "dataset", "show", "data")["manifest"] == second["manifest"]
    assert {path.name for path in folder.iterdir()} == {"articles.json", "sources.yaml", ".twin", "data"}


def test_without_the_extra_the_error_says_what_to_install(folder: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    for name in ("pyarrow", "rensa", "py3langid"):
        (hidden / name).mkdir(parents=True)
        (hidden / name / "__init__.py").write_text("raise ImportError('not here')")
    assert "pip install 'llm-twin[train]'" in twin(folder, "dataset", "build", status=1, PYTHONPATH=str(hidden)).stderr
    (hidden / "rensa" / "__init__.py").unlink()
    (hidden / "rensa").rmdir()
    assert "--format jsonl" in twin(folder, "dataset", "build", status=1, PYTHONPATH=str(hidden)).stderr
    twin(folder, "dataset", "build", "--format", "jsonl", PYTHONPATH=str(hidden))


# feedback

SAID = (
    "Queues teach more about people than about waiting, and I never jump one.",
    "Gardens want patience, and a fence against whatever else is patient.",
    "A compiler is the only reader who says at once what it did not understand.",
    "Nobody marked this one.",
)


def answered(folder: Path, number: int) -> Trace:
    """An answer about one of the stored documents, as the gateway leaves it."""
    document = told(folder, "documents", "list")[number]
    passage = {
        "chunk": f"c{number}",
        "document": document["id"],
        "author": "ada",
        "text": f"{SAID[number]}",
    }
    root = Span(
        id="1", parent="", name="answer", start=number, end=number + 1,
        input={"question": f"What is essay {number} about?"},
        output={"text": "I do not know at all, sorry.", "citations": [{"chunk": f"c{number}"}]},
    )  # fmt: skip
    retrieve = Span(id="2", parent="1", name="retrieve", start=0, end=1, output=[passage])
    return Trace(
        id=f"01900000-0000-7000-8000-{number:012}", release="r", index="i", model="m", thread="", status="ok", spans=(root, retrieve)
    )  # fmt: skip


@pytest.fixture
async def scored(folder: Path) -> Path:
    """Three answers that readers marked down, and one that nobody marked."""
    store = TraceStore(folder / ".twin" / "traces.db")
    await store.open()
    for number in range(4):
        store.put(answered(folder, number))
    await store.flush()
    for number in range(3):
        await store.score(f"01900000-0000-7000-8000-{number:012}", "feedback", -1.0, "wrong")
    await store.close()
    return folder


async def test_all_scored_answers_are_read_whatever_their_number(tmp_path: Path) -> None:
    store = TraceStore(tmp_path / "traces.db")
    await store.open()
    blank = Span(id="1", parent="", name="answer", start=0, end=1)
    ids = [f"01900000-0000-7000-8000-{number:012}" for number in range(900)]
    for id in ids:
        store.put(Trace(id=id, release="r", index="i", model="m", thread="", status="ok", spans=(blank,)))
    await store.flush()
    for id in ids[::2]:
        await store.score(id, "feedback", 1.0)
    assert [trace.id async for trace in store.scored()] == ids[::2]
    await store.close()


async def test_approved_feedback_stands_in_the_next_dataset(scored: Path) -> None:
    assert told(scored, "dataset", "review", "--approve-all") == {"approved": 3, "turned_down": 0, "waiting": 0}
    assert told(scored, "dataset", "review", "--approve-all") == {"approved": 0, "turned_down": 0, "waiting": 0}
    found = preferences(scored)
    assert set(found) == {f"What is essay {n} about?" for n in range(3)}
    assert found["What is essay 1 about?"]["answer"] == "Gardens want patience, and a fence against whatever else is patient."
    assert found["What is essay 1 about?"]["rejected"] == "I do not know at all, sorry."
    (scored / ".twin" / "traces.db").unlink()  # traces go with time; what was approved stays
    assert preferences(scored) == found


async def test_a_review_in_a_terminal_goes_on_where_it_was_left(scored: Path) -> None:
    assert "1 approved, 0 turned down, 2 waiting" in in_terminal(scored, "xyq")
    assert "0 approved, 1 turned down, 1 waiting" in in_terminal(scored, "ns")
    assert "0 approved, 0 turned down, 1 waiting" in in_terminal(scored, "\x04")
    assert list(preferences(scored)) == ["What is essay 0 about?"]


def in_terminal(folder: Path, keys: str) -> str:
    """`twin dataset review` with one of these keys pressed whenever it asks; what it showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(TWIN), "dataset", "review"], cwd=folder, env=environment(TERM="xterm"), stdin=theirs, stdout=theirs, stderr=theirs
    )
    shown, left = "", list(keys)
    while process.poll() is None:
        if select.select([ours], [], [], 0.02)[0]:
            shown += os.read(ours, 4096).decode(errors="replace")
        elif left and not termios.tcgetattr(theirs)[3] & termios.ICANON:  # it waits for a key: what was typed before is flushed
            os.write(ours, left.pop(0).encode())
    while select.select([ours], [], [], 0)[0]:
        shown += os.read(ours, 4096).decode(errors="replace")
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, shown
    return shown
