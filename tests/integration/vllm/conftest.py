from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.model.small import examples, recipe, texts, write_dataset
from tools.environment import environment
from twin.drivers.openai.http import Server
from twin.drivers.vllm.launch import Launch
from twin.drivers.vllm.models import Models
from twin.drivers.vllm.process import running
from twin.model.making import make_base
from twin.model.plan import Plan
from twin.model.train import train

PINS = Path(__file__).parents[3] / "tools" / "vllm.txt"


@dataclass(frozen=True)
class Made:
    """A tiny base and an adapter that was trained on it."""

    base: Path
    adapter: Path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("models")
    make_base(recipe(), texts(), folder / "small")
    rows = examples(60)
    dataset = write_dataset(folder / "dataset", rows[:48], rows[48:])
    plan = Plan(recipe=recipe(), stage="sft", dataset=dataset, bases=folder, runs=folder / "runs", adapters=folder / "adapters")
    trained = train(plan)
    assert trained
    return Made(folder / "small", trained.adapter)


@pytest.fixture(scope="session")
def python() -> Path:
    """A Python that has vLLM: installed once, outside the tree."""
    return environment(PINS) / "python"


@pytest.fixture(scope="session")
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def url(made: Made, python: Path, port: int) -> AsyncIterator[str]:
    """A real vLLM over the base, without adapters."""
    launch = Launch(python=python, base=made.base, device="cpu", context=256, max_lora_rank=8, port=port)
    async with running(launch) as address:
        yield address


@pytest_asyncio.fixture(loop_scope="session")
async def models(url: str) -> AsyncIterator[Models]:
    server = Server(url)
    found = Models(server)
    yield found
    for one in await found.served():
        if one.parent:
            await found.unload(one.name)
    await found.close()
    await server.close()
