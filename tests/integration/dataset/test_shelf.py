"""Folders of datasets: whole or not there, in both formats."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.dataset.fakes import example
from twin.dataset.manifest import Generator, Manifest
from twin.digest import files_digest
from twin.drivers.shelf import FolderShelf, found, read_examples, read_manifest, verify
from twin.errors import DatasetError, DigestError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
EXAMPLES = st.lists(
    st.builds(example, TEXT, instruction=TEXT, rejected=TEXT, source=TEXT, author=TEXT, extract=TEXT), max_size=8
)


def made(shelf: FolderShelf, examples: list, name: str = "instruction/train") -> Path:
    with shelf.table(name) as table:
        for one in examples:
            table.add(one)
    files = dict(shelf.files())
    about = Manifest(
        format=shelf.format, counts={}, documents=1, groups=1, sources={}, filters=(), seed=0, test_share=0.1,
        generator=Generator("structural"), files=files, digest=files_digest(files),
    )  # fmt: skip
    return shelf.publish(about)


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
@given(examples=EXAMPLES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_examples_come_back_as_they_were_and_always_in_the_same_bytes(tmp_path: Path, format: str, examples: list) -> None:
    digests = set()
    for name in ("one", "two"):
        with FolderShelf(tmp_path, format, tmp_path / name) as shelf:
            folder = made(shelf, examples)
        manifest = read_manifest(folder)
        verify(folder, manifest)
        assert list(read_examples(folder, manifest, "instruction/train")) == examples
        digests.add(manifest.digest)
    assert len(digests) == 1


def test_more_rows_than_a_group_of_rows(tmp_path: Path) -> None:
    examples = [example(f"Answer number {n}, which says a little.") for n in range(25_000)]
    with FolderShelf(tmp_path, "parquet") as shelf:
        folder = made(shelf, examples)
    assert list(read_examples(folder, read_manifest(folder), "instruction/train")) == examples


def test_nothing_is_left_of_a_build_that_failed(tmp_path: Path) -> None:
    def fail() -> None:
        with FolderShelf(tmp_path, "jsonl") as shelf, shelf.spill() as spill:
            spill.add([(0, example())])
            raise DatasetError("no")

    with pytest.raises(DatasetError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_two_processes_do_not_make_a_dataset_in_one_place(tmp_path: Path) -> None:
    with FolderShelf(tmp_path, "jsonl") as first:
        with pytest.raises(DatasetError, match="another process is making a dataset here"), FolderShelf(tmp_path, "jsonl"):
            pass
        with FolderShelf(tmp_path, "jsonl", tmp_path / "other") as second:
            made(second, [example()])
        made(first, [example()])
    assert len(found(tmp_path)) == 2


def test_the_newest_dataset_is_the_first(tmp_path: Path) -> None:
    folders = []
    for n in range(3):
        with FolderShelf(tmp_path, "jsonl") as shelf:
            folders.append(made(shelf, [example(f"Number {n}.")]))
    assert found(tmp_path) == folders[::-1]
    assert found(tmp_path / "nowhere") == []


@pytest.mark.parametrize("damage", ["", "{", '{"schema": 1}', "[]", "\xff"])
def test_a_damaged_manifest_is_said_by_its_name(tmp_path: Path, damage: str) -> None:
    (tmp_path / "manifest.json").write_bytes(damage.encode("latin-1"))
    with pytest.raises(DatasetError, match=r"manifest.json: cannot be read"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_a_damaged_table_is_said_by_its_name(tmp_path: Path, format: str) -> None:
    with FolderShelf(tmp_path, format) as shelf:
        folder = made(shelf, [example()])
    path = folder / "instruction" / f"train.{format}"
    path.write_bytes(path.read_bytes()[:-9])
    manifest = read_manifest(folder)
    with pytest.raises(DigestError, match="was changed"):
        verify(folder, manifest)
    with pytest.raises(DatasetError, match=rf"train.{format}: "):
        list(read_examples(folder, manifest, "instruction/train"))


FULL = """
import sys
from pathlib import Path
from tests.integration.dataset.test_shelf import made
from tests.unit.dataset.fakes import example
from twin.drivers.shelf import FolderShelf
from twin.errors import DatasetError

folder, format, what = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
many = [example(f"{n} " * 300) for n in range(3000)]
try:
    with FolderShelf(folder, format) as shelf:
        if what == "spill":
            with shelf.spill() as spill:
                spill.add(enumerate(many))
        else:
            made(shelf, many)
except DatasetError as exc:
    print(exc)
"""


@pytest.mark.parametrize(("format", "what"), [("parquet", "spill"), ("parquet", "table"), ("jsonl", "table")])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, format: str, what: str) -> None:
    """A limit on the size of files stands for a full disk: writing fails in the middle of a file."""
    limited = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path), format, what],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "free some and run again" in limited.stdout
    assert limited.stderr == ""
    assert list(tmp_path.iterdir()) == []
