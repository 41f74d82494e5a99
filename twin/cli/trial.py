"""Folders of datasets, or a file of questions -> the held-out questions of an evaluation, and what was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.errors import ReleaseError

if TYPE_CHECKING:
    from twin.release.questions import HeldOut
    from twin.release.training import Training


def read_datasets(folders: Sequence[Path]) -> tuple[Training, dict[str, str]]:
    """What was trained on, and the datasets' digests by name: `dataset`, `dataset 2` ...

    Raises ReleaseError, DatasetError or DigestError.
    """
    from twin.drivers.shelf import read_examples, read_manifest, verify
    from twin.release.training import learn, together

    found, pins = [], {}
    for number, folder in enumerate(folders, 1):
        manifest = read_manifest(folder)
        verify(folder, manifest)
        splits = [f"{kind}/train" for kind in ("instruction", "preference")]
        trained = (row for split in splits for row in _rows(read_examples(folder, manifest, split)))
        found.append(learn(trained, f"{folder}: train"))
        pins["dataset" if number == 1 else f"dataset {number}"] = manifest.digest
    return together(found), pins


def read_questions(dataset: Path, questions: Path | None) -> tuple[list[HeldOut], str]:
    """Held-out questions, of the file `questions` or the test split of `dataset`, and the digest of what they stand in.

    Raises ReleaseError or DatasetError.
    """
    from twin.digest import bytes_digest
    from twin.drivers.shelf import read_examples, read_manifest
    from twin.release.questions import held_out, jsonl, yaml_rows

    if questions is None:
        manifest = read_manifest(dataset)
        held = held_out(_rows(read_examples(dataset, manifest, "instruction/test")), f"{dataset}: instruction/test")
        file = next((name for name in manifest.files if name.startswith("instruction/test.")), "")
        return held, manifest.files.get(file, "")
    try:
        data = questions.read_bytes()
    except OSError as exc:
        raise ReleaseError(f"{questions}: cannot be read ({exc.strerror})") from exc
    read = yaml_rows if questions.suffix in {".yaml", ".yml"} else jsonl
    return held_out(read(data, str(questions)), str(questions)), bytes_digest(data)


def _rows(examples: Iterator[Any]) -> Iterator[Mapping[str, Any]]:
    import msgspec

    for example in examples:
        yield {"id": example.id, **msgspec.to_builtins(example)}
