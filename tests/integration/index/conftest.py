import os
import uuid
from contextlib import asynccontextmanager

import pytest

from tests.doubles.qdrant import QdrantDouble
from tests.integration.index.samples import process, recipe
from twin.drivers.qdrant import request
from twin.drivers.qdrant.edge import EdgeIndexes
from twin.drivers.qdrant.server import ServerIndexes


@asynccontextmanager
async def served():
    """The address of a Qdrant server: the double, or a real one where TWIN_TEST_QDRANT_URL says."""
    if real := os.environ.get("TWIN_TEST_QDRANT_URL"):
        yield real
        return
    async with QdrantDouble() as double:
        yield double.url


@asynccontextmanager
async def opened(kind, folder):
    if kind == "on a server":
        async with served() as url:
            made = ServerIndexes(url, alias=f"twin-{uuid.uuid4().hex[:8]}")
            await made.open()
            yield made
            await made._client.update_collection_aliases(request.switched(made._alias, "", since="any")[:1])
            for info in await made.list():  # a real server keeps what others have there
                if info.name.startswith(("words-", "other-", "dropped")):
                    await made.drop(info.name)
            await made.close()
    elif kind == "of another process":
        async with process(folder) as (_, part):
            assert part == "owner"
            made = EdgeIndexes(folder)
            await made.open()
            assert not made.owner
            yield made
            await made.close()
    else:
        made = EdgeIndexes(folder)
        await made.open()
        yield made
        await made.close()


@pytest.fixture(params=["in this process", "of another process", "on a server"])
async def store(request, tmp_path):
    async with opened(request.param, tmp_path) as made:
        yield made


@pytest.fixture
async def index(store):
    """An empty index of the parametrised store."""
    name = (await store.create(recipe(f"words-{uuid.uuid4().hex[:8]}"))).name
    yield name
    if await store.live() != name:
        await store.drop(name)
