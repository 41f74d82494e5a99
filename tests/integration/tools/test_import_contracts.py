"""The import contracts of pyproject.toml: each breaks where a line of code breaks the promise that it states."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LINT = Path(sys.executable).parent / "lint-imports"
CONTRACTS = [one["name"] for one in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]]
VIOLATIONS = [  # the beginning of a contract's name, a module, what it must not import
    ("Rooms of twin", "twin/answer/cite.py", "import twin.index.chunk"),
    ("Rooms of twin", "twin/documents/clean.py", "import twin.drivers.git"),
    ("Rooms of twin", "twin/attic/__init__.py", ""),
    ("Rooms of services", "services/attic/__init__.py", ""),
    ("Workflows and services stand under", "services/gateway/chat.py", "import twin.cli.place"),
    ("Workflows and services stand under", "twin/drivers/keys.py", "import services.gateway.auth"),
    ("Workflows and services stand under", "services/gateway/logs.py", "import workflows.told"),
    ("Workflows know no step", "workflows/told.py", "import twin.records"),
    ("Settings are read", "services/gateway/state.py", "import twin.settings"),
    ("The only place for training", "twin/drivers/parquet.py", "import torch.nn"),
    ("The only place for training", "twin/cli/training.py", "import bitsandbytes"),  # nobody imports it yet
    ("The only place for client", "twin/cli/doctor.py", "import aiohttp"),
    ("The only place for client", "services/gateway/chat.py", "import httptools"),
    ("The only place for client", "twin/model/train.py", "import huggingface_hub"),
    ("The only place for the web", "twin/cli/doctor.py", "import uvicorn"),
    ("The only place for the web", "twin/cli/ask.py", "import uvloop"),
    ("The only place for Hera", "twin/cli/training.py", "from hera.workflows import Workflow"),
    ("The only place for the terminal", "services/gateway/logs.py", "import rich.console"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code and its contracts, to be broken."""
    folder = tmp_path_factory.mktemp("code")
    for name in ("twin", "services", "workflows"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def broken(folder: Path) -> list[str]:
    """The names of the contracts that do not hold."""
    done = subprocess.run(
        [LINT, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{len(CONTRACTS)} kept" in done.stdout or "broken." in done.stdout, done.stdout + done.stderr
    return [name for name in CONTRACTS if f"{name} BROKEN" in done.stdout]


def test_the_code_as_it_is_breaks_none(copy: Path) -> None:
    assert broken(copy) == []


@pytest.mark.parametrize(("contract", "module", "line"), VIOLATIONS)
def test_a_line_that_breaks_a_promise_breaks_its_contract(copy: Path, contract: str, module: str, line: str) -> None:
    file = copy / module
    before = file.read_text() if file.exists() else None
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{before or ''}\n{line}\n")
    try:
        assert any(name.startswith(contract) for name in broken(copy))
    finally:
        if before is None:
            shutil.rmtree(file.parent)
        else:
            file.write_text(before)


def test_every_contract_is_seen_to_break() -> None:
    assert [name for name in CONTRACTS if not any(name.startswith(contract) for contract, *_ in VIOLATIONS)] == []
