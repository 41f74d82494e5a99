"""`twin platform`: a cluster that follows the repository, how it stands, and what it costs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twin.cli.output import Output, OutputOption, say, show, table
from twin.cli.place import place

if TYPE_CHECKING:
    from twin.drivers.objects import Objects

app = typer.Typer(help="The cluster that follows this repository.", no_args_is_help=True, rich_markup_mode=None)
ContextOption = Annotated[str, typer.Option("--context", help="Of the kubeconfig.", show_default="the current one")]


@app.callback()
def root() -> None:
    """The cluster that follows this repository."""


@app.command()
def bootstrap(
    context: typer.Context,
    cluster: ContextOption = "",
    manifest: Annotated[Path | None, typer.Option(help="Argo CD's install.yaml, for a machine that cannot fetch it.")] = None,
    wait: Annotated[int, typer.Option(min=1, metavar="SECONDS", help="How long Argo CD may take to start.")] = 600,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be applied; change nothing.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Install Argo CD, and have it install all else from this repository. Again, it brings what differs."""
    from twin.cli import platform_bootstrap as steps
    from twin.drivers import pinned
    from twin.drivers.objects import Objects

    root = steps.root(place(context).folder)
    target = Objects(cluster)
    steps.check_rights(target)
    if not dry_run and not yes and not cluster:
        _confirm(target)
    installed = steps.installation(pinned.text(steps.ARGOCD, manifest))
    done = list(steps.applied(target, installed, dry_run=dry_run))
    if not dry_run:
        steps.wait(target, installed, wait, say)
    done += steps.applied(target, root, dry_run=dry_run)
    shown = {
        "context": target.context,
        "server": target.server,
        "argocd": steps.ARGOCD.version,
        "dry_run": dry_run,
        "objects": done,
    }
    if show(shown, output):
        return
    table(
        ("", "kind", "name", "namespace"),
        [(one.done, one.kind, one.name, one.namespace) for one in done if one.done != "unchanged"],
    )
    unchanged = " (nothing was changed)" if dry_run else ""
    say(f"{steps.ARGOCD.name} {steps.ARGOCD.version} in {target.server}: {steps.summary(done)}{unchanged}")
    if not dry_run:
        for line in steps.where(target.context, str(root[-1]["spec"]["source"]["targetRevision"])):
            say(line)


def _confirm(target: Objects) -> None:
    """Ask whether this is the cluster that is meant, which only a person at a terminal can say."""
    named = f"{target.server} (context {target.context})" if target.context else target.server
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            f"say that {named} is meant: --context {target.context or 'NAME'}, or --yes", param_hint="--context"
        )
    typer.confirm(f"Install Argo CD and the platform in {named}?", abort=True, err=True)


@app.command()
def status(cluster: ContextOption = "", output: OutputOption = Output.TABLE) -> None:
    """Say, for each environment, which release it has, whether it is as git says and well, and how its last runs ended."""
    from twin.cli import platform_status as standing
    from twin.drivers.objects import Objects

    found = standing.environments(Objects(cluster), Objects)
    if show(found, output):
        return
    columns = ("environment", "release", "sync", "health", "index", "adapter", "last runs")
    table(
        columns,
        map(standing.row, found),
        empty="no environment yet: Argo CD has not read the repository; look again in a minute",
    )
    if apart := [row for one in found for row in standing.apart(one)]:
        print()
        table(("application", "sync", "health", "says"), apart)
    for one in found:
        if one.unseen:
            say(f"{one.environment}: {one.unseen}")


@app.command()
def cost(context: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """Estimate what each environment costs a month, from its values and argocd/prices.yaml: at rest, and scaled out."""
    from twin.cli import platform_cost as costs

    found = costs.estimate(place(context).folder)
    if show(found, output):
        return
    rows = [
        (one.environment, line.component, line.what, _money(line.low), _money(line.high))
        for one in found.environments
        for line in one.lines
    ]
    rows += [(one.environment, "all", "", _money(one.low), _money(one.high)) for one in found.environments]
    table(("environment", "component", "what", "at rest", "scaled out"), rows, right=("at rest", "scaled out"))
    say(f"{found.currency} a month by the prices of {found.region}, {found.date}; what is not in it: docs/guides/costs.md")


def _money(amount: float) -> str:
    return f"{amount:,.0f}"
