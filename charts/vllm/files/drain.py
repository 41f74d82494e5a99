"""Seconds and vLLM's address -> ends when vLLM has answered all that it was asked, or when they are over.

Run before vLLM is told to stop; standard library only. First it waits: for some seconds load
balancers still send requests to a pod that is to go.
"""
# ruff: noqa: INP001, T201 - a script that prints, and no package

from __future__ import annotations

import re
import sys
import time
import urllib.request

FORGOTTEN = 10.0  # seconds until nobody sends anything more
EVERY = 1.0
COUNT = re.compile(r"^vllm:num_requests_(?:running|waiting)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


def main() -> int:
    """Wait. What cannot be asked has nothing to end."""
    seconds, address = sys.argv[1:]
    until = time.monotonic() + float(seconds)
    time.sleep(min(FORGOTTEN, max(0.0, until - time.monotonic())))
    while time.monotonic() < until and (left := unanswered(address)):
        print(f"{left:g} requests are being answered", flush=True)
        time.sleep(EVERY)
    return 0


def unanswered(address: str) -> float:
    """Requests that run or wait."""
    try:
        with urllib.request.urlopen(f"{address}/metrics", timeout=5) as reply:  # noqa: S310 - its own pod
            return sum(map(float, COUNT.findall(reply.read().decode())))
    except OSError:
        return 0.0


if __name__ == "__main__":
    sys.exit(main())
