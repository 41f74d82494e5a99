"""Argo CD's applications, a gateway's release and workflow runs -> how each environment stands. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twin.errors import ClusterError, PlatformError

if TYPE_CHECKING:
    from twin.drivers.objects import Objects

ARGO, NAMESPACE = "argoproj.io/v1alpha1", "argocd"
ENVIRONMENT, COMPONENT = "twin/environment", "twin/component"
HERE = {"", "in-cluster"}  # how Argo CD calls the cluster that it runs in
HERE_URL = "https://kubernetes.default.svc"
SYNCS = ("Synced", "OutOfSync", "Unknown")  # the worse later
HEALTHS = ("Healthy", "Suspended", "Progressing", "Missing", "Unknown", "Degraded")
RUNS = 3  # the newest
SHORT = 12  # characters of a digest

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Component:
    """One application."""

    application: str
    component: str
    sync: str
    health: str
    revision: str
    says: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a workflow."""

    name: str
    workflow: str
    phase: str
    started: str


@dataclass(frozen=True, slots=True)
class Environment:
    """What Argo CD says of an environment, and what its namespace holds; `unseen` says why the latter was not looked at."""

    environment: str
    cluster: str
    namespace: str
    sync: str
    health: str
    release: str
    index: str
    adapter: str
    components: Sequence[Component]
    runs: Sequence[Run]
    unseen: str = ""


def environments(cluster: Objects, other: Callable[[str], Objects]) -> list[Environment]:
    """All that Argo CD of `cluster` has; `other` connects to the cluster of a context. Raises ClusterError, PlatformError."""
    found = cluster.list(ARGO, "Application", NAMESPACE, ENVIRONMENT)
    if found is None:
        raise PlatformError(f"{cluster.server} has no Argo CD; `twin platform bootstrap` installs it")
    names = sorted({one["metadata"]["labels"][ENVIRONMENT] for one in found}, reverse=True)  # staging before production
    return [
        _environment(name, [one for one in found if one["metadata"]["labels"][ENVIRONMENT] == name], cluster, other)
        for name in names
    ]


def _environment(name: str, applications: Sequence[Object], cluster: Objects, other: Callable[[str], Objects]) -> Environment:
    destination = applications[0]["spec"]["destination"]
    namespace = str(destination.get("namespace", ""))
    at = "" if destination.get("server") == HERE_URL else str(destination.get("name") or destination.get("server", ""))
    components = sorted(map(_component, applications), key=lambda one: one.application)
    file: Object = {}
    runs: Sequence[Run] = ()
    unseen = ""
    try:
        its = cluster if at in HERE else other(at)
        file, runs = _release(its, namespace), _runs(its, namespace)
    except ClusterError as exc:
        unseen = str(exc) if at in HERE else f"it runs in cluster {at}, and by a kubeconfig's context of that name: {exc}"
    return Environment(
        environment=name,
        cluster=at,
        namespace=namespace,
        sync=_worst([one.sync for one in components], SYNCS),
        health=_worst([one.health for one in components], HEALTHS),
        release=str(file.get("id", "")),
        index=str((file.get("index") or {}).get("name", "")),
        adapter=str((file.get("model") or {}).get("adapter", "")),
        components=components,
        runs=runs,
        unseen=unseen,
    )


def _component(one: Object) -> Component:
    status, metadata = one.get("status", {}), one["metadata"]
    sync, health = status.get("sync", {}), status.get("health", {})
    said = [str(condition.get("message", "")) for condition in status.get("conditions", ())]
    operation = status.get("operationState", {})
    if operation.get("phase") in {"Failed", "Error"}:
        said.append(str(operation.get("message", "")))
    return Component(
        application=metadata["name"],
        component=metadata["labels"].get(COMPONENT, metadata["name"]),
        sync=sync.get("status", "Unknown"),
        health=health.get("status", "Unknown"),
        revision=sync.get("revision", ""),
        says="; ".join(filter(None, [health.get("message", ""), *said])),
    )


def _worst(found: Sequence[str], order: Sequence[str]) -> str:
    return max(found, key=lambda one: order.index(one) if one in order else len(order))


def _release(cluster: Objects, namespace: str) -> Object:
    """What the gateway of a namespace is to run: its copy of release.yaml; empty before the first release."""
    import yaml

    found = cluster.get("v1", "ConfigMap", "rag-gateway-files", namespace) or {}
    text = (found.get("data") or {}).get("release.yaml", "")
    try:
        file = (yaml.safe_load(text) or {}).get("release") or {}
    except (yaml.YAMLError, AttributeError) as exc:
        raise ClusterError(
            f"the gateway's release.yaml in namespace {namespace} cannot be read: {' '.join(str(exc).split())}"
        ) from exc
    return dict(file)


def _runs(cluster: Objects, namespace: str) -> list[Run]:
    from workflows.runs import LABEL, newest, phase

    found = newest(cluster.list(ARGO, "Workflow", namespace, LABEL) or [])[:RUNS]
    return [
        Run(
            name=one["metadata"]["name"],
            workflow=one["metadata"]["labels"][LABEL],
            phase=phase(one),
            started=one.get("status", {}).get("startedAt") or "",
        )
        for one in found
    ]


def row(one: Environment) -> tuple[str, ...]:
    """An environment in a table."""
    runs = ", ".join(f"{run.workflow} {run.phase}" for run in one.runs)
    if one.unseen:
        return (one.environment, "?", one.sync, one.health, "?", "?", "?")
    adapter = one.adapter.rpartition("sha256:")[2][:SHORT]
    return (
        one.environment,
        one.release or "none yet",
        one.sync,
        one.health,
        one.index or "none",
        adapter or "none",
        runs or "none",
    )


def apart(one: Environment) -> list[tuple[str, ...]]:
    """Its applications that are not as git says, or not well."""
    return [
        (each.application, each.sync, each.health, each.says)
        for each in one.components
        if (each.sync, each.health) != (SYNCS[0], HEALTHS[0])
    ]
