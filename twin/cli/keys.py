"""`twin keys`: who may ask the gateway."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from twin.cli.output import Output, OutputOption, say, show, table
from twin.cli.place import place
from twin.cli.wiring import keys
from twin.drivers.keys import SCOPES, Key

app = typer.Typer(help="Keys of the gateway.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def root() -> None:
    """Keys of the gateway: made once, kept as hashes, revoked at once."""


def _shown(key: Key) -> dict[str, Any]:
    limit, expires = key.per_minute or "", key.expires
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "per_minute": limit,
        "created": key.created,
        "expires": expires,
    }


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="Who or what the key is for.")],
    scope: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(SCOPES)}; may be given several times.", show_default="ask")
    ] = None,
    per_minute: Annotated[int, typer.Option(min=0, help="Requests a minute; 0 is no limit.")] = 0,
    expires: Annotated[datetime | None, typer.Option(help="When the key ends, in UTC.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a key and print it: the only time it is shown."""
    scopes, end = scope or ["ask"], expires.replace(tzinfo=UTC) if expires else None
    _check(name, scopes, end)
    here = place(context)
    here.made()
    key, token = keys(here).create(name.strip(), scopes, per_minute=per_minute, expires=end.isoformat() if end else "")
    if not show({**_shown(key), "key": token}, output):
        say(f"key {key.id} for {key.name} ({', '.join(key.scopes)}); it is not shown again:")
        print(token)


def _check(name: str, scopes: list[str], end: datetime | None) -> None:
    """Raise a usage error for a key that nobody could tell from others, or that could never be used."""
    if not name.strip():
        raise typer.BadParameter("it is empty; say who or what the key is for", param_hint="--name")
    if unknown := [one for one in scopes if one not in SCOPES]:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(SCOPES)}", param_hint="--scope")
    if end and end <= datetime.now(UTC):
        raise typer.BadParameter(f"{end:%Y-%m-%d %H:%M} UTC has passed", param_hint="--expires")


@app.command("list")
def list_keys(context: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """List the keys, without their secrets."""
    rows = [_shown(key) for key in keys(place(context)).list()]
    if not show(rows, output):
        columns = ("id", "name", "scopes", "per_minute", "created", "expires")
        cells = [(r["id"], r["name"], ", ".join(map(str, r["scopes"])), *(r[c] for c in columns[3:])) for r in rows]
        table(columns, cells, right=("per_minute",), empty="no key; `twin keys create --name NAME` makes one")


@app.command()
def revoke(
    context: typer.Context, identity: Annotated[str, typer.Argument(metavar="ID")], output: OutputOption = Output.TABLE
) -> None:
    """Take a key away; running gateways refuse it within a second."""
    key = keys(place(context)).revoke(identity)
    if not show({"revoked": key.id, "name": key.name}, output):
        say(f"revoked key {key.id} ({key.name})")
