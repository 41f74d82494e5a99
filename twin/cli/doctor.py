"""`twin doctor`: every configured thing -> whether it works, and what to do when it does not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from twin.cli.output import Output, OutputOption, show, table
from twin.cli.place import Place, place
from twin.errors import TwinError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@dataclass(frozen=True)
class Finding:
    """What one check found; `said` holds the remedy when it is not `ok`."""

    check: str
    ok: bool
    said: str


def doctor(context: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """Check everything that is configured and say what to do. Exit status 1 when something is wrong."""
    here = place(context)
    findings = asyncio.run(examined(here))
    if not show(findings, output):
        table(("", "check", "finding"), [("ok" if f.ok else "FAIL", f.check, f.said) for f in findings])
    raise typer.Exit(0 if all(f.ok for f in findings) else 1)


async def examined(here: Place) -> list[Finding]:
    """All checks, in the order of the data; a failed one does not stop the next."""
    from twin.cli import doctor_kept as kept
    from twin.cli import doctor_servers as servers

    checks: dict[str, Callable[[Place], Awaitable[str]]] = {
        "sources": kept.sources,
        "documents": kept.documents,
        "embedder": kept.embedder,
        "index": kept.index,
        "teacher": servers.teacher,
        "artifacts": kept.artifacts,
        "release": kept.release,
        "thresholds": kept.thresholds,
        "judge": servers.judge,
        "forge": servers.forge,
        "model server": servers.model,
        "rerank": servers.rerank,
        "keys": kept.keys,
        "opik": servers.opik,
    }
    return [await _one(name, check, here) for name, check in checks.items()]


async def _one(name: str, check: Callable[[Place], Awaitable[str]], here: Place) -> Finding:
    try:
        return Finding(name, ok=True, said=await check(here))
    except TwinError as exc:
        return Finding(name, ok=False, said=str(exc))
