import asyncio
import itertools
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.unit.answer.fakes import Speaker, answerer, told
from twin.drivers.sqlite.traces import TraceStore
from twin.errors import StoreError
from twin.records import Question


@pytest.fixture
async def store(tmp_path):
    store = TraceStore(tmp_path / "traces.sqlite3", kept=50)
    await store.open()
    yield store
    await store.close()


async def answered(store, count=1, text="Yes [1]"):
    ids = []
    for _ in range(count):
        one = answerer(generator=Speaker(text), sink=store)
        ids.append((await told(one.answer(Question("What is a tombstone?"))))[2].trace)
    return ids


async def test_a_trace_comes_back_as_it_was(store):
    kept = []
    one = answerer(generator=Speaker("Ja [1] – 漢字"), sink=store)
    put = store.put
    store.put = lambda trace: (kept.append(trace), put(trace))
    await told(one.answer(Question("What is a tombstone?", thread="t1")))
    assert await store.flush()
    (found,) = await store.list()
    assert found.id == kept[0].id
    assert [(s.name, s.start, s.end, s.usage, s.status) for s in found.spans] == [
        (s.name, s.start, s.end, s.usage, s.status) for s in kept[0].spans
    ]
    assert found.spans[0].output["text"] == "Ja [1] – 漢字"
    assert (found.thread, found.release) == ("t1", "2026-11-20.1")


async def test_the_newest_come_first_and_the_oldest_go(store):
    ids = await answered(store, 30)
    await store.flush()
    ids += await answered(store, 45)
    await store.flush()
    assert await store.count() == 50
    assert [trace.id for trace in await store.list(100)] == ids[:-51:-1]


async def test_a_trace_is_found_by_the_beginning_of_its_id(store):
    first, second = await answered(store, 2)
    await store.flush()
    assert (await store.get(first)).id == first
    common = "".join(a for a, b in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=True)))
    assert (await store.get(second[: len(common) + 1])).id == second
    assert await store.get("ffff") is None
    with pytest.raises(StoreError, match="several traces"):
        await store.get(common[:6])
    assert await store.get("%") is None


async def test_feedback_may_come_before_its_trace_is_written(store):
    (id,) = await answered(store)
    await store.score(id, "thumbs", 1.0, "good")
    await store.score(id, "thumbs", 0.0, "on second thought, no")
    await store.flush()
    found = await store.get(id)
    assert (found.scores, found.comment) == ({"thumbs": 0.0}, "on second thought, no")


async def test_feedback_goes_with_its_trace(store):
    (id,) = await answered(store)
    await store.flush()
    await store.score(id, "thumbs", 1.0)
    await answered(store, 60)
    await store.flush()
    await answered(store, 60)
    await store.flush()
    assert await store.get(id) is None


async def test_what_the_queue_cannot_hold_is_counted_and_put_never_fails(tmp_path):
    store = TraceStore(tmp_path / "t.sqlite3", queue=3)
    await answered(store, 5)
    assert store.dropped == 2
    await store.open()
    assert await store.flush()
    assert await store.count() == 3
    await store.close()


async def test_what_cannot_be_written_is_counted_and_the_rest_is_kept(store):
    one = answerer(generator=Speaker("Yes"), sink=store)
    await told(one.answer(Question("tombstone?", thread="\ud800")))
    await answered(store)
    await store.flush()
    assert (await store.count(), store.dropped) == (1, 1)


async def test_a_store_that_fails_later_drops_and_goes_on(store, tmp_path):
    await answered(store)
    await store.flush()
    with sqlite3.connect(store._database.path) as db:
        db.execute("ALTER TABLE traces RENAME TO away")
    await answered(store)
    await store.flush()
    assert store.dropped == 1
    with sqlite3.connect(store._database.path) as db:
        db.execute("ALTER TABLE away RENAME TO traces")
    await answered(store)
    await store.flush()
    assert await store.count() == 2


async def test_two_stores_share_a_file(store, tmp_path):
    other = TraceStore(tmp_path / "traces.sqlite3", kept=50)
    await other.open()
    await asyncio.gather(answered(store, 20), answered(other, 20))
    await asyncio.gather(store.flush(), other.flush())
    assert await store.count() == await other.count() == 40
    await other.close()


CHILD = """
import asyncio, sys
from pathlib import Path
from tests.unit.answer.fakes import Speaker, answerer, told
from twin.drivers.sqlite.traces import TraceStore
from twin.records import Question

async def main():
    store = TraceStore(Path(sys.argv[1]))
    await store.open()
    while True:
        await told(answerer(generator=Speaker("Yes [1]"), sink=store).answer(Question("tombstone?")))
        await store.flush()
        print(await store.count(), flush=True)

asyncio.run(main())
"""


async def test_a_killed_process_leaves_whole_traces(tmp_path):
    path = tmp_path / "traces.sqlite3"
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True)
    written = 0
    for line in child.stdout:
        written = int(line)
        if written == 5:
            break
    child.send_signal(signal.SIGKILL)
    child.communicate()
    store = TraceStore(path)
    await store.open()
    traces = await store.list(100)
    assert len(traces) >= written
    assert all(trace.spans[0].output["text"] == "Yes [1]" for trace in traces)
    await store.close()


async def test_a_trace_is_there_before_it_is_written_redacted_and_with_its_score(tmp_path):
    store = TraceStore(tmp_path / "traces.sqlite3", redact=lambda trace: replace(trace, comment="redacted"))
    await store.open()
    (id,) = await answered(store)
    await store.score(id, "thumbs", 1.0)
    found = await store.get(id)
    assert (found.id, found.comment, found.scores) == (id, "redacted", {"thumbs": 1.0})
    assert await store.count() == 0
    await store.flush()
    assert (await store.get(id)).comment == "redacted"
    assert await store.count() == 1
    assert store.dropped == 0
    await store.close()
