"""What this twin is set to, and where each value comes from; secrets stay masked."""

from __future__ import annotations

import typer

from twin.cli.output import Output, OutputOption, show, table
from twin.cli.place import place
from twin.settings import Settings

app = typer.Typer(help="Settings of this twin.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def root() -> None:
    """Settings of this twin: twin.toml, then TWIN_* in the environment, which wins."""


@app.command("show")
def show_config(context: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """Print every setting; a mark shows those that are not the default."""
    here = place(context)
    values = {"folder": str(here.folder), **here.settings.shown()}
    if show(values, output):
        return
    defaults = Settings().shown()
    rows = [("*" if key in defaults and value != defaults[key] else "", key, value) for key, value in values.items()]
    table(("", "setting", "value"), rows)
