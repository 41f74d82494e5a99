"""A chart's values in an environment -> how many pods of which size it has, and when. Knows no price.

It reads the values that say so in this repository's charts: replicas, autoscaling, requests, GPUs and volumes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.cli.platform_prices import read
from twin.cli.platform_schedule import HOURS, hours_of_a_month, times_of_a_month
from twin.errors import PlatformError

UNITS = {
    "Ki": 2**-20,
    "Mi": 2**-10,
    "Gi": 1,
    "Ti": 2**10,
    "k": 1e3 / 2**30,
    "M": 1e6 / 2**30,
    "G": 1e9 / 2**30,
    "T": 1e12 / 2**30,
}

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scale:
    """Pods: `least` at any time, `high` at most; `low` are the hours of all pods together in a month at rest."""

    least: int
    high: int
    low: float
    scheduled: bool = False


@dataclass(frozen=True, slots=True)
class Gauge:
    """A component: its pods, what each asks for, and the GiB of all its volumes."""

    name: str
    scale: Scale
    cores: float
    memory: float
    gpus: int
    spot: bool
    volumes: float


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of a workflow by the clock: how many a month, and what the largest of its steps asks for."""

    workflow: str
    times: float
    cores: float
    memory: float
    gpus: int
    spot: bool


def gauges(folder: Path, environment: str, components: Sequence[str]) -> Iterator[Gauge]:
    """The components of an environment that have pods or volumes. Raises PlatformError."""
    for name in components:
        values = _values(folder, environment, name)
        if values.keys() & {"replicaCount", "storage"}:  # others are settings, or a job that is soon over
            with _reckoning(name, environment):
                yield gauge(name, values)


def runs(folder: Path, environment: str) -> Iterator[Runs]:
    """The workflows of an environment that a clock starts. Raises PlatformError."""
    values = _values(folder, environment, "pipelines")
    for workflow, one in values.get("schedules", {}).items():
        with _reckoning("pipelines", environment):
            if not isinstance(one, Mapping) or not one.get("enabled"):
                continue
            need = values["needs"]["train" if workflow == "training" else "work"]
            requests = need["resources"]["requests"]
            yield Runs(
                workflow=workflow,
                times=times_of_a_month(one["schedule"]),
                cores=cores(requests.get("cpu", 0)),
                memory=gibibytes(requests.get("memory", 0)),
                gpus=int(requests.get("nvidia.com/gpu", 0)),
                spot=_spot(need),
            )


def _values(folder: Path, environment: str, component: str) -> Values:
    values = read(folder / "charts" / component / "values.yaml")
    own = folder / "argocd" / "envs" / environment / f"{component}.yaml"
    return merged(values, read(own)) if own.is_file() else values


@contextmanager
def _reckoning(component: str, environment: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as exc:
        raise PlatformError(f"{component} in {environment}: its values cannot be reckoned with ({exc!r})") from exc


def _spot(placed: Values) -> bool:
    """By the node pool's name, which says it: manifests/clusters."""
    return "spot" in str(placed.get("nodeSelector", {}).get("karpenter.sh/nodepool", ""))


def merged(values: Values, over: Values) -> dict[str, Any]:
    """Values with others over them, as Helm does it: maps are joined, all else is replaced, null removes."""
    found = dict(values)
    for key, value in over.items():
        below = found.get(key)
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return found


def gauge(name: str, values: Values) -> Gauge:
    """What a component's values ask for."""
    scaled = scale(values)
    requests = values["resources"].get("requests", {})
    gpus = values.get("tensorParallel", 0) if values.get("device") == "gpu" else 0
    return Gauge(
        name=name,
        scale=scaled,
        cores=cores(requests.get("cpu", 0)),
        memory=gibibytes(requests.get("memory", 0)),
        gpus=gpus,
        spot=_spot(values),
        volumes=sum(_volumes(values, scaled.high)),
    )


def scale(values: Values) -> Scale:
    """Of a fixed number of pods, or as an autoscaler has it."""
    scaling = values.get("autoscaling", {})
    if not (scaling.get("enabled") or scaling.get("by")):
        count = int(values.get("replicaCount", 1))
        return Scale(count, count, count * HOURS)
    least, most = int(scaling["minReplicas"]), int(scaling["maxReplicas"])
    schedule = scaling.get("schedule") or {}
    if not schedule:
        return Scale(least, most, least * HOURS)
    on = hours_of_a_month(schedule["start"], schedule["end"])
    return Scale(least, most, least * (HOURS - on) + max(least, int(schedule["replicas"])) * on, scheduled=True)


def _volumes(values: Values, pods: int) -> Iterator[float]:
    if "storage" in values:  # of each peer, its snapshots on another
        yield pods * gibibytes(values["storage"]["size"])
        yield pods * gibibytes(values.get("snapshots", {}).get("size", 0))
    cache = values.get("cache", {})
    if cache.get("kind") == "pvc" and not cache.get("existingClaim"):
        yield gibibytes(cache["size"])


def gibibytes(quantity: str | float) -> float:
    """A Kubernetes quantity of memory or storage in GiB: `512Mi` is 0.5."""
    text = str(quantity)
    for unit in sorted(UNITS, key=len, reverse=True):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * UNITS[unit]
    return float(text) / 2**30


def cores(quantity: str | float) -> float:
    """A Kubernetes quantity of cores: `500m` is 0.5."""
    text = str(quantity)
    return float(text.removesuffix("m")) / 1000 if text.endswith("m") else float(text)
