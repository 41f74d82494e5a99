"""Value files and a file of prices -> what each environment costs a month: at rest, and scaled out. Asks no cloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.cli.platform_prices import Prices, prices, read
from twin.cli.platform_schedule import HOURS
from twin.cli.platform_values import Gauge, Runs, Scale, gauges, runs
from twin.errors import PlatformError

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that costs, in money a month."""

    component: str
    what: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Cost:
    """An environment. `low` is at rest: the fewest pods, off outside a schedule; `high` is with all pods all the time."""

    environment: str
    low: float
    high: float
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Estimate:
    """All environments, and what they were reckoned with."""

    currency: str
    region: str
    date: str
    environments: Sequence[Cost]


def estimate(folder: Path) -> Estimate:
    """The environments of argocd/values.yaml below `folder`. Raises PlatformError."""
    priced = prices(folder / "argocd" / "prices.yaml")
    platform = read(folder / "argocd" / "values.yaml")
    found = platform.get("environments")
    if not isinstance(found, Mapping) or not found:
        raise PlatformError(f"{folder / 'argocd' / 'values.yaml'}: no `environments`: name one at least")
    sharing = [one.get("cluster", "in-cluster") for one in found.values()]
    costs = []
    for name, one in found.items():
        share = 1 / sharing.count(one.get("cluster", "in-cluster"))
        lines = [line for gauge in gauges(folder, name, one["components"]) for line in _component(gauge, priced)]
        lines += [_run(run, priced) for run in runs(folder, name)]
        lines += _shared(share, priced)
        costs.append(Cost(name, sum(line.low for line in lines), sum(line.high for line in lines), lines))
    return Estimate(priced.currency, priced.region, priced.date, costs)


def _component(gauge: Gauge, priced: Prices) -> Iterator[Line]:
    scale = gauge.scale
    if gauge.gpus:
        hourly = gauge.gpus * (priced.hour.gpuSpot if gauge.spot else priced.hour.gpu)
        kind = "spot GPU" if gauge.spot else "GPU"
        yield Line(gauge.name, f"{_pods(scale)}, {gauge.gpus} {kind} each", scale.low * hourly, scale.high * HOURS * hourly)
    elif scale.high:
        hourly = gauge.cores * priced.hour.cpu + gauge.memory * priced.hour.memory
        size = f"{gauge.cores:g} cores and {gauge.memory:g} GiB each"
        yield Line(gauge.name, f"{_pods(scale)}, {size}", scale.low * hourly, scale.high * HOURS * hourly)
    if gauge.volumes:
        month = gauge.volumes * priced.month.volume
        yield Line(gauge.name, f"volumes, {gauge.volumes:g} GiB", month, month)


def _pods(scale: Scale) -> str:
    least, most = scale.least, scale.high
    count = f"{most}" if least == most else f"{least}-{most}"
    off = f", {scale.low:.0f} h" if scale.scheduled else ""
    return f"{count} pod{'s' * (most != 1)}{off}"


def _run(run: Runs, priced: Prices) -> Line:
    if run.workflow not in priced.assumed.runs:
        raise PlatformError(f"argocd/prices.yaml: `assumed.runs` has no {run.workflow}: say how many hours a run takes")
    hours = priced.assumed.runs[run.workflow]
    gpu = priced.hour.gpuSpot if run.spot else priced.hour.gpu
    hourly = run.gpus * gpu if run.gpus else run.cores * priced.hour.cpu + run.memory * priced.hour.memory
    on = f" on {run.gpus} {'spot GPU' if run.spot else 'GPU'}" if run.gpus else ""
    month = run.times * hours * hourly
    return Line("pipelines", f"{run.workflow}, {run.times:.0f} runs of {hours:g} h{on}", month, month)


def _shared(share: float, priced: Prices) -> Iterator[Line]:
    hour, month, cluster, own = priced.hour, priced.month, priced.assumed.cluster, priced.assumed.environment
    nodes = HOURS * (cluster.cores * hour.cpu + cluster.memory * hour.memory)
    of = "" if share == 1 else f", its share ({share:.0%})"
    parts = {
        f"control plane{of}": share * HOURS * hour.controlPlane,
        f"NAT gateway{of}": share * HOURS * hour.nat * cluster.nats,
        f"add-ons, {cluster.cores:g} cores and {cluster.memory:g} GiB{of}": share * nodes,
        f"secrets{of}": share * cluster.secrets * month.secret,
        "load balancer": HOURS * hour.loadBalancer * own.loadBalancers,
        f"bucket, {own.bucket:g} GiB": own.bucket * month.bucket,
    }
    yield from (Line("cluster", what, cost, cost) for what, cost in parts.items())
