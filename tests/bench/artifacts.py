"""Megabytes a second into a real S3 server and back, digests and resume included, beside the bare library in the same run.

`python -m tests.bench.artifacts [MEGABYTES]` prints one line for each; a ratio of 1 costs nothing over the library.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

from tests.servers import VersityGW
from twin.drivers.artifacts import Artifacts


async def timed(work: Awaitable[object]) -> float:
    begun = time.perf_counter()
    await work
    return time.perf_counter() - begun


async def bare(store: object, file: Path, out: Path) -> tuple[float, float]:
    """The library alone: one object in parts, read as one stream, nothing checked."""
    import obstore

    async def get() -> None:
        with out.open("wb") as made:
            async for part in (await obstore.get_async(store, "bare")).stream(min_chunk_size=8 << 20):
                made.write(part)
            os.fsync(made.fileno())

    put = timed(obstore.put_async(store, "bare", file, chunk_size=8 << 20))
    return await put, await timed(get())


async def measured(server: VersityGW, folder: Path, size: int) -> None:
    from obstore.store import S3Store

    file = folder / "adapter" / "adapter_model.safetensors"
    file.parent.mkdir()
    with file.open("wb") as made:
        for _ in range(size):
            made.write(os.urandom(1 << 20))
    store = S3Store("bench", config={"endpoint": server.url}, client_options={"allow_http": True})
    artifacts = Artifacts("s3://bench/twin", server.url)
    for _ in range(3):
        for path in (*server.buckets.rglob("*"),):
            if path.is_file():
                path.unlink()
        up, down = await bare(store, file, folder / "bare")
        ours_up = await timed(artifacts.put(file.parent))
        kept = await artifacts.put(file.parent)
        again = await timed(artifacts.put(file.parent))
        ours_down = await timed(artifacts.get(kept, folder / f"out-{time.monotonic_ns()}"))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(
            f"put {size / ours_up:.0f} MB/s ({up / ours_up:.2f} of bare {size / up:.0f}), again {again:.2f} s; "
            f"get {size / ours_down:.0f} MB/s ({down / ours_down:.2f} of bare {size / down:.0f}); {memory} MB of memory at most"
        )


def main() -> None:
    os.environ |= {"AWS_ACCESS_KEY_ID": VersityGW.ACCESS, "AWS_SECRET_ACCESS_KEY": VersityGW.SECRET, "AWS_REGION": "us-east-1"}
    with tempfile.TemporaryDirectory() as name:
        server = VersityGW(Path(name) / "s3").start()
        try:
            server.bucket("bench")
            asyncio.run(measured(server, Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else 256))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
