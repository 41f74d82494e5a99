"""Options of `twin release promote` -> pins by dotted key; folders are put into the store of artifacts on the way."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.errors import DatasetError, ReleaseError, TrainingError

if TYPE_CHECKING:
    from twin.drivers.artifacts import Artifacts
    from twin.records import Artifact

SEALED = "#sha256:"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked to be pinned, as it was written."""

    adapter: str = ""
    dataset: str = ""
    index: str = ""
    pins: Path | None = None
    images: Path | None = None
    pin: Sequence[str] = ()


async def pinned(wanted: Wanted, store: Artifacts) -> dict[str, Any]:
    """Pins by dotted key; what is said last wins. Raises ReleaseError and what reading a folder raises."""
    made: dict[str, Any] = {}
    if wanted.pins:
        made |= _mapping(_text(str(wanted.pins)), str(wanted.pins))
    if wanted.images:
        made["images"] = images(wanted.images)
    if wanted.index:
        made["index"] = _mapping(_text(wanted.index), wanted.index)
    if wanted.dataset:
        made |= await _dataset(wanted.dataset, store)
    if wanted.adapter:
        made |= await _adapter(wanted.adapter, store)
    for one in wanted.pin:
        key, found, value = one.partition("=")
        if not found or not key:
            raise ReleaseError(f"--pin {one!r}: write KEY=VALUE, as in prompt.name=twin-v4")
        made[key] = value
    return made


def images(file: Path) -> dict[str, str]:
    """The images by name that `make push`, or another build, wrote. Raises ReleaseError."""
    return {name: str(image) for name, image in _mapping(_text(str(file)), str(file)).items()}


async def _adapter(text: str, store: Artifacts) -> dict[str, Any]:
    """An adapter that is kept already, or a folder; beside either lies its record, which says base and chat template."""
    from twin.model.folder import RECORD, UNSEALED, parsed, verify

    if SEALED in text:
        kept = _kept(text)
        where = f"{RECORD} of {kept.uri}"
        record = parsed(await store.read(kept, RECORD), where)
    else:
        where = str(Path(text) / RECORD)
        record = verify(Path(text))
        kept = await store.put(Path(text), beside=UNSEALED)
    if record["digest"] != kept.digest:
        raise TrainingError(f"{where}: is about {record['digest']}, not about {kept.digest}; give the folder of the adapter")
    base = record.get("base")
    if not isinstance(base, Mapping) or not base.get("name") or "chat_template" not in record:
        raise TrainingError(f"{where}: names no base or no chat template; train the adapter again")
    return {
        "model.base": base["name"],
        "model.revision": base.get("revision") or base.get("digest", ""),
        "model.adapter": str(kept),
        "model.chatTemplate": record["chat_template"],
    }


async def _dataset(text: str, store: Artifacts) -> dict[str, Any]:
    """A dataset that is kept already, or a folder; the manifest beside either counts its examples."""
    from twin.drivers.shelf import MANIFEST, parsed, read_manifest, verify

    if SEALED in text:
        kept = _kept(text)
        manifest = parsed(await store.read(kept, MANIFEST), f"{MANIFEST} of {kept.uri}")
    else:
        manifest = read_manifest(Path(text))
        verify(Path(text), manifest)
        kept = await store.put(Path(text), beside=(MANIFEST,))
    if kept.digest != manifest.digest:
        raise DatasetError(
            f"{text}: its {MANIFEST} is about {manifest.digest}, not about {kept.digest}; build the dataset again"
        )
    return {"dataset": {"uri": kept.uri, "digest": kept.digest, "examples": manifest.examples}}


def _kept(text: str) -> Artifact:
    from twin.records import Artifact

    try:
        return Artifact.parse(text)
    except ValueError as exc:
        raise ReleaseError(str(exc)) from exc


def prompt() -> dict[str, str]:
    """The prompt of this code."""
    from twin.answer.prompt import Prompt

    made = Prompt()
    return {"name": made.name, "digest": made.digest}


def _text(name: str) -> str:
    if name.lstrip().startswith("{"):  # as one step hands it to the next
        return name
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ReleaseError(f"{name}: cannot be read ({getattr(exc, 'strerror', None) or 'it is not UTF-8'})") from exc


def _mapping(text: str, name: str) -> dict[str, Any]:
    """JSON or YAML of pins; with or without `release:` above them."""
    import yaml

    try:
        found = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError) as exc:
        raise ReleaseError(f"{name}: is neither JSON nor YAML ({' '.join(str(exc).split())[:200]})") from exc
    if not isinstance(found, dict):
        raise ReleaseError(f"{name}: must be a mapping of pins, as below `release:`")
    below = found.get("release", found)
    if not isinstance(below, dict):
        raise ReleaseError(f"{name}: release must be a mapping of pins")
    return {str(key): value for key, value in below.items()}
