"""Keys in a file: what is kept, who may, and what a file that changes meanwhile does."""

from __future__ import annotations

import json
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from twin.drivers.keys import Keys
from twin.errors import StoreError


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        self.now += 1  # every look is a new one
        return self.now


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "home" / "keys.json", Clock())


def test_secret_is_kept_only_as_its_digest_and_for_the_owner_alone(keys: Keys) -> None:
    _, token = keys.create("chat", ["ask"])
    file = keys._path
    assert token.rpartition("_")[2] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_key_is_known_by_its_whole_token_only(keys: Keys) -> None:
    key, token = keys.create("chat", ["ask"])
    assert keys.check(token) == key
    for wrong in (
        "",
        "twin",
        "twin_",
        token[:-1],
        token + "x",
        token.upper(),
        token.replace("twin", "twon"),
        f"twin_{key.id}_",
        "é" * 50,
    ):
        assert keys.check(wrong) is None


def test_scopes_are_what_they_say_and_admin_is_all(keys: Keys) -> None:
    ask, admin = keys.create("a", ["ask"])[0], keys.create("b", ["admin"])[0]
    assert [ask.allows(scope) for scope in ("ask", "feedback", "admin")] == [True, False, False]
    assert all(admin.allows(scope) for scope in ("ask", "feedback", "admin"))
    for wrong in ([], ["root"], ["ask", ""]):
        with pytest.raises(StoreError):
            keys.create("c", wrong)


def test_what_another_process_changes_is_seen(keys: Keys) -> None:
    other = Keys(keys._path, Clock())
    assert len(keys) == 0
    key, token = other.create("chat", ["ask"])
    assert (len(keys), keys.check(token)) == (1, key)
    other.revoke(key.id)
    assert (len(keys), keys.check(token)) == (0, None)


def test_file_that_cannot_be_read_is_said_at_every_look_until_it_is_mended(keys: Keys) -> None:
    _, token = keys.create("chat", ["ask"])
    good = keys._path.read_bytes()
    assert keys.check(token)
    keys._path.write_bytes(b"[{")
    for _ in range(3):
        with pytest.raises(StoreError, match="cannot be read"):
            keys.check(token)
        with pytest.raises(StoreError, match="cannot be read"):
            len(keys)
    keys._path.write_bytes(good)
    assert keys.check(token)
    keys._path.write_bytes(b"[{")
    with pytest.raises(StoreError):
        keys.check(token)
    keys._path.unlink()
    assert len(keys) == 0


@pytest.mark.parametrize(
    "change", [{"expires": "soon"}, {"expires": 3}, {"per_minute": -1}, {"scopes": "ask"}, {"digest": None}, {"created": ""}]
)
def test_key_that_was_spoilt_by_hand_spoils_the_file_and_not_the_gateway(keys: Keys, change: dict[str, object]) -> None:
    _, token = keys.create("chat", ["ask"])
    entries = json.loads(keys._path.read_text())
    keys._path.write_text(json.dumps([{**entries[0], **change}]))
    with pytest.raises(StoreError, match="cannot be read"):
        keys.check(token)


def test_path_that_cannot_hold_keys_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder" / "keys.json").mkdir(parents=True)
    for path in (tmp_path / "file" / "keys.json", tmp_path / "folder" / "keys.json"):
        with pytest.raises(StoreError, match="keys"):
            len(Keys(path, Clock()))
        with pytest.raises(StoreError):
            Keys(path, Clock()).create("chat", ["ask"])


def test_many_who_make_keys_at_once_lose_none(tmp_path: Path) -> None:
    def make(n: int) -> None:
        Keys(tmp_path / "keys.json").create(f"k{n}", ["ask"])

    threads = [threading.Thread(target=make, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Keys(tmp_path / "keys.json").list()) == 12
