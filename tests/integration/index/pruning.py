"""A process that drops all indexes of a folder but the live one, and kills itself at a call of `moment` (empty: never)."""

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

from twin.drivers.qdrant.edge import EdgeIndexes
from twin.index.recall import prune

MOMENTS = {"unlink": (Path, "unlink"), "rmtree": (shutil, "rmtree"), "rmdir": (os, "rmdir")}


def deadly(moment):
    """In the middle of a drop: before the index's note goes, before its files go, before its last folder goes."""
    place, name = MOMENTS[moment]
    real = getattr(place, name)

    def call(path, *arguments, **options):
        if ".c1." in str(path) or moment == "rmdir":
            os.kill(os.getpid(), signal.SIGKILL)
        return real(path, *arguments, **options)

    setattr(place, name, call)


async def main(folder, moment):
    indexes = EdgeIndexes(Path(folder))
    await indexes.open()
    if moment:
        deadly(moment)
    await prune(indexes, 0)
    await indexes.close()


asyncio.run(main(*sys.argv[1:]))
