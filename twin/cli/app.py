"""The command tree: which noun has which verbs. Help texts are the docstrings of the commands."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from twin.cli import (
    ask,
    config,
    dataset,
    dataset_push,
    dataset_review,
    doctor,
    documents,
    documents_snapshot,
    index,
    index_snapshot,
    init,
    keys,
    model,
    model_follow,
    model_server,
    platform,
    promote,
    release,
    serve,
    traces,
    workflows,
)
from twin.cli.group import Group
from twin.cli.output import write_also

app = typer.Typer(
    cls=Group,
    help="An assistant that answers from its author's own writing and code, with citations.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"twin {version('llm-twin')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Option("-C", "--folder", help="The twin's folder: where sources.yaml and .twin/ are.", show_default="here")
    ] = Path(),
    write: Annotated[
        list[str] | None,
        typer.Option("--write", metavar="FIELD=FILE", help="Also write this field of the result to FILE; . is all of it."),
    ] = None,
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """An assistant that answers from its author's own writing and code, with citations.

    Start with `twin init`, then `twin up`.
    """
    context.obj = folder
    write_also(write or ())


app.command("init")(init.init)
app.command("up")(serve.up)
documents.app.command("snapshot")(documents_snapshot.snapshot)
documents.app.command("restore")(documents_snapshot.restore)
app.add_typer(documents.app, name="documents", cls=Group)
index.app.command("snapshot")(index_snapshot.snapshot)
index.app.command("restore")(index_snapshot.restore)
app.add_typer(index.app, name="index", cls=Group)
for command in (promote.promote, promote.rollback, promote.diff, promote.check):
    release.app.command()(command)
app.add_typer(release.app, name="release", cls=Group)
dataset.app.command("review")(dataset_review.review)
dataset.app.command("push")(dataset_push.push)
app.add_typer(dataset.app, name="dataset", cls=Group)
model.app.command("serve")(model_server.serve)
model.app.command("load")(model_server.load)
model.app.command("follow")(model_follow.follow)
app.add_typer(model.app, name="model", cls=Group)
app.command("ask")(ask.ask)
app.command("serve")(serve.serve)
app.add_typer(traces.app, name="traces", cls=Group)
app.add_typer(workflows.app, name="workflows", cls=Group)
app.add_typer(platform.app, name="platform", cls=Group)
app.add_typer(keys.app, name="keys", cls=Group)
app.add_typer(config.app, name="config", cls=Group)
app.command("doctor")(doctor.doctor)
