"""Real processes that build, killed or at once, over the real engine."""

import asyncio
import random
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.integration.index.building import build
from tests.integration.index.samples import ROOT
from twin.drivers.qdrant.edge import EdgeIndexes


async def started(folder, version):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).parent / "building.py"),
        str(folder),
        version,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )


async def state(folder):
    """Every chunk and how far each source is written; of the one index."""
    indexes = EdgeIndexes(folder)
    await indexes.open()
    (info,) = await indexes.list()
    async with aclosing(indexes.scan(info.name)) as stream:
        chunks = [one async for one in stream]
    await indexes.close()
    return chunks, dict(info.revisions), info.chunks


@pytest.mark.parametrize("batches", [0, 1, 4])
async def test_a_build_killed_at_any_time_and_run_again_ends_like_one_that_was_not(tmp_path, batches):
    for version in "12":
        await build(tmp_path / "whole", version)
        killed = await started(tmp_path / "killed", version)
        for _ in range(batches):
            await killed.stdout.readline()
        await asyncio.sleep(random.random() * 0.02)  # somewhere within a batch
        killed.kill()
        await killed.wait()
        await build(tmp_path / "killed", version)
    assert await state(tmp_path / "killed") == await state(tmp_path / "whole")


async def test_builds_of_two_processes_at_once_end_like_one(tmp_path):
    for version in "12":
        await build(tmp_path / "whole", version)
        both = [await started(tmp_path / "shared", version) for _ in range(2)]
        for one in both:
            await one.communicate()
        assert [one.returncode for one in both] == [0, 0]
    assert await state(tmp_path / "shared") == await state(tmp_path / "whole")
