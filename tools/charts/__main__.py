"""`python -m tools.charts check|render|write|fetch`: see `--help`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from tools.build import BuildError
from tools.charts import docs, golden, helm
from tools.charts.conform import wrong
from tools.charts.environments import (
    CHARTS,
    DIFFERENCES,
    ENVIRONMENTS,
    FIXTURES,
    Component,
    components,
    overriding,
    value_files,
)
from tools.charts.platform import PLATFORM, applications, plain, platform
from tools.charts.schemas import schemas
from tools.render import ROOT

RELEASE = FIXTURES / "release.yaml"


def render(component: Component, kubernetes: str, release: Path | None = RELEASE) -> str:
    """A component as Argo CD renders it. Raises HelmError."""
    values = value_files(component, release)
    name, namespace = component.name, component.namespace
    return helm.template(component.chart, name, namespace=namespace, values=values, kubernetes=kubernetes)


def check(paths: list[str]) -> int:
    """Say what is wrong with every chart in both environments and with plain YAML, or with what is named alone."""
    failed = len(overrides := overriding(DIFFERENCES))
    for name in overrides:
        print(f"{name}: overrides the release: take its `release` out")
    for title, rendered in _all(paths):
        found = [rendered.removeprefix("!")] if rendered.startswith("!") else wrong(rendered, helm.KUBERNETES)
        failed += bool(found)
        print(f"{title}: {'refused' if found else 'ok'}", *found, sep="\n  ")
    return 1 if failed else 0


def _all(paths: list[str]) -> list[tuple[str, str]]:
    wanted = {Path(path).resolve() for path in paths}
    found = [(f"{one.name} in {one.environment}", _rendered(one)) for one in components() if not wanted or one.chart in wanted]
    folders = [one for one in sorted(wanted or {ROOT / "manifests", PLATFORM}) if one.is_dir() and one.parent != CHARTS]
    return found + [(str(folder), _platform() if folder == PLATFORM else plain(folder)) for folder in folders]


def _platform() -> str:
    """Argo CD's own objects, those of root.yaml, and the Applications that are generated."""
    rendered = platform()
    made = yaml.safe_dump_all(applications(rendered))
    return "\n---\n".join((rendered, (PLATFORM / "root.yaml").read_text(encoding="utf-8"), made))


def _rendered(component: Component) -> str:
    try:
        return render(component, helm.KUBERNETES[-1])
    except helm.HelmError as exc:
        return f"!{exc}"


def write(*, check: bool) -> int:
    """Write the READMEs and golden renders that are stale, or say which are."""
    stale = [(path, made()) for path, made in {**docs.files(), **golden.files()}.items()]
    stale = [(path, text) for path, text in stale if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path, text in stale:
        name = path.relative_to(ROOT)
        print(f"{name} is stale: run `make render` and commit it" if check else f"wrote {name}", file=sys.stderr)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


def fetch() -> int:
    """Have the schemas of every version made, which takes a minute where none are kept."""
    for version in helm.KUBERNETES:
        print(schemas(version))
    return 0


def main() -> int:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(prog="python -m tools.charts")
    commands = parser.add_subparsers(dest="command", required=True)
    checking = commands.add_parser("check", help="hold every render to the API's schemas and to the policies")
    checking.add_argument("paths", nargs="*", help="charts or folders of plain YAML; none: all")
    rendering = commands.add_parser("render", help="print a component as Argo CD renders it")
    rendering.add_argument("environment", choices=ENVIRONMENTS)
    rendering.add_argument("component", choices=sorted(path.parent.name for path in CHARTS.glob("*/Chart.yaml")))
    writing = commands.add_parser("write", help="write the charts' READMEs and golden renders")
    writing.add_argument("--check", action="store_true", help="only say which are stale")
    commands.add_parser("fetch", help="make the schemas that `check` needs, once")
    given = parser.parse_args()
    try:
        if given.command == "check":
            return check(given.paths)
        if given.command == "fetch":
            return fetch()
        if given.command == "write":
            return write(check=given.check)
        print(render(Component(given.component, given.environment), helm.KUBERNETES[-1]))
    except (BuildError, helm.HelmError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
