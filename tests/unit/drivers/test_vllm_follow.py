from pathlib import Path

import pytest

from twin.drivers.vllm.adapters import Wanted
from twin.drivers.vllm.follow import FORGET, Follower
from twin.drivers.vllm.models import Served
from twin.errors import ReleaseError, UpstreamError
from twin.records import Artifact


def wanted(letter):
    return Wanted(Artifact(f"s3://kept/artifacts/{letter}.json", f"sha256:{letter * 64}"))


class Server:
    """A vLLM: what it serves, and whether it answers."""

    def __init__(self):
        self.names, self.up = {"base"}, True

    async def served(self):
        if not self.up:
            raise UpstreamError("the model server is not there")
        return [Served(name, "", "" if name == "base" else "base") for name in sorted(self.names)]

    async def unload(self, name):
        self.names.discard(name)

    def restart(self):
        self.names = {"base"}


class Adapters:
    """Loads what can be fetched."""

    def __init__(self, server):
        self.server, self.missing = server, set()

    async def settle(self, wanted):
        if not self.server.up:
            return ("the model server is not there",)
        if wanted.name in self.missing:
            return ("it is not kept",)
        self.server.names.add(wanted.name)
        return ()


class Room:
    def __init__(self, folder: Path):
        self.server, self.now, self.release, self.ready = Server(), 0.0, [wanted("a")], folder / "adapters" / "ready"
        self.adapters = Adapters(self.server)
        self.follower = Follower(self.server, self.adapters, self.read, self.ready, lambda: self.now)

    def read(self):
        if isinstance(self.release, Exception):
            raise self.release
        return self.release


@pytest.fixture
def room(tmp_path):
    return Room(tmp_path)


async def test_it_is_ready_once_the_server_serves_what_the_release_names(room):
    room.server.up = False
    assert await room.follower.look()
    assert not room.ready.exists()
    room.server.up = True
    assert await room.follower.look() == ()
    assert wanted("a").name in room.server.names
    assert room.ready.exists()


async def test_without_a_release_a_server_that_answers_is_ready(room):
    room.release = []
    assert await room.follower.look() == ()
    assert room.ready.exists()
    room.server.up = False
    assert await room.follower.look()
    assert not room.ready.exists()


async def test_after_a_restart_it_is_ready_again_only_with_what_it_had(room):
    await room.follower.look()
    room.server.restart()
    room.adapters.missing = {wanted("a").name}
    assert await room.follower.look() == (f"{wanted('a').name}: it is not kept",)
    assert not room.ready.exists()
    room.adapters.missing = set()
    assert await room.follower.look() == ()
    assert room.ready.exists()


async def test_while_a_new_adapter_cannot_be_had_the_former_one_is_served_on(room):
    await room.follower.look()
    room.release, room.adapters.missing = [wanted("b")], {wanted("b").name}
    assert await room.follower.look()
    assert room.ready.exists()
    assert wanted("a").name in room.server.names


async def test_a_release_that_cannot_be_read_leaves_the_last_one(room):
    await room.follower.look()
    room.release = ReleaseError("release.yaml: broken")
    room.server.restart()
    assert await room.follower.look() == ("release.yaml: broken",)
    assert wanted("a").name in room.server.names
    assert room.ready.exists()


async def test_what_nothing_names_for_long_is_unloaded_and_what_a_person_loaded_stays(room):
    await room.follower.look()
    room.server.names.add("candidate")
    room.release = [wanted("b")]
    await room.follower.look()
    room.now = FORGET
    await room.follower.look()
    assert wanted("a").name in room.server.names
    room.now = FORGET + 1
    await room.follower.look()
    assert room.server.names == {"base", "candidate", wanted("b").name}
