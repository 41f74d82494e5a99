"""`twin workflows`: runs in a cluster, begun by hand, listed, and told of when they have ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twin.cli.output import Output, OutputOption, say, show, table
from twin.cli.place import place
from twin.errors import ClusterError

if TYPE_CHECKING:
    from twin.drivers.objects import Objects

app = typer.Typer(help="Runs of the loop in a cluster.", no_args_is_help=True, rich_markup_mode=None)

ContextOption = Annotated[str, typer.Option("--context", help="Of the kubeconfig.", show_default="the current one")]
NamespaceOption = Annotated[str, typer.Option("-n", "--namespace", help="The environment's.", show_default="the context's")]
EVERY = 2.0  # seconds between two looks at a run
EXIT, FAILED = {"Succeeded": 0, "Refused": 3}, 1


@app.callback()
def root() -> None:
    """Runs of the loop in a cluster: etl, training, snapshot, restore."""


@app.command()
def submit(
    name: Annotated[str, typer.Argument(metavar="WORKFLOW", help="etl, training, snapshot or restore.")],
    parameter: Annotated[
        list[str] | None, typer.Option("-p", "--parameter", metavar="KEY=VALUE", help="Of the workflow; several times.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Wait until it has ended; exit status 1 when it failed, 3 when a rule said no.")
    ] = False,
    context: ContextOption = "",
    namespace: NamespaceOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Begin a run of a workflow. One at a time runs: another waits for it."""
    from twin.drivers.objects import Objects
    from workflows.asked import ParameterError, parameters
    from workflows.runs import ENDED, LABEL, phase

    cluster = Objects(context)
    namespace = namespace or cluster.namespace
    template = _found(cluster, "WorkflowTemplate", name, namespace)
    try:
        given = parameters(template, parameter or ())
    except ParameterError as exc:
        raise typer.BadParameter(str(exc), param_hint="-p") from exc
    before = [one for one in _runs(cluster, namespace, f"{LABEL}={name}") if phase(one) not in ENDED]
    made = cluster.create(_run(name, namespace, given))
    run = str(made["metadata"]["name"])
    if before:
        say(f"{run} waits until {before[0]['metadata']['name']} has ended")
    stands = _watched(cluster, run, namespace) if watch else phase(made)
    if not show({"name": run, "namespace": namespace, "phase": stands}, output):
        print(run)
        say(stands if watch else f"`kubectl -n {namespace} get workflow {run}` says how it goes")
    raise typer.Exit(EXIT.get(stands, FAILED) if watch else 0)


def _found(cluster: Objects, kind: str, name: str, namespace: str) -> Mapping[str, Any]:
    """One object of Argo's. Raises ClusterError."""
    from workflows.runs import API

    found = cluster.get(API, kind, name, namespace)
    if found is None:
        raise ClusterError(
            f"cannot read {kind} {name} in namespace {namespace}: there is none, or Argo Workflows is not installed"
        )
    return found


def _runs(cluster: Objects, namespace: str, labels: str) -> list[Mapping[str, Any]]:
    """The runs in a namespace, the newest first. Raises ClusterError."""
    from workflows.runs import API, newest

    found = cluster.list(API, "Workflow", namespace, labels)
    if found is None:
        raise ClusterError(f"cannot list runs in namespace {namespace}: Argo Workflows is not installed")
    return newest(found)


def _run(name: str, namespace: str, given: list[dict[str, str]]) -> Mapping[str, Any]:
    from workflows.runs import API, LABEL

    return {
        "apiVersion": API,
        "kind": "Workflow",
        "metadata": {"generateName": f"{name}-", "namespace": namespace, "labels": {LABEL: name}},
        "spec": {"workflowTemplateRef": {"name": name}, "arguments": {"parameters": given}},
    }


def _watched(cluster: Objects, name: str, namespace: str) -> str:
    """How the run ended; its steps are said as they end."""
    from workflows.runs import ENDED, phase, steps_ended

    said: set[str] = set()
    while True:
        run = _found(cluster, "Workflow", name, namespace)
        lines = steps_ended(run)
        for key in lines.keys() - said:
            say(lines[key])
        said |= lines.keys()
        if (stands := phase(run)) in ENDED:
            return stands
        time.sleep(EVERY)


@app.command("list")
def list_runs(
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 20,
    context: ContextOption = "",
    namespace: NamespaceOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """List the newest runs and how they ended."""
    from twin.drivers.objects import Objects
    from workflows.runs import LABEL

    cluster = Objects(context)
    rows = [_row(one) for one in _runs(cluster, namespace or cluster.namespace, LABEL)[:limit]]
    if not show(rows, output):
        columns = ("run", "workflow", "phase", "progress", "started", "message")
        table(columns, [tuple(row.values()) for row in rows], empty="no run yet; `twin workflows submit etl` begins one")


def _row(run: Mapping[str, Any]) -> dict[str, str]:
    from workflows.runs import LABEL, phase

    status = run.get("status", {})
    return {
        "name": str(run["metadata"]["name"]),
        "workflow": str(run["metadata"].get("labels", {}).get(LABEL, "")),
        "phase": phase(run),
        "progress": str(status.get("progress", "")),
        "started": str(status.get("startedAt") or ""),
        "message": str(status.get("message", "")),
    }


@app.command()
def notify(
    context: typer.Context,
    workflow: Annotated[str, typer.Option(help="The run's name.")],
    status: Annotated[str, typer.Option(help="Succeeded, Failed or Error.")],
    failures: Annotated[str, typer.Option(help="What failed, as Argo's exit handlers get it.")] = "",
    seconds: Annotated[float, typer.Option(help="How long it ran.")] = 0.0,
    message: Annotated[str, typer.Option(help="What a step of the run has to say, instead of how it ended.")] = "",
) -> None:
    """Tell those whom `notify` names how a run ended; exit status 1 when one of them was not reached."""
    from twin.drivers.notify import notify as send
    from workflows.told import told

    addresses = place(context).settings.notify.split()
    said = told(workflow, status, failures, seconds, message)
    say(f"{said.title}\n{said.text}")
    if not addresses:
        say("nobody is told: `notify` is not set")
        return
    reached = asyncio.run(send(addresses, said.title, said.text, bad=said.bad))
    say(f"told {reached} {'address' if reached == 1 else 'addresses'}")
