"""Folders that are there as a whole or not at all, and whose changes are noticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from twin.errors import DigestError, TrainingError
from twin.model.adapter import read_adapter
from twin.model.checkpoints import last_whole, mark
from twin.model.folder import moved, record_of, seal, verify, written
from twin.model.runs import run_of


def made(folder: Path) -> Path:
    with written(folder) as inside:
        (inside / "weights").write_bytes(b"\x00\x01")
        (inside / "deeper").mkdir()
        (inside / "deeper" / "config.json").write_text("{}")
        seal(inside, {"schema": 1, "stage": "sft"})
        (inside / "README.md").write_text("# A card")
    return folder


def test_a_sealed_folder_is_verified_and_its_card_may_be_edited(tmp_path: Path) -> None:
    folder = made(tmp_path / "x")
    (folder / "README.md").write_text("# A better card")
    assert sorted(verify(folder)["files"]) == ["deeper/config.json", "weights"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "weights").write_bytes(b"\x00\x02"), "weights is sha256:"),
        (lambda folder: (folder / "weights").unlink(), "weights is missing"),
        (lambda folder: (folder / "deeper" / "new").write_text(""), "deeper/new is not one of the files"),
    ],
)
def test_whatever_is_changed_in_it_is_named(tmp_path: Path, spoil: object, message: str) -> None:
    folder = made(tmp_path / "x")
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(DigestError, match=message):
        verify(folder)


def test_a_record_edited_together_with_its_file_list_is_noticed(tmp_path: Path) -> None:
    folder = made(tmp_path / "x")
    (folder / "weights").write_bytes(b"other")
    record = record_of(folder)
    from twin.digest import file_digest

    record["files"]["weights"] = file_digest(folder / "weights")
    (folder / "twin.json").write_text(json.dumps(record))
    with pytest.raises(DigestError, match="its files make"):
        verify(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": {}}', '{"files": [], "digest": "x"}', "\u0000"])
def test_a_record_that_is_none_is_one_line_of_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "twin.json").write_text(text)
    with pytest.raises(TrainingError, match=r"twin\.json"):
        verify(tmp_path)


def test_what_is_no_adapter_is_not_read_as_one(tmp_path: Path) -> None:
    folder = made(tmp_path / "x")
    with pytest.raises(TrainingError, match="lacks base, dataset, recipe"):
        read_adapter(folder)
    with pytest.raises(TrainingError, match="has no twin.json"):
        read_adapter(tmp_path)


def test_an_error_while_writing_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    folder = made(tmp_path / "x")

    def half(target: Path) -> None:
        with written(target) as inside:
            (inside / "weights").write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half(folder)
    assert (folder / "weights").read_bytes() == b"\x00\x01"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_folder_of_ours_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = made(tmp_path / "x")
    with written(folder) as inside:
        seal(inside, {"stage": "sft"})
    assert [path.name for path in folder.iterdir()] == ["twin.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("there", ["a file", "a link", "a folder of something else"])
def test_what_is_not_ours_is_not_replaced(tmp_path: Path, there: str) -> None:
    target = tmp_path / "x"
    if there == "a file":
        target.write_text("mine")
    elif there == "a link":
        (tmp_path / "elsewhere").mkdir()
        target.symlink_to(tmp_path / "elsewhere")
    else:
        target.mkdir()
        (target / "mine").write_text("mine")
    with pytest.raises(TrainingError, match="was not made by"):
        made(target)


def test_published_files_can_be_read_by_a_server_of_another_user(tmp_path: Path) -> None:
    with written(tmp_path / "x") as inside:
        (inside / "weights").write_bytes(b"")
        (inside / "weights").chmod(0o600)
    assert (tmp_path / "x" / "weights").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o755


def test_moving_publishes_and_leaves_nothing_behind(tmp_path: Path) -> None:
    moved(made(tmp_path / "made"), tmp_path / "published" / "x")
    assert verify(tmp_path / "published" / "x")
    assert not (tmp_path / "made").exists()


def checkpoint(run: Path, step: int, *, whole: bool = True) -> Path:
    folder = run / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "optimizer.pt").write_bytes(bytes([step]))
    if whole:
        mark(folder, {"seconds": step})
    return folder


def test_the_newest_whole_checkpoint_counts_by_number_not_by_name(tmp_path: Path) -> None:
    for step in (9, 10, 100):
        checkpoint(tmp_path, step, whole=step < 100)
    assert last_whole(tmp_path) == (tmp_path / "checkpoint-10", {"seconds": 10})
    assert not (tmp_path / "checkpoint-100").exists(), "what was half written must not be mixed with what comes"


def test_a_mark_that_was_cut_off_or_says_another_thing_is_none(tmp_path: Path) -> None:
    for step, text in ((1, ""), (2, "[]"), (3, '{"files": {}}'), (4, '{"files": {}, "state": {}}')):
        (checkpoint(tmp_path, step, whole=False) / "whole.json").write_text(text)
    assert last_whole(tmp_path) is None


def test_a_run_is_another_one_when_anything_of_it_is(tmp_path: Path) -> None:
    one = run_of(tmp_path, {"seed": 1, "versions": {"torch": "2.13"}})
    assert run_of(tmp_path, {"versions": {"torch": "2.13"}, "seed": 1}).folder == one.folder
    assert run_of(tmp_path, {"seed": 1, "versions": {"torch": "2.14"}}).folder != one.folder


def test_a_finished_run_whose_adapter_was_spoilt_is_not_finished(tmp_path: Path) -> None:
    folder, run = made(tmp_path / "adapter"), run_of(tmp_path / "runs", {})
    with run.held():
        assert run.done() is None
        run.finish(folder, verify(folder)["digest"])
        assert run.done() == folder
        (folder / "weights").write_bytes(b"")
        assert run.done() is None


def test_what_a_kill_left_is_swept_away_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    left = tmp_path / ".x.making-0123"
    left.mkdir()
    (left / "weights").write_bytes(b"half")
    (tmp_path / ".x.backup").mkdir()
    with written(tmp_path / "x") as first:
        (first / "weights").write_bytes(b"1")
        made(tmp_path / "x")
        assert (first / "weights").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"x", ".x.backup"}
