"""One sync in a process of its own that kills itself at a write: `python -m ... STORE before|inside|after N`.

STORE is a path (SQLite) or a URL (MongoDB). N counts writes to the store from 0; -1 never dies.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import twin.documents.reconcile as reconciling
from tests.unit.documents.stores import Saying, document, source
from twin.documents.ports import Found, Listed
from twin.documents.sync import exit_status, sync
from twin.drivers.mongo import MongoDocuments
from twin.drivers.sqlite import SqliteDocuments

FIRST = {f"u{i:03}": "first" for i in range(120)}
SECOND = {
    **dict.fromkeys(list(FIRST)[:40], "first"),
    **dict.fromkeys(list(FIRST)[40:80], "second"),
    **{f"v{i:03}": "new" for i in range(60)},
}


def opened(where: str) -> SqliteDocuments | MongoDocuments:
    return MongoDocuments(where) if "://" in where else SqliteDocuments(Path(where))


def listing(texts: dict[str, str], cursor: str) -> Saying:
    return Saying(*(Found(document(uri, text), text) for uri, text in texts.items()), Listed(cursor))


class Deadly:
    """Wraps an async method so that the process dies around its n-th call, counted over all wrapped methods."""

    def __init__(self, when: str, fatal: int) -> None:
        self.when, self.left = when, fatal

    def wrap(self, owner: object, name: str, *, inside: bool = False) -> None:
        method = getattr(owner, name)

        async def wrapped(*args, **kwargs):
            self.left -= not inside
            if self.left == -1 and (inside if self.when == "inside" else self.when == "before"):
                os.kill(os.getpid(), signal.SIGKILL)
            result = await method(*args, **kwargs)
            if self.left == -1 and self.when == "after" and not inside:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(owner, name, wrapped)


def die_in_transactions(store: SqliteDocuments, deadly: Deadly) -> None:
    transaction = store.database._transaction

    def dying(work):
        def worked(connection):
            result = work(connection)
            if deadly.left == -1 and deadly.when == "inside":
                os.kill(os.getpid(), signal.SIGKILL)  # written, not committed
            return result

        return transaction(worked)

    store.database._transaction = dying


async def main(where: str, when: str, fatal: int) -> int:
    reconciling.BATCH = 20
    store, deadly = opened(where), Deadly(when, fatal)
    await store.open()
    for name in ("put", "bury", "set_versions", "set_cursor"):
        deadly.wrap(store, name)
    if isinstance(store, SqliteDocuments):
        die_in_transactions(store, deadly)
    else:
        deadly.wrap(store.ledger, "show", inside=True)  # documents written, revision not raised
    reports = await sync([source()], {"files": listing(SECOND, "second")}, store)
    await store.close()
    return exit_status(reports)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
