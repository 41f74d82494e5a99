from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.integration.model.small import examples, recipe, texts, write_dataset
from twin.model.making import make_base


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Busy-waiting threads on a shared machine are slower than one, and a resumed run must have as many as the first."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A base that lies here is never looked for elsewhere: the libraries ask a hub by name at several places."""
    asked: list[object] = []

    def refuse(host: object, *_: object, **__: object) -> None:
        asked.append(host)
        raise OSError(f"{host} was asked for")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    assert not asked


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bases")
    make_base(recipe(), texts(), folder / "small")
    return folder


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = examples(60)
    return write_dataset(tmp_path_factory.mktemp("dataset"), rows[:48], rows[48:])


@pytest.fixture
def home(tmp_path: Path, bases: Path) -> Path:
    """A twin's folder in which the small base was made."""
    (tmp_path / ".twin" / "models").mkdir(parents=True)
    (tmp_path / ".twin" / "models" / "base").symlink_to(bases)
    return tmp_path
