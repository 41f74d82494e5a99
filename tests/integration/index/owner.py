"""A process that opens the indexes in the folder it is given, says which part it plays, and serves until its input ends."""

import asyncio
import sys
from pathlib import Path

from twin.drivers.qdrant.edge import EdgeIndexes


async def main(folder):
    indexes = EdgeIndexes(Path(folder))
    await indexes.open()
    print("owner" if indexes.owner else "client", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await indexes.close()


asyncio.run(main(sys.argv[1]))
