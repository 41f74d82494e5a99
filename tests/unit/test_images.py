"""The Dockerfiles against the rest of the repository: what they install and copy is what everybody else has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILES = sorted(ROOT.glob("Dockerfile.*"))


@pytest.fixture(params=DOCKERFILES, ids=lambda file: file.name)
def lines(request: pytest.FixtureRequest) -> list[str]:
    return request.param.read_text().replace("\\\n", " ").splitlines()


def test_there_are_images() -> None:
    assert DOCKERFILES


def test_an_image_is_made_by_the_uv_that_makes_everything_else(lines: list[str]) -> None:
    wanted = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert wanted
    assert re.findall(r"\buv==(\S+)", "\n".join(lines)) == [wanted[1]]


def test_an_image_is_made_of_the_lock_alone(lines: list[str]) -> None:
    syncs = [line for line in lines if " sync " in line]
    assert syncs
    assert all("--locked" in line and "--no-dev" in line for line in syncs)


def test_an_image_does_not_run_as_root_and_names_no_moving_base(lines: list[str]) -> None:
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users
    assert not users[-1].startswith(("root", "0"))
    assert not [line for line in lines if "latest" in line]


def test_what_is_copied_exists_and_is_let_through(lines: list[str]) -> None:
    let_through = (ROOT / ".dockerignore").read_text().splitlines()
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            for name in line.split()[1:-1]:
                assert (ROOT / name).exists(), line
                assert f"!{name}" in let_through, f"{name} is not in .dockerignore"
