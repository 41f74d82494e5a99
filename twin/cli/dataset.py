"""`twin dataset`: documents (and approved feedback) -> dataset, a look at it, and another format of it."""

from __future__ import annotations

import asyncio
import enum
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twin.cli import kept
from twin.cli.output import Output, OutputOption, say, show, table
from twin.cli.place import Place, place
from twin.cli.teaching import Choice, GeneratorName, feedback, writer
from twin.errors import DatasetError

if TYPE_CHECKING:
    from twin.dataset.build import Recipe
    from twin.dataset.manifest import Manifest

app = typer.Typer(help="Documents -> dataset.", no_args_is_help=True, rich_markup_mode=None)


class Format(enum.StrEnum):
    """How a dataset is written."""

    PARQUET = "parquet"
    JSONL = "jsonl"


DatasetArgument = Annotated[
    str, typer.Argument(help="Its folder, the beginning of its digest, or uri#sha256:...", show_default="the newest")
]


@dataclass(frozen=True)
class Built:
    """What `twin dataset build` did."""

    path: str
    manifest: Manifest
    examples: int = 0
    asked: int = 0  # calls of the teacher by this run; what it replied before was not asked again
    pin: str = ""  # uri#sha256:... where it was kept


@app.callback()
def root() -> None:
    """Documents -> dataset: generate examples, filter them, split them by document."""


@app.command()
def build(
    context: typer.Context,
    generator: Annotated[GeneratorName, typer.Option(help="What writes the examples.")] = GeneratorName.STRUCTURAL,
    format: Annotated[Format, typer.Option(help="How they are written.")] = Format.PARQUET,
    seed: Annotated[int, typer.Option(help="Decides the split and the rejected answers.")] = 0,
    test_share: Annotated[float, typer.Option(min=0.0, max=0.9, help="Of the documents that are held out.")] = 0.1,
    source: Annotated[str, typer.Option(help="Only documents of this source.")] = "",
    author: Annotated[str, typer.Option(help="Only documents of this author.")] = "",
    kind: Annotated[str, typer.Option(help="Only article, post or repository.")] = "",
    language: Annotated[
        list[str] | None, typer.Option(help="Only this language (en, de ...); may be given several times.")
    ] = None,
    questions: Annotated[
        Path | None, typer.Option(help="A file of evaluation questions, one a line (text or JSON): no example may hold one.")
    ] = None,
    max_failed: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the teacher's replies that may fail with exit status 0.")
    ] = 0.0,
    ask_again: Annotated[
        bool, typer.Option("--ask-again", help="Ask anew what the teacher refused or answered badly.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="The folder to write.", show_default=".twin/datasets/<digest>")] = None,
    keep: kept.KeepOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a dataset of all stored documents and of approved feedback. The same documents and seed give the same bytes.

    Exit status 1 when a teacher failed more often than --max-failed allows; the dataset is made without those examples.
    """
    from twin.dataset.build import Recipe
    from twin.drivers.shelf import MANIFEST

    here = place(context)
    recipe = Recipe(seed, test_share, source, author, kind, tuple(language or ()), _lines(questions))
    built = asyncio.run(_built(here, recipe, Choice(generator, ask_again), format, out))
    if keep:
        built = replace(built, pin=kept.keep(here, Path(built.path), beside=(MANIFEST,)))
    if not show(built, output):
        print_manifest(built.manifest, built.path)
        if built.pin:
            print(built.pin)
    about = built.manifest.generator
    if (failed := sum(about.failed.values())) > max_failed * (about.calls + failed):
        say("the teacher failed for some extracts: run again to ask for what it did not reply, --ask-again for the rest")
        raise typer.Exit(1)


def _lines(path: Path | None) -> tuple[str, ...]:
    """The questions of a file: a line each, as text or as an object with `question` or `instruction`."""
    if path is None:
        return ()
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return tuple(_question(line) if line.startswith("{") else line for line in lines)
    except (OSError, ValueError, KeyError) as exc:
        raise DatasetError(f"{path}: the questions cannot be read ({type(exc).__name__}: {exc}); give one a line") from exc


def _question(line: str) -> str:
    row = json.loads(line)
    return str(row["question"] if "question" in row else row["instruction"])


async def _built(here: Place, recipe: Recipe, choice: Choice, format: Format, out: Path | None) -> Built:
    from twin.cli.progress import Progress
    from twin.cli.wiring import documents
    from twin.dataset.build import Maker
    from twin.documents.clean import clean
    from twin.drivers.language import LangId
    from twin.drivers.minhash import MinHashSimilar
    from twin.drivers.shelf import FolderShelf

    async with documents(here) as store, writer(here, choice) as made:
        with FolderShelf(here.made() / "datasets", format.value, out) as shelf, Progress("documents") as progress:
            maker = Maker(store, made, shelf, clean, LangId(), MinHashSimilar, recipe, await feedback(here))
            maker.on_progress = lambda done: progress.set("dataset", done.documents, 0, f"{done.examples} examples")
            manifest = await maker.build()
            return Built(str(shelf.publish(manifest)), manifest, manifest.examples, getattr(made, "asked", 0))


def print_manifest(manifest: Manifest, path: str) -> None:
    """A dataset for a person: what stands in it, and what was dropped and why."""
    say(f"{path}\n{manifest.digest}")
    about = manifest.generator
    say(
        f"{manifest.documents} documents in {manifest.groups} groups, {about.name} {about.model}".rstrip()
        + f", seed {manifest.seed}"
    )
    table(
        ("kind", "train", "test"), [(kind, *sides.values()) for kind, sides in manifest.counts.items()], right=("train", "test")
    )
    rows = [(one.name, one.dropped, ", ".join(f"{n} {why}" for why, n in one.reasons.items())) for one in manifest.filters]
    table(("filter", "dropped", "why"), rows, right=("dropped",))


@app.command("show")
def show_dataset(
    context: typer.Context,
    dataset: DatasetArgument = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what a dataset holds, after checking that it is what its manifest says."""
    from twin.drivers.shelf import read_manifest, verify

    folder = folder_of(place(context), dataset)
    manifest = read_manifest(folder)
    verify(folder, manifest)
    if not show(Built(str(folder), manifest, manifest.examples), output):
        print_manifest(manifest, str(folder))


def folder_of(here: Place, dataset: str) -> Path:
    """The folder of a dataset: as given, by its pin or the beginning of its digest, or the newest. Raises DatasetError."""
    from twin.drivers.shelf import found

    home = here.home / "datasets"
    folder = Path(kept.folder(here, dataset, home).partition("#")[0])
    if dataset and folder.is_dir():
        return folder
    stored = found(home)
    if not dataset:
        if not stored:
            raise DatasetError(f"{home}: there is no dataset yet; `twin dataset build` makes one")
        return stored[0]
    wanted = dataset.removeprefix("sha256:")
    fitting = [path for path in stored if wanted and (path.name.startswith(wanted) or wanted.startswith(path.name))]
    if len(fitting) != 1:
        names = ", ".join(path.name for path in fitting or stored) or "none"
        raise DatasetError(
            f"{dataset}: {'several datasets' if fitting else 'no folder and no dataset'} of that name; there is {names}"
        )
    return fitting[0]


@app.command()
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    dataset: DatasetArgument = "",
    format: Annotated[Format, typer.Option(help="How it is written.")] = Format.JSONL,
    output: OutputOption = Output.TABLE,
) -> None:
    """Write a dataset in another format, with a manifest and a digest of its own."""
    from twin.digest import files_digest
    from twin.drivers.shelf import FolderShelf, read_examples, read_manifest, verify

    folder = folder_of(place(context), dataset)
    manifest = read_manifest(folder)
    verify(folder, manifest)
    with FolderShelf(out.absolute().parent, format.value, out) as shelf:
        for name in sorted(path.rpartition(".")[0] for path in manifest.files):
            with shelf.table(name) as table:
                for example in read_examples(folder, manifest, name):
                    table.add(example)
        files = dict(shelf.files())
        written = replace(manifest, format=format.value, files=files, digest=files_digest(files))
        path = str(shelf.publish(written))
    if not show(Built(path, written, written.examples), output):
        print_manifest(written, path)
