"""A name -> a lock that the operating system ends with its holder, however it dies. One machine; knows no database."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from twin.errors import LeaseError, StoreError


@asynccontextmanager
async def file_lease(folder: Path, name: str, owner: str) -> AsyncIterator[None]:
    """Hold `name` in `folder`. Raises LeaseError naming the holder, StoreError when the folder cannot be used.

    A lock of the kernel and not a heartbeat: it needs no clock, survives a laptop's sleep, and is gone in the moment
    its holder is killed, in another container on the same volume too.
    """
    descriptor = _opened(folder, name)
    try:
        _lock(descriptor, name)
        _sign(descriptor, owner)
        yield
    finally:
        os.close(descriptor)


def _opened(folder: Path, name: str) -> int:
    file = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as exc:
        raise StoreError(f"{file}: {exc.strerror}; check who owns the folder") from exc


def _lock(descriptor: int, name: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise LeaseError(f"source {name} is in use by {_holder(descriptor)}; wait for it to end, or stop it") from exc
    except OSError as exc:
        raise StoreError(f"source {name} cannot be locked: {exc.strerror}; the store needs a local file system") from exc


def _sign(descriptor: int, owner: str) -> None:
    """Say who holds the lock. Only for people: a full disk must not stop a sync here."""
    text = json.dumps({"owner": owner, "pid": os.getpid(), "since": time.time()}).encode()
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text, 0)
    except OSError:
        return


def _holder(descriptor: int) -> str:
    try:
        signed = json.loads(os.pread(descriptor, 4096, 0))
        return f"{signed['owner']} (process {signed['pid']}) for {max(0.0, time.time() - signed['since']):.0f} s"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
