"""What only a server can do to us: refuse, break, be shared, and tell secrets back."""

import asyncio

import pytest

from tests.doubles.qdrant import QdrantDouble
from tests.integration.index.samples import fill, passage, recipe, vector
from tests.servers import free_port
from twin.drivers.qdrant import patience
from twin.drivers.qdrant.server import ServerIndexes
from twin.errors import IndexStoreError, RefusedError, SettingsError
from twin.records import Filter

SECRET = "key-that-nobody-should-see"
ONE = passage("A tombstone marks a document that is gone.")


@pytest.fixture
async def double():
    async with QdrantDouble(SECRET) as made:
        yield made


@pytest.fixture
async def store(double):
    made = ServerIndexes(double.url, SECRET)
    await made.open()
    yield made
    await made.close()


async def test_the_alias_moves_in_one_request(double, store):
    first, second = await store.create(recipe("a")), await store.create(recipe("b"))
    await store.switch(first.name)
    double.requests.clear()
    await store.switch(second.name)
    assert [one for one in double.requests if one[0] != "GET"] == [("POST", "/collections/aliases")]
    assert await store.live() == second.name


async def test_a_wrong_key_is_told_by_its_setting_and_not_shown(double):
    wrong = ServerIndexes(double.url, "another-secret-key")
    with pytest.raises(IndexStoreError, match="TWIN_QDRANT_API_KEY") as refused:
        await wrong.open()
    assert "another-secret-key" not in str(refused.value) + repr(wrong)


async def test_neither_key_nor_password_is_shown_when_the_server_repeats_them(double):
    address = double.url.replace("//", "//someone:the-password@")
    made = ServerIndexes(address, SECRET)
    await made.open()
    double.statuses += [500]
    with pytest.raises(IndexStoreError, match="HTTP 500 scripted") as failed:
        await made.list()
    assert "the-password" not in str(failed.value) + repr(made)
    assert SECRET not in str(failed.value)
    await made.close()


async def test_a_server_that_is_too_busy_is_asked_again_after_what_it_asks_for(double, store):
    double.statuses, double.headers = [429, 429], {"retry-after": "0"}
    double.requests.clear()
    assert await store.live() == ""
    assert len(double.requests) == 3


@pytest.mark.parametrize("asked", ["3600", "Fri, 01 Jan 2100 00:00:00 GMT", ""])
async def test_a_server_that_stays_too_busy_is_named_and_waited_for_no_longer_than_a_question_can(
    double, store, asked, monkeypatch
):
    monkeypatch.setattr(patience, "LONGEST", 0.1)
    double.statuses, double.headers = [429] * 9, {"retry-after": asked} if asked else {}
    with pytest.raises(IndexStoreError, match=r"at http://127\.0\.0\.1:\d+ could not read its aliases: HTTP 429"):
        await store.live()
    assert len(double.statuses) == 8


async def test_a_server_that_is_not_there_is_named_without_credentials():
    made = ServerIndexes(f"http://someone:the-password@127.0.0.1:{free_port()}", SECRET)
    with pytest.raises(IndexStoreError, match=r"http://127.0.0.1:\d+ .*TWIN_QDRANT_URL") as failed:
        await made.open()
    assert "the-password" not in str(failed.value)


@pytest.mark.parametrize("url", ["http://[", "http://host:port"])
async def test_an_address_that_is_none_is_a_mistake_in_the_settings(url):
    with pytest.raises(SettingsError, match="qdrant_url"):
        await ServerIndexes(url).open()


async def test_a_closed_store_says_so(double):
    made = ServerIndexes(double.url, SECRET)
    with pytest.raises(IndexStoreError, match="closed"):
        await made.live()


async def test_another_projects_collections_are_neither_listed_nor_dropped_nor_filled(double, store):
    await store.create(recipe())
    double.collections[f"twin.{recipe().name}"][1]["metadata"] = None
    assert await store.list() == []
    with pytest.raises(RefusedError, match="not made by twin"):
        await store.drop(recipe().name)
    with pytest.raises(IndexStoreError, match="not made by twin"):
        await store.create(recipe())
    assert f"twin.{recipe().name}" in double.collections


async def test_twins_with_the_same_recipe_share_a_server_and_nothing_else(double):
    ada, bob = (ServerIndexes(double.url, SECRET, alias=name) for name in ("ada", "bob"))
    for one in (ada, bob):
        await one.open()
        await one.create(recipe())
    await fill(ada, recipe().name, [ONE])
    await ada.switch(recipe().name)
    assert [info.chunks for one in (ada, bob) for info in await one.list()] == [1, 0]
    assert (await ada.live(), await bob.live()) == (recipe().name, "")
    await bob.drop(recipe().name)
    assert [chunk.id async for chunk in ada.scan("")] == [ONE.id]
    for one in (ada, bob):
        await one.close()


async def test_processes_that_make_the_same_index_at_once_make_one(double, store):
    others = [ServerIndexes(double.url, SECRET) for _ in range(4)]
    for one in others:
        await one.open()
    made = await asyncio.gather(*(one.create(recipe()) for one in [store, *others]))
    assert len({(one.name, one.created) for one in made}) == 1
    await asyncio.gather(*(one.mark(recipe().name, revisions={f"s{n}": n}) for n, one in enumerate(others)))
    (info,) = await store.list()
    assert dict(info.revisions) == {f"s{n}": n for n in range(4)}
    for one in others:
        await one.close()


async def test_shards_replicas_and_quantization_reach_the_server(double):
    made = ServerIndexes(double.url, SECRET, quantization="scalar", shards=3, replicas=2)
    await made.open()
    info = await made.create(recipe())
    asked = double.collections[f"twin.{info.name}"][1]
    assert info.layout == {"quantization": "scalar", "shards": 3, "replicas": 2}
    assert (asked["shard_number"], asked["replication_factor"]) == (3, 2)
    assert asked["quantization_config"] == {"scalar": {"type": "int8", "always_ram": True}}
    await made.close()


async def test_a_point_that_another_wrote_is_an_error_and_no_crash(double, store):
    index = (await store.create(recipe())).name
    await fill(store, index, [ONE])
    await store._client.overwrite_payload(f"twin.{index}", {"x": 1}, [ONE.id])
    with pytest.raises(IndexStoreError, match="not as expected"):
        await store.search(index, vector=vector(ONE.text), text="tombstone", filter=Filter(), limit=1)
