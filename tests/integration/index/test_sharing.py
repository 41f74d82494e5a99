"""Several processes on one folder: who owns it, and what happens when that one goes."""

import asyncio
import os
import signal
import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.index.samples import fill, passage, process, recipe, vector
from twin.drivers.qdrant import wire
from twin.drivers.qdrant.edge import EdgeIndexes
from twin.drivers.qdrant.ownership import LONGEST_SOCKET, Ownership, socket_path
from twin.errors import IndexStoreError, RefusedError
from twin.records import Filter

ONE = passage("A tombstone marks a document that is gone.")


async def opened(folder, **options):
    made = EdgeIndexes(folder, **options)
    await made.open()
    return made


async def search(indexes, index, text="tombstone"):
    return [one.chunk for one in await indexes.search(index, vector=vector(text), text=text, filter=Filter(), limit=3)]


async def test_the_first_process_owns_the_folder_and_the_next_ask_it(tmp_path):
    async with process(tmp_path) as (_, first), process(tmp_path) as (_, second):
        assert (first, second) == ("owner", "client")
        mine = await opened(tmp_path)
        assert not mine.owner
        index = (await mine.create(recipe())).name
        await fill(mine, index, [ONE])
        assert await search(mine, index) == [ONE]
        await mine.close()


async def test_when_the_owner_is_killed_the_next_call_takes_over_and_finds_all_that_was_written(tmp_path):
    async with process(tmp_path) as (owner, _):
        mine, other = await opened(tmp_path), await opened(tmp_path)
        index = (await mine.create(recipe())).name
        await fill(mine, index, [ONE])  # answered, but never marked: the engine's log keeps it
        owner.send_signal(signal.SIGKILL)
        await owner.wait()
        assert await search(mine, index) == [ONE]
        assert mine.owner
        assert await search(other, index) == [ONE]
        await other.close()
        await mine.close()


async def test_calls_under_way_while_the_owner_is_killed_all_end_well(tmp_path):
    async with process(tmp_path) as (owner, _):
        mine = await opened(tmp_path)
        index = (await mine.create(recipe())).name
        await fill(mine, index, [passage(f"tombstone number {n}", document=f"d{n}") for n in range(300)])
        asked = asyncio.Event()

        async def ask(n):
            for turn in range(15):
                if n == 0 and turn == 3:
                    asked.set()
                await fill(mine, index, [passage(f"written {n} {turn}", document=f"w{n}")])
                assert len(await search(mine, index)) == 3

        asks = [asyncio.create_task(ask(n)) for n in range(8)]
        await asked.wait()
        owner.send_signal(signal.SIGKILL)
        await asyncio.gather(*asks)
        stored = await mine.stored(index, [f"w{n}" for n in range(8)])
        assert sum(len(chunks) for chunks in stored.values()) == 8 * 15
        await mine.close()


async def test_an_owner_that_closes_during_calls_hands_over_and_loses_none(tmp_path):
    first, second, third = await opened(tmp_path), await opened(tmp_path), await opened(tmp_path)
    index = (await first.create(recipe())).name

    async def writes(indexes, name):
        for n in range(20):
            await fill(indexes, index, [passage(f"{name} {n}", document=name)])

    tasks = [asyncio.create_task(writes(second, "b")), asyncio.create_task(writes(third, "c"))]
    await fill(first, index, [ONE])
    await first.close()
    await asyncio.gather(*tasks)
    found = await second.stored(index, ["b", "c", "d1"])
    assert {name: len(chunks) for name, chunks in found.items()} == {"b": 20, "c": 20, "d1": 1}
    assert second.owner != third.owner
    await second.close()
    await third.close()


async def test_a_call_that_reaches_an_owner_about_to_end_is_answered_by_the_next(tmp_path):
    owner, mine = await opened(tmp_path), await opened(tmp_path)
    async with owner._turn:  # the owner is told to close, and cannot yet
        closing = asyncio.create_task(owner.close())
        call = asyncio.create_task(mine.create(recipe()))
        await asyncio.wait({call}, timeout=0.1)
    assert (await call).name == recipe().name
    await closing
    assert mine.owner
    await mine.close()


async def test_a_connection_made_in_the_moment_in_which_the_owner_ends_is_ended_too(tmp_path):
    owner = await opened(tmp_path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "socket"))
        client.settimeout(10)
        await asyncio.create_task(
            owner.close()
        )  # one turn of the loop later: the connection was taken, and nobody serves it yet
        assert await asyncio.to_thread(client.recv, 1) == b"", "it would wait for ever"


async def test_a_closed_store_says_so_and_can_be_opened_again(tmp_path):
    mine = await opened(tmp_path)
    index = (await mine.create(recipe())).name
    await fill(mine, index, [ONE])
    for _ in range(2):
        await mine.close()
    with pytest.raises(IndexStoreError, match="closed"):
        await mine.live()
    await mine.open()
    assert await search(mine, index) == [ONE]
    await mine.close()


async def test_a_cancelled_call_never_gives_its_reply_to_the_next_one(tmp_path):
    async with process(tmp_path):
        mine = await opened(tmp_path)
        index = (await mine.create(recipe())).name
        await fill(mine, index, [ONE])
        for steps in range(12):
            task = asyncio.create_task(mine.stored(index, ["d1"]))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            assert await mine.live() == ""
            assert [one.name for one in await mine.list()] == [index]
            await asyncio.gather(task, return_exceptions=True)
        await mine.close()


async def test_a_stopped_owner_is_named_and_others_wait_no_longer_than_told(tmp_path):
    async with process(tmp_path) as (owner, _):
        (tmp_path / "socket").unlink()  # it runs, but cannot be reached
        mine = EdgeIndexes(tmp_path, attach_within=0.1)
        with pytest.raises(IndexStoreError, match=rf"process {owner.pid}, which does not answer"):
            await mine.open()
        await mine.close()


async def test_closing_ends_calls_that_wait_for_a_slow_owner(tmp_path):
    async with process(tmp_path) as (owner, _):
        mine = await opened(tmp_path)
        owner.send_signal(signal.SIGSTOP)
        call = asyncio.create_task(mine.list())
        await asyncio.sleep(0)
        await mine.close()
        with pytest.raises(IndexStoreError, match="closed"):
            await call
        owner.send_signal(signal.SIGCONT)


async def test_one_slow_call_holds_up_no_other_of_the_same_client(tmp_path):
    first, second = await opened(tmp_path), await opened(tmp_path)
    index = (await first.create(recipe())).name
    await fill(first, index, [ONE])
    go = asyncio.Event()
    perform = first._perform

    async def slowly(method, arguments):
        if method == "optimize":
            await go.wait()
        return await perform(method, arguments)

    first._perform = slowly
    slow = asyncio.create_task(second.optimize(index))
    assert await search(second, index) == [ONE]
    assert not slow.done()
    go.set()
    await slow
    await second.close()
    await first.close()


async def test_hundreds_of_calls_at_once_are_all_answered(tmp_path):
    first, second = await opened(tmp_path), await opened(tmp_path)
    index = (await first.create(recipe())).name
    await fill(first, index, [ONE])
    assert await asyncio.gather(*(search(second, index) for _ in range(500))) == [[ONE]] * 500
    await second.close()
    await first.close()


async def test_a_close_that_is_cancelled_still_lets_the_next_process_own_the_folder(tmp_path):
    first = await opened(tmp_path)
    index = (await first.create(recipe())).name
    await fill(first, index, [ONE])
    closing = asyncio.create_task(first.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    async with process(tmp_path) as (_, part):
        assert part == "owner"


async def test_what_is_too_large_to_send_is_told_at_once_and_the_next_call_works(tmp_path, monkeypatch):
    first, second = await opened(tmp_path), await opened(tmp_path)
    index = (await first.create(recipe())).name
    await fill(first, index, [passage("long " * 40_000)])
    monkeypatch.setattr(wire, "LARGEST", 100_000)
    with pytest.raises(IndexStoreError, match="over the bound"):
        await second.stored(index, ["d1"])
    with pytest.raises(IndexStoreError, match="over the bound"):
        await fill(second, index, [passage("x" * 200_000)])
    with pytest.raises(IndexStoreError, match="no message can hold"):
        await second.remove(index, ["\ud800"])
    assert len(await second.list()) == 1
    await second.close()
    await first.close()


async def test_documents_that_together_are_too_large_to_send_go_and_come_in_parts(tmp_path, monkeypatch):
    first, second = await opened(tmp_path), await opened(tmp_path)
    index = (await first.create(recipe())).name
    monkeypatch.setattr(wire, "LARGEST", 100_000)
    chunks = [passage(f"{n} " + "長い" * 2000, document=f"d{n % 4}", position=n) for n in range(40)]  # half a megabyte
    await fill(second, index, chunks)
    moved = [replace(one, position=one.position + 1) for one in chunks]
    await second.update(index, moved)
    found = await second.stored(index, ["d0", "d1", "d2"])
    assert found == {name: {one.id: one for one in moved if one.document == name} for name in ("d0", "d1", "d2")}
    assert [one.id async for one in second.scan(index)] == sorted(one.id for one in chunks)
    assert len([one async for one in second.scan(index, 7)]) == 7
    assert not second.owner
    await second.close()
    await first.close()


async def test_a_stale_socket_and_a_stale_note_of_the_owner_are_replaced(tmp_path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "socket"))
    (tmp_path / "owner").write_text(f"1\n{tmp_path / 'socket'}\n")
    mine = await opened(tmp_path)
    assert mine.owner
    other = await opened(tmp_path)
    assert await other.list() == []
    await other.close()
    await mine.close()
    assert not (tmp_path / "socket").exists()


async def test_a_folder_with_a_long_path_is_shared_through_a_private_place_and_leaves_one_at_most(tmp_path):
    folder = tmp_path / ("long" * 30)
    mine = await opened(folder)
    place = socket_path(folder)
    assert len(os.fsencode(place)) <= LONGEST_SOCKET < len(os.fsencode(folder))
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert socket_path(folder) == place
    other = await opened(folder)
    assert not other.owner
    assert await other.list() == []
    await other.close()
    await mine.close()
    assert not place.exists()


async def test_a_long_path_is_not_shared_through_a_place_that_others_may_enter(tmp_path):
    folder = tmp_path / ("open" * 30)
    folder.mkdir()
    place = socket_path(folder).parent
    place.chmod(0o755)
    with pytest.raises(IndexStoreError, match="private"):
        await opened(folder)
    place.rmdir()


async def test_only_the_user_may_talk_to_the_owner(tmp_path):
    mine = await opened(tmp_path / "index")
    assert stat.S_IMODE((tmp_path / "index").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "index" / "socket").stat().st_mode) == 0o600
    await mine.close()


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\xff\xff", b"\0\0\0\1\xc1", wire.frame(b"\x92\xa4exec\xc0"), b"", b"\0\0"],
)
async def test_what_is_no_call_harms_no_one_else(tmp_path, sent):
    mine = await opened(tmp_path)
    reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
    writer.write(sent)
    writer.write_eof()
    await reader.read()
    writer.close()
    assert await mine.list() == []
    await mine.close()


async def test_two_builds_at_once_end_as_one(tmp_path):
    async with process(tmp_path):
        first, second = await opened(tmp_path), await opened(tmp_path)
        chunks = [passage(f"passage {n}", document=f"d{n}") for n in range(200)]

        async def build(indexes):
            index = (await indexes.create(recipe())).name
            for at in range(0, 200, 20):
                await fill(indexes, index, chunks[at : at + 20])
                await indexes.mark(index, revisions={"blog": at + 20})
            return index

        names = await asyncio.gather(build(first), build(second))
        assert names[0] == names[1]
        (info,) = await first.list()
        assert (info.chunks, dict(info.revisions)) == (200, {"blog": 200})
        await first.close()
        await second.close()


async def test_an_index_that_was_half_made_by_a_killed_process_is_made_again(tmp_path):
    (tmp_path / recipe().name / "shard").mkdir(parents=True)
    (tmp_path / recipe().name / "shard" / "junk").write_bytes(b"\0")
    mine = await opened(tmp_path)
    assert await mine.list() == []
    index = (await mine.create(recipe())).name
    await fill(mine, index, [ONE])
    assert await search(mine, index) == [ONE]
    await mine.close()


async def test_damaged_files_are_named_with_what_to_do(tmp_path):
    mine = await opened(tmp_path)
    index = (await mine.create(recipe())).name
    (tmp_path / index / "meta.json").write_text("{")
    with pytest.raises(IndexStoreError, match=r"meta.json: is damaged .* run `twin index build`"):
        await mine.list()
    await mine.close()


@pytest.mark.parametrize("name", ["..", ".", "../x", "a/b", "/etc", "a\0b"])
async def test_a_name_never_leads_out_of_the_folder(tmp_path, name):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "kept").write_text("kept")
    mine = await opened(tmp_path / "index")
    with pytest.raises(IndexStoreError, match="no name of an index"):
        await mine.drop(name)
    assert (tmp_path / "x" / "kept").exists()
    await mine.close()


async def test_refusals_of_the_owner_are_refusals_at_its_clients(tmp_path):
    async with process(tmp_path):
        mine = await opened(tmp_path)
        index = (await mine.create(recipe())).name
        await mine.switch(index)
        with pytest.raises(RefusedError, match="live"):
            await mine.drop(index)
        await mine.close()


async def test_a_place_that_is_no_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(IndexStoreError, match="TWIN_HOME"):
        await opened(tmp_path / "file")
    with pytest.raises(IndexStoreError, match="cannot be used"):
        Ownership(Path(tmp_path / "nowhere")).take()
