"""release.yaml <-> what a branch runs, pinned by digest. Knows no store, no git and no clock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from twin.digest import bytes_digest
from twin.errors import ReleaseError
from twin.records import Artifact

Text = Annotated[str, Meta(pattern=r"^\S+$", max_length=1000)]
Count = Annotated[int, Meta(ge=0)]
Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
Pinned = Annotated[str, Meta(pattern=r"^\S+#sha256:[0-9a-f]{64}$", max_length=2000)]
Image = Annotated[str, Meta(pattern=r"^[a-z0-9][\w.:/-]*@sha256:[0-9a-f]{64}$", max_length=500)]
Id = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}\.[1-9]\d{0,5}$")]


class Images(Struct, frozen=True, forbid_unknown_fields=True):
    """What the containers run, as repository@sha256:..."""

    gateway: Image
    pipelines: Image


class Index(Struct, frozen=True, forbid_unknown_fields=True):
    """The recipe by its name, and the state that the release was judged on: digest of its documents, passages, snapshot."""

    name: Text
    documents: Digest
    chunks: Count
    snapshot: Pinned


class Dataset(Struct, frozen=True, forbid_unknown_fields=True):
    """What the adapter was trained on."""

    uri: Text
    digest: Digest
    examples: Count


class Model(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Who answers: a base at a revision, the adapter, and the digest of the chat template."""

    base: Text
    revision: Text
    adapter: Pinned
    chat_template: Digest


class Prompt(Struct, frozen=True, forbid_unknown_fields=True):
    """What the model is told."""

    name: Text
    digest: Digest


class Report(Struct, frozen=True, forbid_unknown_fields=True):
    """The evaluation that let it pass."""

    uri: Text
    digest: Digest
    verdict: Annotated[str, Meta(pattern=r"^pass$")]


class Release(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One release. A twin on one machine has no images, one that only quotes has neither model nor dataset."""

    id: Id
    images: Images | None = None
    index: Index
    dataset: Dataset | None = None
    model: Model | None = None
    prompt: Prompt
    report: Report


def artifacts(release: Release) -> Mapping[str, Artifact]:
    """Every artifact that the release needs, by the key that pins it."""
    found = {"index.snapshot": Artifact.parse(release.index.snapshot)}
    if release.dataset:
        found["dataset"] = Artifact(release.dataset.uri, release.dataset.digest)
    if release.model:
        found["model.adapter"] = Artifact.parse(release.model.adapter)
    return found | {"report": Artifact(release.report.uri, release.report.digest)}


def index_digest(name: str, documents: str, chunks: int) -> str:
    """Of an index by its recipe and what it holds, wherever it is: by this a report says what its answers were made from."""
    return bytes_digest(msgspec.json.encode([name, documents, chunks]))


def fields(release: Release) -> Mapping[str, str]:
    """Every pin as text by its dotted key, in the order of the file."""
    return dict(_flat(msgspec.to_builtins(release), ""))


def _flat(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        yield key, str(value)
        return
    for name, below in value.items():
        if below is not None:
            yield from _flat(below, f"{key}.{name}" if key else name)


def difference(old: Release | None, new: Release | None) -> list[tuple[str, str, str]]:
    """Key, old and new value of each pin that differs; empty where there is none."""
    before, after = (fields(one) if one else {} for one in (old, new))
    keys = dict.fromkeys((*after, *before))
    return [(key, before.get(key, ""), after.get(key, "")) for key in keys if before.get(key) != after.get(key)]


def following(today: str, taken: str) -> str:
    """The id of a release of `today` (YYYY-MM-DD), after the one whose id is `taken` (empty: there is none).

    Ids only grow: where `taken` is of a later day, as another clock has it, its day is kept.
    """
    day, _, number = taken.partition(".")
    if taken and day >= today:
        return f"{day}.{int(number) + 1}"
    return f"{today}.1"


def write(release: Release) -> str:
    """release.yaml in its one form: keys in order, a line a pin. The same release gives the same bytes."""
    lines = ["# What this branch runs. Written by `twin release promote`; `git revert` is the rollback.", "release:"]
    for name, value in msgspec.to_builtins(release).items():
        if isinstance(value, dict):
            lines.append(f"  {name}:")
            lines += [f"    {key}: {_scalar(below)}" for key, below in value.items() if below is not None]
        elif value is not None:
            lines.append(f"  {name}: {_scalar(value)}")
    return "\n".join(lines) + "\n"


def _scalar(value: Any) -> str:
    """Plain where YAML and Helm cannot take it for anything else than the text or number that it is, else quoted."""
    if isinstance(value, str) and not re.fullmatch(r"(?=.*[A-Za-z])(?!0x|0o|[\d.]+e)[A-Za-z0-9][\w./:@#+-]*[\w/]", value):
        return msgspec.json.encode(value).decode()
    if isinstance(value, str) and (": " in value or value.lower() in _WORDS):
        return msgspec.json.encode(value).decode()
    return str(value)


_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def changed(release: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The same mapping with `value` at the dotted `key`. Raises ReleaseError for a key below something that is no mapping."""
    name, _, rest = key.partition(".")
    if not rest:
        return {**release, name: value}
    below = release.get(name) or {}
    if not isinstance(below, Mapping):
        raise ReleaseError(f"{key}: {name} is no mapping, so nothing stands below it")
    return {**release, name: changed(below, rest, value)}
