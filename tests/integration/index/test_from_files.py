"""The whole way from files to a live index, killed with SIGKILL at each change that any stage makes, and run again."""

import asyncio
import shutil
import signal
import sys
from contextlib import aclosing

import pytest

from tests.integration.index.samples import ROOT
from twin.drivers.qdrant.edge import EdgeIndexes
from twin.drivers.sqlite import SqliteDocuments

AT_ONCE = 4


def write_notes(folder, version):
    """Nine notes; the second version has changed two, lost two, added two, and renamed none."""
    notes = folder / "notes"
    notes.mkdir(parents=True, exist_ok=True)
    for n in range(9):
        (notes / f"{n}.md").write_text(f"# Note {n}\n\nIt says {n}.\n\n## More\n\n" + f"Words about subject {n}. " * 8)
    if version == 2:
        for n in (1, 6):
            (notes / f"{n}.md").write_text(f"# Note {n}\n\nIt says something else, which is {n}.\n")
        for n in (2, 7):
            (notes / f"{n}.md").unlink()
        for n in (20, 21):
            (notes / f"{n}.md").write_text(f"# Note {n}\n\nA new one that says {n} and nothing more.\n")


async def process(folder, fatal=0, when="early"):
    command = (sys.executable, "-m", "tests.integration.index.from_files", str(folder), str(fatal), when)
    started = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await started.communicate()
    return started.returncode, out.decode().strip() or err.decode()


async def state(folder):
    """What a user has of it: documents, passages with their spans, and what is live."""
    documents, indexes = SqliteDocuments(folder / "documents.db"), EdgeIndexes(folder / "index")
    await documents.open()
    await indexes.open()
    texts = {one.uri: one.text async for one in documents.documents()}
    async with aclosing(indexes.scan("")) as stream:
        passages = sorted([(one.uri, one.span, one.text, one.id) async for one in stream])
    infos = [(info.name, info.chunks, info.live) for info in await indexes.list()]
    await indexes.close()
    await documents.close()
    return texts, passages, infos


async def first_run(folder):
    write_notes(folder, 1)
    status, said = await process(folder)
    assert status == 0, said
    return int(said)


@pytest.mark.parametrize("when", ["early", "late"])
async def test_killed_at_any_change_and_run_again_it_serves_the_same(tmp_path, when):
    await first_run(tmp_path / "first")
    shutil.copytree(tmp_path / "first", tmp_path / "whole")
    write_notes(tmp_path / "whole", 2)
    status, said = await process(tmp_path / "whole")
    assert status == 0, said
    wanted, slots = await state(tmp_path / "whole"), asyncio.Semaphore(AT_ONCE)

    async def killed_at(fatal):
        folder = tmp_path / f"killed-{fatal}"
        async with slots:
            shutil.copytree(tmp_path / "first", folder)
            write_notes(folder, 2)
            status, said = await process(folder, fatal, when)
            assert status == -signal.SIGKILL, said
            status, said = await process(folder)
            assert status == 0, said
            assert await state(folder) == wanted, f"killed at change {fatal}"

    changes = int(said)
    assert changes >= 8
    await asyncio.gather(*(killed_at(fatal) for fatal in range(1, changes + 1)))


async def test_killed_at_any_change_of_the_first_run_it_serves_the_same(tmp_path):
    changes, slots = await first_run(tmp_path / "whole"), asyncio.Semaphore(AT_ONCE)
    wanted = await state(tmp_path / "whole")

    async def killed_at(fatal):
        folder = tmp_path / f"killed-{fatal}"
        async with slots:
            write_notes(folder, 1)
            status, said = await process(folder, fatal)
            assert status == -signal.SIGKILL, said
            await first_run(folder)
            assert await state(folder) == wanted, f"killed at change {fatal}"

    await asyncio.gather(*(killed_at(fatal) for fatal in range(1, changes + 1)))
