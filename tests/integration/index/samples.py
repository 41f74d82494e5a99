"""Chunks and vectors that are easy to tell apart, and another process that owns a folder of indexes."""

import asyncio
import hashlib
import math
import re
import sys
import uuid
from contextlib import asynccontextmanager
from pathlib import Path

from twin.records import Author, Chunk, IndexSpec, Kind

ROOT = Path(__file__).parents[3]
DIMENSION = 32


def recipe(name="words"):
    return IndexSpec(name, DIMENSION, "d" * 64, "c1:article=1500", "k1")


def vector(text):
    made = [1e-3] * DIMENSION
    for word in re.findall(r"\w+", text.casefold()):
        made[hashlib.blake2b(word.encode()).digest()[0] % DIMENSION] += 1.0
    norm = math.sqrt(sum(x * x for x in made))
    return [x / norm for x in made]


def passage(text, *, document="d1", author="Ada Author", kind=Kind.ARTICLE, source="blog", position=0, heading=()):
    return Chunk(
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{document}/{text}")),
        document=document,
        content_hash="h",
        uri=f"https://example.org/{document}",
        source=source,
        kind=kind,
        title="A title",
        author=Author(author.split()[0].lower(), author),
        heading=tuple(heading),
        span=(0, len(text)),
        text=text,
        position=position,
    )


async def fill(store, index, chunks):
    await store.write(index, chunks, [vector(one.text) for one in chunks])


@asynccontextmanager
async def process(folder):
    """Another process with the indexes of `folder` open; gives the process, and whether it is owner or client."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).parent / "owner.py"),
        str(folder),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )
    try:
        yield started, (await started.stdout.readline()).decode().strip()
    finally:
        if started.returncode is None:
            started.stdin.close()
            await started.wait()
