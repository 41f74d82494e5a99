"""Writes the committed files that code renders, or with `--check` says which are stale.

References of commands and settings, README's tree, and what charts share.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- tree: rendered by `make render` -->", "<!-- end of tree -->"
ROOMS = {  # rooms that are no Python package, in the words of their own first line of documentation
    "charts": "what Kubernetes is given: mongodb, qdrant, vllm, rag-gateway, pipelines, monitoring",
    "tests": "unit, integration, charts, doubles and bench",
    "docs": "guides, decisions, benchmarks, and references of commands and settings",
}
SETTINGS_HEAD = """# Settings

Rendered from `twin/settings.py` by `make render`. A setting stands in `twin.toml` (`passages = 8`) or in the environment
(`TWIN_PASSAGES=8`), which wins; secrets belong there. `twin config show` prints what is set."""
PACKAGES = (
    "twin/documents",
    "twin/index",
    "twin/dataset",
    "twin/model",
    "twin/release",
    "twin/answer",
    "twin/drivers",
    "twin/cli",
    "services/gateway",
    "workflows",
    "tools",
    "tools/charts",
)


def cli_reference() -> str:
    """Every command with its help, as Markdown."""
    import typer

    from twin.cli.app import app

    lines = [
        "# `twin`: the command line",
        "",
        "Rendered from the commands by `make render`; `twin COMMAND --help` prints the same.",
        "",
    ]
    for path, command in _commands(typer.main.get_command(app), ("twin",)):
        lines += [f"{'#' * min(len(path) + 1, 4)} `{' '.join(path)}`", "", *_described(command), ""]
    return "\n".join(lines).rstrip() + "\n"


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _commands(below, (*path, name))


def _described(command: Any) -> Iterator[str]:
    yield " ".join(line or "\n\n" for line in (command.help or "").splitlines()).replace(" \n\n ", "\n\n")
    rows = [_row(param) for param in command.params if getattr(param, "name", "") != "help"]
    if rows:
        yield ""
        yield "| parameter | default | meaning |"
        yield "|---|---|---|"
        yield from rows


def _row(param: Any) -> str:
    option = bool(param.opts and param.opts[0].startswith("-"))
    names = ", ".join(f"`{name}`" for name in (*param.opts, *param.secondary_opts)) if option else f"`{param.name.upper()}`"
    default = param.show_default if isinstance(param.show_default, str) else param.default
    shown = "" if default in {None, "", False} or callable(default) else f"`{getattr(default, 'value', default)}`"
    return f"| {names} | {shown} | {(param.help or '').strip()} |"


SETTING = re.compile(r"    (?:(?P<name>\w+): .+? = (?P<default>\S.*?)  )?# (?P<comment>.+)")


def settings_reference() -> str:
    """Every setting with its default and its comment, as Markdown. A setting without a comment is a KeyError."""
    from twin.settings import Settings

    text = (ROOT / "twin" / "settings.py").read_text(encoding="utf-8").partition("class Settings")[2].partition("    def ")[0]
    lines, found = [], set()
    for match in filter(None, map(SETTING.fullmatch, text.splitlines())):
        name, comment = match["name"], match["comment"]
        if not name:
            lines += ["", f"## {comment[0].upper()}{comment[1:]}", "", "| setting | default | meaning |", "|---|---|---|"]
            continue
        value = getattr(Settings(), name)
        default = str(value).lower() if isinstance(value, bool) else str(value)
        lines.append(f"| `{name}` | {f'`{default}`' if default else ''} | {comment} |")
        found.add(name)
    if missing := set(Settings.__struct_fields__) - found:
        raise KeyError(f"twin/settings.py: no comment says what these are: {', '.join(sorted(missing))}")
    return "\n".join([SETTINGS_HEAD, *lines]) + "\n"


def readme() -> str:
    """README.md with its tree made new from the first lines of the packages' docstrings."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    width = max(map(len, (*PACKAGES, *ROOMS))) + 2
    rooms = [f"{package + '/':<{width}}{_first_line(ROOT / package)}" for package in PACKAGES]
    rooms += [f"{room + '/':<{width}}{text}" for room, text in ROOMS.items()]
    return "\n".join([before + BEGIN, "```text", *rooms, "```", END]) + after


def _first_line(package: Path) -> str:
    init = package / "__init__.py"
    return (ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or "").splitlines()[0]


RENDERED: dict[str, Callable[[], str]] = {
    "docs/cli.md": cli_reference,
    "docs/settings.md": settings_reference,
    "README.md": readme,
}


def rendered() -> dict[str, Callable[[], str]]:
    """Every rendered file and what renders it."""
    from tools.charts import shared
    from workflows.render import argo, kubeflow

    runs = {name: partial(str, text) for name, text in {**argo(), **kubeflow()}.items()}
    return {**RENDERED, **shared.rendered(), **runs}


def main() -> int:
    """Write, or check."""
    check = "--check" in sys.argv[1:]
    stale = [name for name, render in rendered().items() if _write(ROOT / name, render(), check=check)]
    for name in stale:
        print(f"{name} is stale: run `make render` and commit it" if check else f"wrote {name}", file=sys.stderr)
    return 1 if check and stale else 0


def _write(path: Path, text: str, *, check: bool) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    if not check:
        path.write_text(text, encoding="utf-8")
    return True


if __name__ == "__main__":
    sys.exit(main())
