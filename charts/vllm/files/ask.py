"""A model server's address -> exit status 0 when it gives an answer: by its adapter where it has one. For `helm test`.

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

SECONDS = 240


def main() -> int:
    """List what is served, ask the last of it."""
    address = sys.argv[1]
    try:
        served = told(address, "/v1/models")["data"]
        name = next((one["id"] for one in reversed(served) if one.get("parent")), served[0]["id"])
        body = {"model": name, "max_tokens": 16, "messages": [{"role": "user", "content": "Say hello."}]}
        choice = told(address, "/v1/chat/completions", body)["choices"][0]
    except urllib.error.HTTPError as exc:
        print(f"the model server answered {exc.code}: {exc.read()[:2000].decode(errors='replace')}")
        return 1
    except OSError as exc:
        print(f"{address} cannot be asked: {exc}")
        return 1
    print(f"{name}: {choice['message']['content']}")
    return 0 if choice["message"]["content"] else 1


def told(address: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """What one request is answered. Raises HTTPError and OSError."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {os.environ['TWIN_MODEL_KEY']}"}
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(address + path, data, headers)  # noqa: S310 - the chart's own Service
    with urllib.request.urlopen(request, timeout=SECONDS) as reply:  # noqa: S310
        return json.load(reply)


if __name__ == "__main__":
    sys.exit(main())
