"""What a gateway finds against what its release says."""

from __future__ import annotations

import asyncio

import pytest

from services.gateway import standing as module
from services.gateway.standing import Standing, wanted
from twin.drivers.vllm.adapters import Wanted, served_name
from twin.errors import IndexStoreError
from twin.records import Artifact
from twin.release.reading import checked
from twin.release.release import Prompt, Release

D = "sha256:" + "a" * 64
CANDIDATE = Wanted(Artifact("file:///artifacts/c", "sha256:" + "c" * 64))


def release() -> Release:
    pins = {
        "id": "2026-11-20.1",
        "index": {"name": "minilm-l6-v2.c1.9f2c", "documents": D, "chunks": 3, "snapshot": f"file:///kept/index#{D}"},
        "dataset": {"uri": "file:///kept/dataset", "digest": D, "examples": 4},
        "model": {"base": "tiny", "revision": D, "adapter": f"file:///kept/adapter#{D}", "chatTemplate": D},
        "prompt": {"name": "twin-v1", "digest": D},
        "report": {"uri": "file:///kept/report", "digest": D, "verdict": "pass"},
    }
    return checked(pins, "the test")


class Searcher:
    def __init__(self, index: str) -> None:
        self.index = index

    async def live(self) -> str:
        if self.index == "broken":
            raise IndexStoreError("the index is away")
        return self.index

    async def search(self, *_, **__):
        raise AssertionError("nobody asked")


class Keeper:
    """Says of each adapter what it was told to."""

    def __init__(self, **said: tuple[str, ...]) -> None:
        self.said, self.asked = said, []

    async def settle(self, wanted: Wanted) -> tuple[str, ...]:
        self.asked.append(wanted.name)
        return self.said.get(wanted.name.replace("-", "_"), ())


def standing(**changes) -> Standing:
    pinned = release()
    made = {
        "searcher": Searcher(pinned.index.name),
        "release": pinned,
        "prompt": pinned.prompt,
        "asks": wanted(pinned.model).name,
        "keeper": Keeper(),
    }
    return Standing(**{**made, **changes})


async def differences(**changes) -> tuple[str, ...]:
    made = standing(**changes)
    assert made.differences, "before the first look it is not ready"
    await made.look()
    return made.differences


async def test_what_is_as_the_release_says_has_no_difference():
    assert await differences() == ()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"searcher": Searcher("other-index")}, ["has index", "other-index is live", "twin index switch"]),
        ({"searcher": Searcher("")}, ["none is live"]),
        ({"prompt": Prompt("twin-v9", "sha256:" + "9" * 64)}, ["has prompt", "twin-v9", "run the code of the release"]),
        ({"asks": ""}, ["quotes alone", "TWIN_MODEL_URL"]),
        ({"asks": "some-model"}, ["some-model", "TWIN_MODEL_NAME"]),
    ],
)
async def test_each_difference_is_named_with_both_sides_and_what_to_do(changes, named):
    (said,) = await differences(**changes)
    assert release().id in said
    for words in named:
        assert words in said


async def test_what_the_model_server_lacks_is_a_difference():
    name = wanted(release().model).name
    keeper = Keeper(**{name.replace("-", "_"): ("the model server cannot be reached",)})
    assert await differences(keeper=keeper) == ("the model server cannot be reached",)


async def test_a_twin_that_only_quotes_and_is_asked_to_has_no_difference():
    import msgspec

    quoting = msgspec.structs.replace(release(), model=None, dataset=None)
    assert await differences(release=quoting, asks="", keeper=None) == ()
    (said,) = await differences(release=quoting, asks="some-model", keeper=None)
    assert "answers by quotes alone, but this gateway by some-model" in said


async def test_a_candidate_that_cannot_be_served_takes_no_part_and_the_gateway_stays_ready():
    keeper = Keeper()
    made = standing(keeper=keeper, candidate=CANDIDATE)
    await made.look()
    assert (made.differences, made.candidate_ready) == ((), True)
    keeper.said = {served_name(CANDIDATE.artifact.digest).replace("-", "_"): ("it is lost",)}
    await made.look()
    assert (made.differences, made.candidate_ready) == ((), False)


async def test_it_looks_again_by_itself_and_at_once_when_woken(monkeypatch):
    searcher = Searcher("other-index")
    made = standing(searcher=searcher)
    watching = asyncio.create_task(made.watch())
    while "not been compared" in made.differences[0]:
        await asyncio.sleep(0)
    assert "other-index" in made.differences[0]
    searcher.index = release().index.name
    made.wake()
    while made.differences:
        await asyncio.sleep(0.001)
    searcher.index = "broken"
    monkeypatch.setattr(module, "EVERY", 0.001)
    made.wake()
    while not made.differences:
        await asyncio.sleep(0.001)
    assert made.differences == ("the index is away",)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
