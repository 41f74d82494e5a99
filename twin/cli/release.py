"""`twin release`: a candidate and the running release -> report -> verdict."""

from __future__ import annotations

import typer

app = typer.Typer(help="Adapter -> release.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def root() -> None:
    """Adapter -> release: evaluate a candidate, pass it through the gate."""
