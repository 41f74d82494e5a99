"""Real processes that build and drop, killed or at once, over the real engine and over a server."""

import asyncio
import random
import signal
import sys
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest

from tests.doubles.qdrant import QdrantDouble
from tests.integration.index.building import build, indexes_at
from tests.integration.index.samples import ROOT, fill, passage, recipe
from twin.drivers.qdrant.edge import EdgeIndexes


async def started(program, place, *arguments):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).parent / program),
        str(place),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )


async def state(place):
    """Every chunk and how far each source is written; of the one index."""
    indexes = indexes_at(place)
    await indexes.open()
    (info,) = await indexes.list()
    async with aclosing(indexes.scan(info.name)) as stream:
        chunks = [one async for one in stream]
    await indexes.close()
    return chunks, dict(info.revisions), info.chunks


@pytest.fixture(params=["engine", "server"])
async def places(request, tmp_path):
    """Two places for indexes: a folder each, or a server each."""
    if request.param == "engine":
        yield tmp_path / "whole", tmp_path / "other"
        return
    async with AsyncExitStack() as stack:
        yield tuple([(await stack.enter_async_context(QdrantDouble())).url for _ in range(2)])


@pytest.mark.parametrize("batches", [0, 1, 4])
async def test_a_build_killed_at_any_time_and_run_again_ends_like_one_that_was_not(places, batches):
    whole, other = places
    for version in "12":
        await build(whole, version)
        killed = await started("building.py", other, version)
        for _ in range(batches):
            await killed.stdout.readline()
        await asyncio.sleep(random.random() * 0.02)  # somewhere within a batch
        killed.kill()
        await killed.wait()
        await build(other, version)
    assert await state(other) == await state(whole)


async def test_builds_of_two_processes_at_once_end_like_one(places):
    whole, other = places
    for version in "12":
        await build(whole, version)
        both = [await started("building.py", other, version) for _ in range(2)]
        for one in both:
            await one.communicate()
        assert [one.returncode for one in both] == [0, 0]
    assert await state(other) == await state(whole)


async def test_a_prune_killed_at_any_time_drops_nothing_by_half_and_the_next_one_leaves_nothing_behind(tmp_path):
    for moment in ("", "unlink", "rmtree", "rmdir"):
        folder = tmp_path / (moment or "whole")
        live = await filled(folder)
        killed = await started("pruning.py", folder, moment)
        await killed.wait()
        assert killed.returncode == (-signal.SIGKILL if moment else 0)
        indexes = EdgeIndexes(folder)
        await indexes.open()
        for info in await indexes.list():
            assert len([one async for one in indexes.scan(info.name)]) == 30, f"{info.name} is half dropped at {moment}"
        await indexes.close()
        again = await started("pruning.py", folder, "")
        await again.wait()
        assert {one.name for one in folder.iterdir()} == {"alias", "owner", live}


async def filled(folder):
    """Three indexes of thirty passages, of which one is live."""
    indexes = EdgeIndexes(folder)
    await indexes.open()
    names = [(await indexes.create(recipe(f"words-{n}"))).name for n in range(3)]
    for name in names:
        await fill(indexes, name, [passage(f"text {n}", position=n) for n in range(30)])
    await indexes.switch(names[1])
    await indexes.close()
    return names[1]
