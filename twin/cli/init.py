"""An empty folder -> a new twin: its author, its sources and its settings, nothing of ours."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from twin.cli.output import Output, OutputOption, say, show
from twin.errors import SettingsError

SOURCES = """\
# What this twin answers from. `twin documents sync` reads it; every error is reported with its line.
author: {{id: {id}, name: {name}}}
sources:
  - {{kind: files, path: notes/}}
  # - {{kind: git,    url: https://example.org/me/project.git, include: ["**/*.md", "**/*.py"], history: 100}}
  # - {{kind: feed,   url: https://example.org/feed.xml}}
  # - {{kind: web,    url: https://example.org/notes/, depth: 1}}
  # - {{kind: export, path: articles.json}}
"""
TOML = """\
# Settings that differ from the defaults; `twin config show` lists them all.
# A variable TWIN_MODEL_URL in the environment wins over model_url here. Keep keys and passwords there.
# model_url = "http://127.0.0.1:8000/v1"
# model_name = "my-model"
"""
NOTE = """\
# A first note

Replace this file by your own writing, or name other sources in sources.yaml.
"""


def init(
    context: typer.Context,
    name: Annotated[str, typer.Option("--author", help="The author's full name; asked for on a terminal.")] = "",
    author_id: Annotated[str, typer.Option("--author-id", help="A short id; made from the name when left out.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a new twin in this folder: author, sources, settings."""
    import sys

    folder: Path = context.find_root().obj
    targets = {file: folder / file for file in ("sources.yaml", "twin.toml")}
    for target in targets.values():
        if target.exists():
            raise SettingsError(
                f"{target}: is there already; nothing was changed (remove it, or choose another folder with -C)"
            )
    if not name and sys.stdin.isatty():
        name = typer.prompt("Who writes? Full name", err=True)  # stdout is for the result
    if not name.strip():
        raise SettingsError("the author's name is missing: twin init --author 'Full Name'")
    author = {"id": author_id or _slug(name), "name": name.strip()}
    made = _made(folder, author)
    if not show({"folder": folder.resolve(), "author": author, "files": made}, output):
        say(f"made a twin of {author['name']} in {folder.resolve()}")
        say("next: name your sources in sources.yaml, then `twin up`")


def _made(folder: Path, author: Mapping[str, str]) -> list[str]:
    """Write the files of a new twin; what was there already stays, and is not named."""
    texts = {
        "sources.yaml": SOURCES.format(**{key: _scalar(value) for key, value in author.items()}),
        "twin.toml": TOML,
        ".gitignore": ".twin/\n",
        "notes/first.md": NOTE,
    }
    made = [file for file in texts if not (folder / file.partition("/")[0]).exists()]
    for file in made:
        _write(folder / file, texts[file])
    return made


def _slug(name: str) -> str:
    import unicodedata

    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "author"


def _scalar(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        raise SettingsError(f"{path}: cannot be written ({exc.strerror})") from exc
