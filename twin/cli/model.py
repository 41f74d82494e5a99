"""`twin model`: dataset -> adapter, by recipe; and the base that the smallest recipe makes of the documents."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twin.cli import kept
from twin.cli.output import Output, OutputOption, say, show
from twin.cli.place import Place, place

if TYPE_CHECKING:
    from twin.model.plan import Plan, Trained

app = typer.Typer(help="Dataset -> adapter.", no_args_is_help=True, rich_markup_mode=None)


class StageChoice(StrEnum):
    """What is trained: following instructions, or preferring one answer to another."""

    SFT = "sft"
    DPO = "dpo"


RecipeOption = Annotated[Path, typer.Option("--recipe", help="The recipe's YAML file, e.g. recipes/tiny.yaml.")]
AdapterArgument = Annotated[str, typer.Argument(metavar="ADAPTER", help="An adapter's folder, or its pin: uri#sha256:...")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Write it to this folder.", show_default="below .twin/")]


@app.callback()
def root() -> None:
    """Dataset -> adapter: make a base, train, merge, verify."""


def bases(here: Place) -> Path:
    """Where bases of our own making lie, by name."""
    return here.home / "models" / "base"


@app.command()
def base(context: typer.Context, recipe: RecipeOption, output: OutputOption = Output.TABLE) -> None:
    """Make the base of a recipe out of the documents: a tokenizer and a small Llama. Only for recipes with base.make."""
    from twin.cli.progress import Progress
    from twin.model.making import make_base
    from twin.model.recipes import read_recipe

    here = place(context)
    chosen = read_recipe(recipe)
    texts = asyncio.run(_texts(here))
    here.made()
    target = bases(here) / chosen.base.name
    with Progress("steps") as progress:

        def told(step: int, steps: int, loss: float) -> None:
            progress.set(chosen.base.name, step, steps, f"loss {loss:.3f}")

        record = make_base(chosen, texts, target, told)
    made = {"base": target, "digest": record["digest"], "metrics": record["metrics"]}
    if not show(made, output):
        before, after = record["metrics"]["eval_loss_before"], record["metrics"]["eval_loss"]
        say(f"{target}: held-out loss {before:.3f} -> {after:.3f}, {record['digest']}")


async def _texts(here: Place) -> list[str]:
    from twin.cli.wiring import documents

    async with documents(here) as store:
        return [document.text async for document in store.documents()]


@app.command()
def train(
    context: typer.Context,
    recipe: RecipeOption,
    dataset: Annotated[str, typer.Option(help="The dataset's folder, or its pin: uri#sha256:...")],
    stage: Annotated[StageChoice, typer.Option(help="On instructions, or on preferences.")] = StageChoice.SFT,
    adapter: Annotated[str, typer.Option(help="Go on from this adapter: a folder, or uri#sha256:...")] = "",
    out: OutOption = None,
    tracker: Annotated[str, typer.Option(help="Also report to tensorboard, wandb, mlflow, trackio ... if installed.")] = "",
    metrics: Annotated[
        Path | None, typer.Option(help="Folder for training.jsonl and training.prom.", show_default="the run's, below .twin/")
    ] = None,
    keep: kept.KeepOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Train an adapter. Interrupted, it leaves a checkpoint, and the same command goes on to the same result."""
    from twin.cli.progress import Progress
    from twin.cli.stopping import stopping
    from twin.cli.training import Line
    from twin.model.train import train as run

    here = place(context)
    plan = _plan(here, recipe, dataset, stage, adapter, out, tracker, metrics)
    with stopping() as asked, Progress("steps") as progress:
        trained = run(plan, asked, [Line(progress)])
        if trained is None:
            asked.resume()
            raise KeyboardInterrupt
    _print(here, trained, output, keep=keep)


def _plan(
    here: Place,
    recipe: Path,
    dataset: str,
    stage: StageChoice,
    adapter: str,
    out: Path | None,
    tracker: str,
    metrics: Path | None,
) -> Plan:
    from twin.model.plan import Plan
    from twin.model.recipes import read_recipe

    home = here.made()
    folder, digest = pinned(kept.folder(here, dataset, home / "datasets"))
    parent, parent_digest = pinned(kept.folder(here, adapter, home / "adapters"))
    return Plan(
        recipe=read_recipe(recipe),
        stage=stage.value,
        dataset=folder,
        dataset_digest=digest,
        parent=parent if adapter else None,
        parent_digest=parent_digest,
        bases=bases(here),
        runs=home / "runs",
        adapters=home / "adapters",
        beside=recipe.parent,
        out=out,
        tracker=tracker,
        metrics=metrics,
    )


def pinned(text: str) -> tuple[Path, str]:
    """`FOLDER` or `FOLDER#sha256:...` as a folder and the digest that it must have. Raises TrainingError."""
    from twin.errors import TrainingError
    from twin.records import Artifact

    if "#" not in text:
        return Path(text), ""
    try:
        found = Artifact.parse(text)
    except ValueError as exc:
        raise TrainingError(str(exc)) from exc
    return Path(found.uri), found.digest


def _print(here: Place, trained: Trained, output: Output, *, keep: bool) -> None:
    from twin.model.folder import UNSEALED

    record = trained.record
    if not record:  # another process of the same training keeps and prints
        return
    pin = kept.keep(here, trained.adapter, UNSEALED) if keep else ""
    values: dict[str, Any] = {"adapter": trained.adapter, "digest": record["digest"], "metrics": record["metrics"], "pin": pin}
    if show({**values, "resumed": trained.resumed, "kept": trained.kept}, output):
        return
    metrics = record["metrics"]
    how = "was there already" if trained.kept else f"{metrics['steps']} steps in {metrics['seconds']:.0f} s"
    say(f"held-out loss {metrics['eval_loss_before']:.3f} -> {metrics['eval_loss']:.3f}; {how}")
    print(pin or f"{trained.adapter}#{record['digest']}")


@app.command()
def merge(
    context: typer.Context,
    adapter: AdapterArgument,
    out: Annotated[Path, typer.Option("--out", help="Write the merged model to this folder.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Add an adapter to its base's weights, for a server that loads no adapters."""
    from twin.model.merge import merge as run

    here = place(context)
    folder, digest = pinned(kept.folder(here, adapter, here.home / "adapters"))
    record = run(folder, bases(here), here.folder, out, digest)
    if not show({"model": out, "digest": record["digest"]}, output):
        print(f"{out}#{record['digest']}")


@app.command()
def card(context: typer.Context, adapter: AdapterArgument) -> None:
    """Print an adapter's model card, made from its twin.json and the losses of its steps."""
    from twin.cli.output import safe
    from twin.model.adapter import history, read_adapter
    from twin.model.card import card as run

    here = place(context)
    folder, digest = pinned(kept.folder(here, adapter, here.home / "adapters"))
    record = read_adapter(folder, digest)
    print(safe(run(record, history(folder))), end="")


@app.command()
def verify(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="An adapter, a base or a merged model; #sha256:... pins it.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Compute the digests of a folder's files again and compare them with what its twin.json says."""
    from twin.errors import DigestError
    from twin.model.folder import verify as run

    path, digest = pinned(folder)
    record = run(path)
    if digest and record["digest"] != digest:
        raise DigestError(f"{path}: is {record['digest']}, but {digest} is asked for")
    if not show({"folder": path, "stage": record.get("stage"), "digest": record["digest"]}, output):
        print(f"{path}#{record['digest']}")
