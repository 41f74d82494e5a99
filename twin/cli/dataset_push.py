"""`twin dataset push`: a dataset -> a repository on a Hugging Face hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

import typer

from twin.cli.dataset import DatasetArgument, folder_of
from twin.cli.output import Output, OutputOption, say, show
from twin.cli.place import place

NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class Pushed:
    """Where a dataset went."""

    uri: str
    digest: str


def push(
    context: typer.Context,
    to: Annotated[str, typer.Option("--to", metavar="OWNER/NAME", help="The repository; made when there is none.")],
    dataset: DatasetArgument = "",
    private: Annotated[bool, typer.Option("--private", help="Let only its owner see it, and refuse a public one.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Put a dataset on a Hugging Face hub, as one commit with a card, after checking that it is what its manifest says.

    HF_TOKEN must allow it; HF_ENDPOINT names another hub. Tables of a former dataset there go.
    """
    from twin.dataset.card import card
    from twin.drivers.hub import push as run
    from twin.drivers.shelf import MANIFEST, read_manifest, verify

    if not NAME.fullmatch(to):
        raise typer.BadParameter(f"{to!r} is not OWNER/NAME", param_hint="--to")
    folder = folder_of(place(context), dataset)
    manifest = read_manifest(folder)
    verify(folder, manifest)
    files = {name: folder / name for name in (*sorted(manifest.files), MANIFEST)}
    uri = run(files, card(manifest), to, f"Dataset {manifest.digest}", private=private)
    if not show(Pushed(uri, manifest.digest), output):
        say(f"{manifest.examples:,} examples, {manifest.digest}")
        print(uri)
