"""Charts and the tests' own environments -> tests/charts/golden: what a change of a template changes, as a reviewer reads it.

The environments of the tests, not Argo CD's: what is decided there must not have to be rendered here again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tools.charts import helm
from tools.charts.environments import CHARTS, ENVIRONMENTS, FIXTURES, Component, value_files

ENVS, GOLDEN = FIXTURES / "envs", FIXTURES / "golden"
HEAD = "# Rendered from charts/{name} by `make render`; never edited by hand.\n"


def files() -> dict[Path, Callable[[], str]]:
    """Each golden file, and what renders it."""
    found = [Component(path.stem, name) for name in ENVIRONMENTS for path in sorted((ENVS / name).glob("*.yaml"))]
    there = [one for one in found if (CHARTS / one.name / "Chart.yaml").is_file()]
    return {GOLDEN / one.environment / f"{one.name}.yaml": partial(render, one) for one in there}


def render(component: Component) -> str:
    """A component in an environment of the tests. Raises HelmError."""
    values = value_files(component, FIXTURES / "release.yaml", ENVS)
    made = helm.template(component.chart, component.name, namespace=component.namespace, values=values)
    return HEAD.format(name=component.name) + "".join(f"{line.rstrip()}\n" for line in made.splitlines())
