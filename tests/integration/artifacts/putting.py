"""Puts a folder where the arguments say, with small pieces, and says so after each: for the tests that kill it."""

import asyncio
import sys
from pathlib import Path

from twin.drivers.artifacts import Artifacts, manifest, upload
from twin.drivers.artifacts.files import FileBlobs

if __name__ == "__main__":
    manifest.PIECE = upload.PIECE = 64 << 10
    write = FileBlobs.write

    async def told(self, key, data):
        await write(self, key, data)
        print(key, flush=True)

    FileBlobs.write = told
    print(asyncio.run(Artifacts(sys.argv[1]).put(Path(sys.argv[2]))), flush=True)
