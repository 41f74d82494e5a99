"""Who is let in: keys that come and go while the gateway serves, names that point here, pages of elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.gateway.serve import serve
from tests.integration.gateway.rig import Gate, gateway
from twin.drivers.keys import Keys
from twin.errors import SettingsError, StoreError


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self) -> None:
        self.now += 1  # longer than between two looks at the file


@dataclass
class Door:
    """A gateway whose file of keys another process changes."""

    gate: Gate
    keys: Keys
    clock: Clock

    async def tried(self, key: str = "", **headers: str) -> int:
        named = {"authorization": f"Bearer {key}"} if key else {}
        return (await self.gate.call("GET", "/v1/models", None, **named, **headers)).status


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    clock, file = Clock(), tmp_path / "keys.json"
    async with gateway(tmp_path, keys=Keys(file, clock)) as gate:
        yield Door(gate, Keys(file, clock), clock)


async def test_taking_the_last_key_away_lets_nobody_in_where_others_can_connect(door: Door) -> None:
    door.gate.state.loopback = False
    key, token = door.keys.create("only", ["ask"])
    door.clock.pass_by()
    assert (await door.tried(), await door.tried(token)) == (401, 200)
    door.keys.revoke(key.id)
    door.clock.pass_by()
    assert (await door.tried(), await door.tried(token)) == (401, 401)
    (door.gate.state.keys._path).unlink()
    door.clock.pass_by()
    assert await door.tried() == 401


async def test_on_loopback_the_first_key_closes_the_door_and_the_last_opens_it(door: Door) -> None:
    assert await door.tried() == 200
    key, token = door.keys.create("only", ["ask"])
    door.clock.pass_by()
    assert (await door.tried(), await door.tried(token)) == (401, 200)
    door.keys.revoke(key.id)
    door.clock.pass_by()
    assert await door.tried() == 200


@pytest.mark.parametrize("content", [b"", b"{", b"[]]", b'[{"id": 3}]', b"\xff\xfe", b"null"])
async def test_file_of_keys_that_cannot_be_read_lets_nobody_in(
    door: Door, content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, token = door.keys.create("only", ["ask"])
    door.clock.pass_by()
    assert await door.tried(token) == 200
    (tmp_path / "keys.json").write_bytes(content)
    door.clock.pass_by()
    assert await door.tried() == 503
    assert await door.tried(token) == 503
    assert str(tmp_path) not in (await door.gate.call("GET", "/v1/models")).raw.decode()
    assert str(tmp_path) in caplog.text
    with pytest.raises(StoreError, match="cannot be read"):
        await serve(door.gate.state, "127.0.0.1", 0, drain_timeout=1)
    assert (await door.gate.call("GET", "/healthz")).status == 200


async def test_key_that_expired_is_refused(door: Door) -> None:
    _, token = door.keys.create("short", ["ask"], expires="1970-01-12T13:46:45+00:00")
    door.clock.pass_by()
    assert await door.tried(token) == 200
    door.clock.now += 10
    assert await door.tried(token) == 401


@pytest.mark.parametrize(
    "said", ["", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer {}x", "Bearer x{}", "Bearer twin__", "bearer  {}"]
)
async def test_only_the_key_itself_opens(door: Door, said: str) -> None:
    _, token = door.keys.create("only", ["ask"])
    door.clock.pass_by()
    reply = await door.gate.call("GET", "/v1/models", None, authorization=said.format(token))
    assert reply.status == (200 if said == "bearer  {}" else 401)
    assert token not in str(reply)


@pytest.mark.parametrize(
    ("path", "method", "scopes"),
    [
        ("/v1/chat/completions", "POST", ["feedback"]),
        ("/v1/retrieve", "POST", ["feedback"]),
        ("/v1/embeddings", "POST", ["feedback"]),
        ("/v1/models", "GET", ["feedback"]),
        ("/v1/models/twin", "GET", ["feedback"]),
        ("/v1/feedback", "POST", ["ask"]),
        ("/v1/traces/0199c0de-0000", "GET", ["ask", "feedback"]),
        ("/v1/reviews", "GET", ["ask", "feedback"]),
        ("/v1/reviews/0199c0de", "POST", ["ask", "feedback"]),
    ],
)
async def test_each_route_needs_its_scope(door: Door, path: str, method: str, scopes: list[str]) -> None:
    _, token = door.keys.create("less", scopes)
    _, admin = door.keys.create("all", ["admin"])
    door.clock.pass_by()
    assert (await door.gate.call(method, path, {}, authorization=f"Bearer {token}")).status == 403
    assert (await door.gate.call(method, path, {}, authorization=f"Bearer {admin}")).status not in {401, 403}
    assert (await door.gate.call(method, path, {})).status == 401


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.org",
        "evil.example.org:{port}",
        "127.0.0.1.evil.example.org",
        "localhost.evil.example.org:{port}",
        "notlocalhost",
        "192.168.0.7",
        "0.0.0.0",
        "169.254.169.254",
        "[::]",
        "[",
        "",
        "127.0.0.1@evil.example.org",
        "[::ffff:8.8.8.8]",
    ],
)
async def test_without_keys_a_name_that_points_here_is_refused(door: Door, host: str) -> None:
    assert await door.tried(host=host.format(port=door.gate.port)) == 403


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST", "127.8.8.8", "[::1]:{port}", "twin.localhost"]
)
async def test_without_keys_this_machine_is_answered_by_all_its_names(door: Door, host: str) -> None:
    assert await door.tried(host=host.format(port=door.gate.port)) == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example.org", "null", "http://127.0.0.1:1", "http://localhost.evil.example.org", "file://", "x"]
)
async def test_without_keys_pages_of_elsewhere_are_not_answered(door: Door, origin: str) -> None:
    assert await door.tried(origin=origin) == 403
    assert await door.tried(origin=door.gate.url) == 200
    reply = await door.gate.call("OPTIONS", "/v1/chat/completions", None, origin=origin)
    assert "access-control-allow-origin" not in reply.headers


async def test_two_hosts_in_one_question_are_refused(door: Door) -> None:
    for order in (("127.0.0.1", "evil.example.org"), ("evil.example.org", "127.0.0.1")):
        lines = "".join(f"host: {one}\r\n" for one in order)
        raw = await door.gate.send(f"GET /v1/models HTTP/1.1\r\n{lines}connection: close\r\n\r\n".encode())
        assert raw.split(b" ")[1] in {b"400", b"403"}


async def test_gateway_does_not_start_off_loopback_without_a_key(door: Door) -> None:
    for host in ("0.0.0.0", "::", "192.168.0.7"):
        with pytest.raises(SettingsError, match="twin keys create"):
            await serve(door.gate.state, host, 0, drain_timeout=1)
