"""What was typed -> what an evaluation compares: two models by digest, held-out questions, and what was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.errors import ReleaseError

if TYPE_CHECKING:
    from twin.release.questions import HeldOut
    from twin.release.report import Model
    from twin.release.training import Training


def side(text: str, option: str, kind: str) -> Model:
    """`NAME=PIN` as a model: PIN is a folder (checked), FOLDER#sha256:... or sha256:...; without one it is not pinned.

    Raises ReleaseError, TrainingError or DigestError.
    """
    from twin.release.report import Model

    name, _, pin = text.partition("=")
    if not name.strip():
        raise ReleaseError(f"{option} {text!r}: give NAME=FOLDER or NAME=sha256:..., NAME being what the model server calls it")
    return Model(name=name.strip(), digest=_digest(pin.strip(), kind), kind=kind)


def folders_in(texts: Sequence[str]) -> dict[str, Path]:
    """The folders in those of `texts` that are `NAME=FOLDER`, by name."""
    named = [(name.strip(), pin.strip().partition("#")[0]) for name, _, pin in (text.partition("=") for text in texts)]
    return {name: Path(pin) for name, pin in named if pin and not pin.startswith("sha256:")}


def _digest(pin: str, kind: str) -> str:
    if not pin or pin.startswith("sha256:"):
        return pin
    from twin.cli.model import pinned
    from twin.errors import DigestError
    from twin.model.base import folder_digest
    from twin.model.folder import RECORD, verify

    folder, wanted = pinned(pin)
    foreign = kind == "base" and folder.is_dir() and not (folder / RECORD).is_file()  # a hub's own folder
    found = folder_digest(folder) if foreign else str(verify(folder)["digest"])
    if wanted and found != wanted:
        raise DigestError(f"{folder}: is {found}, but {wanted} is asked for")
    return found


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
