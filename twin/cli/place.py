"""A folder and the environment -> where this twin is and how it is set."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import typer

from twin.errors import SettingsError, SourcesError
from twin.settings import Settings, load


@dataclass(frozen=True)
class Place:
    """One twin: the folder of sources.yaml and its settings."""

    folder: Path
    settings: Settings
    sources: Path

    @property
    def home(self) -> Path:
        """Where everything that is made is kept."""
        return self.folder / self.settings.home

    def made(self) -> Path:
        """`home`, created for its owner alone."""
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise SettingsError(
                f"{self.home}: cannot be made ({exc.strerror}); set TWIN_HOME to a folder you may write to"
            ) from exc
        return self.home


def place(context: typer.Context, sources: Path | None = None) -> Place:
    """The twin that `-C`, or else `--sources`, points at. Raises SettingsError."""
    folder: Path = sources.parent if sources else (context.find_root().obj or Path())
    if not folder.is_dir():
        raise SettingsError(f"{folder}: there is no such folder")
    folder = folder.resolve()
    settings = load(folder, os.environ)
    return Place(folder, settings, (folder / (sources.name if sources else settings.sources)))


def started(place: Place) -> Place:
    """`place`, if a twin is there. Raises SourcesError saying how to make one."""
    if not place.sources.is_file():
        raise SourcesError(f"{place.sources}: there is no such file; `twin init` makes one")
    return place
