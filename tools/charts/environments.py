"""The environments and components of this repository -> which value files Argo CD gives a chart, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tools.render import ROOT

CHARTS = ROOT / "charts"
ENVIRONMENTS = ("staging", "production")
OPTIONAL = {"mongodb"}  # in an environment that has a file of values for it
DIFFERENCES = ROOT / "argocd" / "envs"  # the environments' own values
FIXTURES = ROOT / "tests" / "charts"


@dataclass(frozen=True, slots=True)
class Component:
    """A chart in an environment. Its name is the Helm release's and the chart's folder."""

    name: str
    environment: str

    @property
    def chart(self) -> Path:
        return CHARTS / self.name

    @property
    def namespace(self) -> str:
        return f"twin-{self.environment}"


def charts() -> list[str]:
    """The names of all charts."""
    return sorted(path.parent.name for path in CHARTS.glob("*/Chart.yaml"))


def components() -> list[Component]:
    """Every chart in every environment that has it."""
    every = [Component(name, environment) for environment in ENVIRONMENTS for name in charts()]
    return [one for one in every if one.name not in OPTIONAL or (DIFFERENCES / one.environment / f"{one.name}.yaml").is_file()]


def overriding(folder: Path) -> list[str]:
    """The value files below `folder` that would say what a release says, and so undo a promotion or a rollback."""
    files = sorted(folder.rglob("*.yaml"))
    return [str(path.relative_to(folder)) for path in files if "release" in (yaml.safe_load(path.read_text("utf-8")) or {})]


def value_files(component: Component, release: Path | None, folder: Path | None = None) -> Sequence[Path]:
    """What stands over the chart's own values, later wins; the release last, so that nothing overrides it.

    `folder` holds the environments' differences; None: the repository's own.
    """
    folder, environment = folder or DIFFERENCES, component.environment
    files = [folder / f"{environment}.yaml", folder / environment / f"{component.name}.yaml"]
    return [one for one in (*files, *([release] if release else ())) if one.is_file()]
