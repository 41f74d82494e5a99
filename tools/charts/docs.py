"""The comments of values.yaml -> README.md of each chart, by helm-docs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tools.build import binary
from tools.charts.environments import CHARTS
from tools.charts.helm import HelmError

TEMPLATE = CHARTS / "shared" / "README.md.gotmpl"


def files() -> dict[Path, Callable[[], str]]:
    """Each README of a chart that uses what is shared, and what renders it."""
    return {
        own.with_name("README.md"): partial(readme, own.parent.name) for own in sorted(CHARTS.glob("*/values.schema.in.json"))
    }


def readme(chart: str) -> str:
    """What helm-docs makes of a chart. Raises HelmError."""
    command = [str(binary("helm-docs")), "--dry-run", "--chart-search-root", str(CHARTS / chart), "--log-level", "error"]
    command += ["--template-files", str(TEMPLATE), "--sort-values-order", "file"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout.strip():
        raise HelmError(f"{chart}: helm-docs wrote nothing: {done.stderr.strip()}")
    return done.stdout.strip() + "\n"
