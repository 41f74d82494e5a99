"""MongoDB's address and user, from variables -> exit status 0 when a document is kept and found. For `helm test`."""
# ruff: noqa: INP001, T201 - a script that prints, and no package

from __future__ import annotations

import os
import sys

from pymongo import MongoClient
from pymongo.errors import PyMongoError

SECONDS = 30


def main() -> int:
    """Write, look, and drop the collection whatever happened."""
    host, user, password = (os.environ.get(f"MONGODB_{name}") for name in ("HOST", "USERNAME", "PASSWORD"))
    client = MongoClient(host, username=user, password=password, serverSelectionTimeoutMS=SECONDS * 1000)
    collection = client["twin-helm-test"][os.environ.get("HOSTNAME", "here")]
    try:
        try:
            collection.insert_one({"_id": 7, "said": "kept"})
            found = collection.find_one({"_id": 7})
        finally:
            collection.drop()
    except PyMongoError as exc:
        print(f"{host} refuses: {exc}")
        return 1
    print(f"found {found}")
    return 0 if found and found["said"] == "kept" else 1


if __name__ == "__main__":
    sys.exit(main())
