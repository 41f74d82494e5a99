"""Each kind of quantization in the engine: what is found stays what it was, by vectors that are really made smaller."""

import json
import math
from random import Random

import pytest

from tests.integration.index.samples import passage
from twin.drivers.qdrant.edge import EdgeIndexes
from twin.records import Filter, IndexSpec

DIMENSION, COUNT = 256, 800
KINDS = ("scalar", "binary", "product")


def direction(random, near=None, share=0.0):
    made = [random.gauss(0, 1) + share * (near[n] if near else 0.0) for n in range(DIMENSION)]
    length = math.hypot(*made)
    return [x / length for x in made]


async def opened(folder, kind):
    made = EdgeIndexes(folder, kind)
    await made.open()
    return made


def sooner(config):
    """The engine makes vectors smaller from ten megabytes on, of which a test had to wait a minute."""
    told = json.loads(config.read_text())
    config.write_text(json.dumps(told | {"optimizers": {"indexing_threshold": 100}}))


@pytest.mark.parametrize("kind", ["", *KINDS])
async def test_an_index_is_quantized_as_it_was_made_and_finds_the_same(tmp_path, kind):
    random = Random(3)
    vectors = [direction(random) for _ in range(COUNT)]
    chunks = [passage(f"text {n}", document=f"d{n}") for n in range(COUNT)]
    store = await opened(tmp_path, kind)
    index = (await store.create(IndexSpec("large", DIMENSION, "d" * 64, "c1", "k1"))).name
    await store.close()
    sooner(tmp_path / index / "shard" / "edge_config.json")
    store = await opened(tmp_path, kind)
    await store.write(index, chunks, vectors)
    await store.optimize(index)
    await store.close()
    found = 0
    again = await opened(tmp_path, "")  # what it was made with stays, whatever is set now
    for n in range(0, COUNT, 20):
        asked = direction(random, [x * math.sqrt(DIMENSION) for x in vectors[n]], 1.0)
        passages = await again.search(index, vector=asked, text="", filter=Filter(), limit=10)
        found += chunks[n] in [one.chunk for one in passages]
    assert found >= 0.95 * COUNT / 20
    assert [dict(info.layout) for info in await again.list()] == [{"quantization": kind}]
    assert bool(list(tmp_path.glob("*/shard/**/quantized*data*"))) is bool(kind)
    await again.close()
