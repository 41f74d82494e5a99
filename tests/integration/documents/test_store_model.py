"""SQLite beside a store of dictionaries: whatever two sources list, both hold the same, and so does who follows changes."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.documents.stores import Saying, StoreInMemory, document, source
from twin.documents.ports import Failed, Found, Listed, Skipped
from twin.documents.sync import sync
from twin.drivers.sqlite import SqliteDocuments

NAMES = ("notes", "blog")
URIS = st.sampled_from(["a", "b", "c", "d", "ä\u0000", "z" * 300])
ITEMS = st.lists(
    st.one_of(
        st.builds(lambda uri, text: lambda name: Found(document(uri, text, name), text), URIS, st.sampled_from(["", "1", "2"])),
        st.builds(lambda uri: lambda _: Failed(uri, "broken"), URIS),
        st.builds(lambda uri: lambda _: Skipped(uri, "binary"), URIS),
    ),
    max_size=8,
)
RUN = st.tuples(st.sampled_from(NAMES), ITEMS, st.booleans(), st.booleans())


def counts(report):
    return report.new, report.changed, report.unchanged, report.gone, report.failed, report.skipped, report.refused


async def followed(store, texts, last):
    for name in sorted(await store.revisions()):
        async for change in store.changes(name, last.get(name, 0)):
            last[name] = change.revision
            if change.document is None:
                texts.pop(change.uri, None)
            else:
                texts[change.uri] = change.document.text


@settings(max_examples=60, deadline=None)
@given(st.lists(RUN, max_size=8))
def test_sqlite_holds_what_a_dictionary_would(runs):
    async def law(folder):
        model, real = StoreInMemory(), SqliteDocuments(Path(folder) / "documents.db")
        await real.open()
        texts, last = {}, {}
        for name, makers, complete, follow in runs:
            items = [make(name) for make in makers]
            fetcher = Saying(*items, *([Listed(str(len(items)))] if complete else []))
            (expected,) = await sync([source(name)], {"files": fetcher}, model)
            (report,) = await sync([source(name)], {"files": fetcher}, real)
            assert counts(report) == counts(expected)
            if follow:
                await followed(real, texts, last)
        await followed(real, texts, last)
        held = {one.uri: one.text async for one in real.documents()}
        assert held == model.texts() == texts
        assert {name: await real.cursor(name) for name in NAMES} == {name: await model.cursor(name) for name in NAMES}
        await real.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(law(folder))
