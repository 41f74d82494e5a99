"""A build whose Qdrant server fails in the middle: it is named, and the next build completes the index without a duplicate."""

from tests.doubles.qdrant import QdrantDouble
from tests.unit.index.fakes import CountingEmbedder, MemoryDocuments, document
from twin.drivers.qdrant.server import ServerIndexes
from twin.errors import IndexStoreError
from twin.index.build import build
from twin.index.chunk import Limits

DOCUMENTS = 12


class FailingFrom:
    """Stands for a double's statuses: none until request number `first`, 503 from then on."""

    def __init__(self, first):
        self.left = first

    def __bool__(self):
        self.left -= 1
        return self.left < 0

    def pop(self, _):
        return 503


def put(documents, words):
    for n in range(DOCUMENTS):
        documents.put(document(f"https://example.org/{n}", f"# Text {n}\n\nIt says {n}, {words}."))


async def run(documents, store):
    """The report, or in its place what went wrong."""
    try:
        return await build(documents, store, CountingEmbedder(), clean=lambda one: one, limits=Limits(), cleaning="k1")
    except IndexStoreError as exc:
        return str(exc)


async def test_a_server_that_fails_at_any_request_of_a_build_is_named_and_the_next_build_completes(monkeypatch):
    monkeypatch.setattr("twin.index.build.BATCH_DOCUMENTS", 6)
    async with QdrantDouble() as double:
        store, documents = ServerIndexes(double.url, alias="gone"), MemoryDocuments()
        await store.open()
        put(documents, "at first")
        index, error, requests = (await run(documents, store)).index, "-", 0
        while error:
            put(documents, f"after {requests} requests")
            double.statuses = FailingFrom(requests)
            said = await run(documents, store)
            double.statuses = []
            error = said if isinstance(said, str) else ""
            assert not error or "127.0.0.1" in error
            await run(documents, store)
            texts = sorted([one.text async for one in store.scan(index)])
            assert texts == sorted(f"# Text {n}\n\nIt says {n}, after {requests} requests." for n in range(DOCUMENTS))
            requests += 1
        assert requests > 6  # a build makes at least so many
        await store.close()
