"""The comments of values.yaml -> README.md of each chart, by helm-docs; or whether they are what it would write."""

from __future__ import annotations

import subprocess
import sys

from tools.build import binary
from tools.charts.environments import CHARTS
from tools.charts.helm import HelmError

TEMPLATE = CHARTS / "shared" / "README.md.gotmpl"


def readme(chart: str) -> str:
    """What helm-docs makes of a chart. Raises HelmError."""
    command = [str(binary("helm-docs")), "--dry-run", "--chart-search-root", str(CHARTS / chart), "--log-level", "error"]
    command += ["--template-files", str(TEMPLATE), "--sort-values-order", "file"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout.strip():
        raise HelmError(f"{chart}: helm-docs wrote nothing: {done.stderr.strip()}")
    return done.stdout.strip() + "\n"


def stale() -> list[str]:
    """The charts whose README.md is not what their values say."""
    own = sorted(path.parent.name for path in CHARTS.glob("*/values.schema.in.json"))
    return [name for name in own if not _is(name)]


def _is(chart: str) -> bool:
    file = CHARTS / chart / "README.md"
    return file.is_file() and file.read_text(encoding="utf-8") == readme(chart)


def write(*, check: bool) -> int:
    """Write the stale ones, or say them."""
    found = stale()
    for name in found:
        if not check:
            (CHARTS / name / "README.md").write_text(readme(name), encoding="utf-8")
        said = f"charts/{name}/README.md"
        print(f"{said} is stale: run `make render` and commit it" if check else f"wrote {said}", file=sys.stderr)
    return 1 if check and found else 0
