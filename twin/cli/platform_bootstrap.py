"""A cluster and argocd/root.yaml -> Argo CD and the application of applications in it. Knows no component.

Argo CD alone is installed from here; Argo Workflows and all else is then Argo CD's to install, at the versions that git pins:
nothing has two owners (docs/decisions/0007-bootstrap-by-digest.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.drivers.pinned import Pinned
from twin.errors import ClusterError, PlatformError

if TYPE_CHECKING:
    from twin.drivers.objects import Done, Objects

ARGOCD = Pinned(
    "Argo CD",
    "v3.2.0",
    "https://raw.githubusercontent.com/argoproj/argo-cd/v3.2.0/manifests/install.yaml",
    "51299a0ff760849a4b92bb6c0044875bc17f0725c0a475203cd555457b2e38a4",
)
NAMESPACE = "argocd"
ROOT = Path("argocd") / "root.yaml"
PLACEHOLDER = "your-team"
# Read only when a process starts, so it has to be there before the first does; argocd/ says the same and keeps it.
PARAMETERS = "argocd-cmd-params-cm"
AT_START = {"applicationsetcontroller.enable.progressive.syncs": "true", "controller.sync.timeout.seconds": "3600"}
NAMESPACED = {
    "ConfigMap",
    "Deployment",
    "NetworkPolicy",
    "Role",
    "RoleBinding",
    "Secret",
    "Service",
    "ServiceAccount",
    "StatefulSet",
}
STARTING = {"Deployment": "readyReplicas", "StatefulSet": "readyReplicas"}
EVERY = 2.0  # seconds between two looks at what starts

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Applied:
    """What became, or would become, of one object."""

    kind: str
    name: str
    namespace: str
    done: Done


def installation(text: str) -> list[Object]:
    """Argo CD's manifest as objects of its namespace, that one first."""
    import yaml

    found = filter(None, yaml.load_all(text, Loader=yaml.CSafeLoader))
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}
    return [namespace, *map(_placed, found)]


def _placed(one: Object) -> Object:
    if one["kind"] not in NAMESPACED:
        return one
    data = {"data": AT_START} if one["metadata"]["name"] == PARAMETERS else {}
    return {**one, **data, "metadata": {**one["metadata"], "namespace": NAMESPACE}}


def root(folder: Path) -> list[Object]:
    """The project and the application of applications of this repository. Raises PlatformError."""
    import yaml

    file = folder / ROOT
    try:
        found = [one for one in yaml.safe_load_all(file.read_text(encoding="utf-8")) if one]
    except OSError as exc:
        raise PlatformError(
            f"{file}: cannot be read ({exc.strerror}); run this in a clone of the platform, or give -C"
        ) from exc
    except yaml.YAMLError as exc:
        raise PlatformError(f"{file}: is no YAML: {' '.join(str(exc).split())}") from exc
    for repository in {one for document in found for one in _repositories(document)}:
        if PLACEHOLDER in repository:
            raise PlatformError(
                f"{file}: the repository is still {repository}; put yours there and in argocd/values.yaml, and push"
            )
    return found


def _repositories(document: Object) -> Iterator[str]:
    spec = document.get("spec", {})
    yield from spec.get("sourceRepos", ())
    if "source" in spec:
        yield str(spec["source"]["repoURL"])


def check_rights(cluster: Objects) -> None:
    """Raise ClusterError where a later apply would be refused half way."""
    if not cluster.may_do_all():
        raise ClusterError(
            f"{cluster.server}: you may not do everything there, which cluster roles need; ask for cluster-admin"
        )


def applied(cluster: Objects, objects: Sequence[Object], *, dry_run: bool) -> Iterator[Applied]:
    """Apply each in order, and tell of each."""
    for one in objects:
        metadata = one["metadata"]
        done = cluster.apply(one, dry_run=dry_run)
        yield Applied(one["kind"], metadata["name"], metadata.get("namespace", ""), done)


def wait(cluster: Objects, objects: Sequence[Object], seconds: float, say: Callable[[str], None]) -> None:
    """Return when all pods that `objects` make are ready, so that no first sync has to try twice. Raises PlatformError."""
    end = time.monotonic() + seconds
    waiting = [one for one in objects if one["kind"] in STARTING]
    if waiting:
        say(f"waiting for {len(waiting)} parts of Argo CD to start (at most {seconds:.0f} s)")
    while waiting := [one for one in waiting if not _ready(cluster, one)]:
        if time.monotonic() > end:
            names = ", ".join(one["metadata"]["name"] for one in waiting)
            raise PlatformError(
                f"not ready after {seconds:.0f} s: {names}; `kubectl -n {NAMESPACE} get pods,events` says why; then again"
            )
        time.sleep(EVERY)


def _ready(cluster: Objects, one: Object) -> bool:
    metadata = one["metadata"]
    found = cluster.get(one["apiVersion"], one["kind"], metadata["name"], metadata.get("namespace", "")) or {}
    status = found.get("status", {})
    current = status.get("observedGeneration", 0) >= found.get("metadata", {}).get("generation", 0)
    return bool(found) and current and status.get(STARTING[one["kind"]], 0) >= found.get("spec", {}).get("replicas", 1)


def where(context: str, branch: str) -> Sequence[str]:
    """What to do next, as commands that work as printed."""
    given = f"--context {context}" if context else ""
    kubectl = " ".join(filter(None, ("kubectl", given, "-n", NAMESPACE)))
    asked = "get secret argocd-initial-admin-secret -o jsonpath={.data.password} | base64 -d"
    return (
        f"Argo CD now follows branch {branch}; `{' '.join(filter(None, ('twin platform status', given)))}` says how it goes.",
        f"Its page, at https://localhost:8080: {kubectl} port-forward service/argocd-server 8080:443",
        f"The password of admin: {kubectl} {asked}",
        "A private repository needs a deploy key in Argo CD: docs/guides/first-deployment.md",
    )


def summary(done: Sequence[Applied]) -> str:
    """`3 created, 1 changed, 54 unchanged`."""
    counts = {word: sum(one.done == word for one in done) for word in ("created", "changed", "unchanged")}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)
