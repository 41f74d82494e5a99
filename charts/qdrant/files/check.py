"""A Qdrant's address -> exit status 0 when a new collection like a twin's keeps a point and finds it again. For `helm test`.

Standard library only: it runs in whatever image the chart is given.
"""
# ruff: noqa: INP001, T201 - a script that prints, and no package

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any

NAME = f"helm-test-{os.environ.get('HOSTNAME', 'here')}"
SECONDS = 30
VECTOR = [0.1, 0.2, 0.3, 0.4]
LIKE_A_TWINS = {"vectors": {"dense": {"size": 4, "distance": "Cosine"}}, "sparse_vectors": {"bm25": {"modifier": "idf"}}}


def main() -> int:
    """Make it, write, look, and drop it whatever happened."""
    address = sys.argv[1]
    try:
        told(address, "PUT", f"/collections/{NAME}", LIKE_A_TWINS)
        try:
            points = [{"id": 7, "vector": {"dense": VECTOR}, "payload": {"said": "kept"}}]
            told(address, "PUT", f"/collections/{NAME}/points?wait=true", {"points": points})
            legs = [{"query": VECTOR, "using": "dense", "limit": 1}]
            query = {"prefetch": legs, "query": {"rrf": {"k": 60}}, "limit": 1, "with_payload": True}
            found = told(address, "POST", f"/collections/{NAME}/points/query", query)["points"]
        finally:
            told(address, "DELETE", f"/collections/{NAME}")
    except urllib.error.HTTPError as exc:
        print(f"Qdrant answered {exc.code}: {exc.read()[:2000].decode(errors='replace')}")
        return 1
    except OSError as exc:
        print(f"{address} cannot be asked: {exc}")
        return 1
    print(f"found {found}")
    return 0 if [one["payload"]["said"] for one in found] == ["kept"] else 1


def told(address: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """The result of one request. Raises HTTPError and OSError."""
    headers = {"content-type": "application/json", "api-key": os.environ.get("QDRANT_KEY", "")}
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(address + path, data, headers, method=method)  # noqa: S310 - the chart's own Service
    with urllib.request.urlopen(request, timeout=SECONDS) as reply:  # noqa: S310
        return json.load(reply)["result"]


if __name__ == "__main__":
    sys.exit(main())
