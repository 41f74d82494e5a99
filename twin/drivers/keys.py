"""API keys in a file: hashed, scoped, revocable while a gateway runs. Knows no HTTP.

A key is `twin_<id>_<secret>` with 256 random bits in the secret, so one round of SHA-256 is enough to keep it; it is compared
in constant time. The file is replaced at once and only under a lock, and a reader sees a change within a second.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec

from twin.errors import StoreError

SCOPES = ("ask", "feedback", "admin")
LOOK_EVERY = 0.5  # seconds between two looks at the file


class Key(msgspec.Struct, frozen=True):
    """A key as it is kept: without its secret. `per_minute` 0 is no limit; `expires` is ISO 8601 or empty."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created: str
    digest: str = ""
    per_minute: Annotated[int, msgspec.Meta(ge=0)] = 0
    expires: str = ""

    def allows(self, scope: str) -> bool:
        """Whether the key may do what `scope` stands for; admin may do all."""
        return scope in self.scopes or "admin" in self.scopes


class Keys:
    """The keys in `path`."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._looked = 0.0
        self._stamp: tuple[int, int, int] | None = None
        self._keys: dict[str, Key] = {}
        self._unreadable = ""

    def create(self, name: str, scopes: Sequence[str], *, per_minute: int = 0, expires: str = "") -> tuple[Key, str]:
        """A new key, and its only showing. Raises StoreError for an unknown scope."""
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            raise StoreError(f"scope {unknown[0] if unknown else ''!r} is none of {', '.join(SCOPES)}")
        identity, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        created = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds")
        key = Key(identity, name, tuple(scopes), created, _digest(secret), per_minute, expires)
        with self._changing() as keys:
            keys[key.id] = key
        return key, f"twin_{identity}_{secret}"

    def list(self) -> list[Key]:
        """All keys, oldest first."""
        return sorted(self._read().values(), key=lambda key: key.created)

    def revoke(self, identity: str) -> Key:
        """Take a key away, at once for every gateway. Raises StoreError when there is none."""
        with self._changing() as keys:
            if identity not in keys:
                raise StoreError(f"there is no key {identity!r}: `twin keys list` shows those that are")
            return keys.pop(identity)

    def __len__(self) -> int:
        self._look()
        return len(self._keys)

    def check(self, token: str) -> Key | None:
        """The key that `token` is, or None: unknown, revoked or expired."""
        self._look()
        prefix, _, rest = token.partition("_")
        identity, _, secret = rest.partition("_")
        key = self._keys.get(identity)
        same = hmac.compare_digest(_digest(secret), key.digest if key else _digest(""))
        if prefix != "twin" or key is None or not same:
            return None
        return None if key.expires and datetime.fromisoformat(key.expires).timestamp() < self._clock() else key

    def _look(self) -> None:
        """Read the file again when it changed. Raises StoreError as long as it cannot be read: neither old keys nor none."""
        now = self._clock()
        if not 0 <= now - self._looked < LOOK_EVERY:
            self._looked = now
            self._refresh()
        if self._unreadable:
            raise StoreError(self._unreadable)

    def _refresh(self) -> None:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._keys, self._unreadable = None, {}, ""
            return
        except OSError as exc:
            self._unreadable = f"{self._path}: the keys cannot be looked at ({exc.strerror})"
            return
        stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if stamp == self._stamp and not self._unreadable:
            return
        try:
            self._keys, self._stamp, self._unreadable = self._read(), stamp, ""
        except StoreError as exc:
            self._unreadable = str(exc)

    def _read(self) -> dict[str, Key]:
        try:
            keys = msgspec.json.decode(self._path.read_bytes(), type=list[Key])
            for key in keys:
                datetime.fromisoformat(key.expires or key.created)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as exc:
            raise StoreError(
                f"{self._path}: the keys cannot be read ({exc}); restore the file, or remove it and make new keys"
            ) from exc
        return {key.id: key for key in keys}

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Key]]:
        partial = self._path.with_suffix(".partial")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                keys = self._read()
                yield keys
                descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(msgspec.json.format(msgspec.json.encode(list(keys.values()))))
                    file.flush()
                    os.fsync(file.fileno())
                partial.rename(self._path)
        except OSError as exc:
            raise StoreError(f"{self._path}: the keys cannot be written ({exc.strerror})") from exc
        self._looked = 0.0


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
