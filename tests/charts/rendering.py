"""A chart with some values -> its objects, by kind and name. For tests of one chart, with an imagined cluster that has all add-ons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from tools.charts import helm
from tools.charts.environments import CHARTS, FIXTURES

RELEASE = FIXTURES / "release.yaml"
ADDONS = ("keda.sh", "monitoring.coreos.com", "gateway.networking.k8s.io")


class Render:
    """What one chart makes of `sets` (dotted values), with the sample release, another or none, without the APIs in `without`."""

    def __init__(
        self,
        chart: str,
        sets: Mapping[str, Any] | None = None,
        *,
        release: bool | Mapping[str, Any] = True,
        without: tuple[str, ...] = (),
    ) -> None:
        other = {} if isinstance(release, bool) else {"release": release}
        self.text = helm.template(
            CHARTS / chart,
            chart,
            namespace="twin-staging",
            values=[RELEASE] if release is True else [],
            sets={**other, **(sets or {})},
            has=helm.apis(without),
        )
        self.objects = {(one["kind"], one["metadata"]["name"]): one for one in helm.objects(self.text)}

    def kinds(self) -> set[str]:
        return {kind for kind, _ in self.objects}

    def __call__(self, kind: str, name: str = "") -> dict[str, Any]:
        """The one object of this kind (and name)."""
        found = [one for (a, b), one in self.objects.items() if a == kind and name in {"", b}]
        assert len(found) == 1, f"{len(found)} objects are {kind} {name}: {sorted(self.objects)}"
        return found[0]

    def pod(self, kind: str) -> dict[str, Any]:
        return self(kind)["spec"]["template"]["spec"]

    def container(self, kind: str, name: str = "") -> dict[str, Any]:
        pod = self.pod(kind)
        found = [one for one in (*pod.get("initContainers", ()), *pod["containers"]) if name in {"", one["name"]}]
        assert found, name
        return found[0]


def released(*without: str) -> dict[str, Any]:
    """The sample release, less some of its parts."""
    found = yaml.safe_load(RELEASE.read_text())["release"]
    return {name: part for name, part in found.items() if name not in without}


def env(container: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that a container names itself."""
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container.get("env", ())}
