"""One walk from documents to a first release, with a real vLLM and a real remote, for all that is tried on it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.release.repositories import IDENTITY
from tools.loop import ROOT, Loop, ModelServer
from twin.digest import files_digest, folder_files

TAKEN = ("docs", "recipes", *(f"twin/{room}" for room in ("documents", "index", "dataset", "release", "answer")))
SOURCES = """\
author: {id: ada, name: Ada Author}
sources:
  - {kind: git, name: repository, url: ., include: ["**/*.md", "**/*.py"]}
"""
BASE = ".twin/models/base/tiny"


@dataclass
class Walk:
    """What the first release was made of."""

    loop: Loop
    server: ModelServer
    dataset: Path
    index: Path
    first: str  # the adapter of the first release, its folder

    def recipe(self, name: str, steps: int) -> str:
        """The tiny recipe with so many steps of SFT; a file in the clone."""
        values = yaml.safe_load((ROOT / "recipes" / "tiny.yaml").read_text())
        values["base"]["make"]["steps"] = 200
        values["sft"] |= {"max_steps": steps, "save_steps": 40}
        (self.loop.work / f"{name}.yaml").write_text(yaml.safe_dump({**values, "name": name}))
        return f"{name}.yaml"

    def trained(self, name: str, steps: int, dataset: Path | None = None) -> str:
        how = ("--recipe", self.recipe(name, steps), "--dataset", str(dataset or self.dataset))
        return str(self.loop.told("model", "train", *how)["adapter"])

    def judged(self, adapter: str, running: str = "", dataset: Path | None = None) -> str:
        """The report on `adapter` against `running`, or against the base."""
        self.loop.twin("model", "load", adapter, "--name", "candidate")
        if running:
            self.loop.twin("model", "load", running, "--name", "running")
        other = ("--running", f"running={running}") if running else ("--base", f"base={BASE}")
        asked = ("--dataset", str(dataset or self.dataset), "--max-tokens", "32", "--limit", "64")
        self.loop.twin("release", "evaluate", "--candidate", f"candidate={adapter}", *other, *asked)
        return str(max((self.loop.work / ".twin" / "reports").iterdir(), key=lambda one: one.stat().st_mtime))

    def promoted(self, report: str, adapter: str, dataset: Path | None = None, status: int = 0) -> str:
        pins = ("--adapter", adapter, "--dataset", str(dataset or self.dataset), "--index", str(self.index))
        return self.loop.twin("release", "promote", report, *pins, status=status)

    def shuffled(self) -> Path:
        """The dataset with the words of every answer that is trained on in another order."""
        out = self.loop.folder / "shuffled"
        self.loop.twin("dataset", "export", "--out", str(out), str(self.dataset))
        file, order = out / "instruction" / "train.jsonl", random.Random(0)
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        for row in rows:
            words = row["answer"].split()
            order.shuffle(words)
            row["answer"] = " ".join(words)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        files = folder_files(out, exclude=("manifest.json",))
        manifest: dict[str, Any] = json.loads((out / "manifest.json").read_text())
        (out / "manifest.json").write_text(json.dumps({**manifest, "files": files, "digest": files_digest(files)}))
        return out

    def kept(self, adapter: str) -> str:
        """The adapter's pin, once it is an artifact."""
        from twin.drivers.artifacts import Artifacts
        from twin.model.folder import UNSEALED

        store = Artifacts(str(self.loop.work / ".twin" / "artifacts"))
        return str(asyncio.run(store.put(Path(adapter), beside=UNSEALED)))

    def staging(self) -> str:
        """What the remote's branch points at."""
        return self.loop.git("rev-parse", "staging", at="origin.git").strip()


def repository(folder: Path) -> Path:
    """A part of this repository as one of its own, so that the walk is short."""
    for name in TAKEN:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, _below(folder / name))
    (folder / "sources.yaml").write_text(SOURCES)
    shutil.copy(ROOT / "recipes" / "thresholds" / "tiny.yaml", folder / "thresholds.yaml")
    (folder / ".gitignore").write_text(".twin/\n__pycache__/\n")
    for arguments in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "-m", "Begin")):
        subprocess.run(["git", "-C", folder, *arguments], env={**os.environ, **IDENTITY}, check=True)
    return folder


def _below(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    folder = tmp_path_factory.mktemp("loop")
    loop = Loop(folder, {"TWIN_PROMPT_TOKENS": "300"}, repository(folder / "source"))
    loop.twin("documents", "sync")
    dataset = Path(loop.told("dataset", "build", "--test-share", "0.3")["path"])
    made = Walk(loop, ModelServer(loop, 0, 1024), dataset, folder / "index.json", "")
    loop.twin("model", "base", "--recipe", made.recipe("first", 120))
    with loop.models() as made.server:
        loop.settings["TWIN_MODEL_URL"] = made.server.url
        loop.twin("index", "build", "--switch")
        made.index.write_text(json.dumps(loop.told("index", "snapshot")))
        made.first = made.trained("first", 120)
        made.server.ready()
        made.promoted(made.judged(made.first), made.first)
        loop.pull()
        yield made
