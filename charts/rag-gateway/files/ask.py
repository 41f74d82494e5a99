"""A gateway's address and a question -> exit status 0 when the answer cites a passage. For `helm test`.

Standard library only: it runs in whatever image the chart is given.
"""
# ruff: noqa: INP001, T201 - a script that prints, and no package

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request

SECONDS = 300


def main() -> int:
    """Ask once, print the answer and what it cites."""
    address, question = sys.argv[1:]
    body = {"model": "twin", "messages": [{"role": "user", "content": question}]}
    headers = {"content-type": "application/json", "authorization": f"Bearer {os.environ['TWIN_KEY']}"}
    request = urllib.request.Request(f"{address}/v1/chat/completions", json.dumps(body).encode(), headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as reply:  # noqa: S310 - the chart's own Service
            message = json.load(reply)["choices"][0]["message"]
    except urllib.error.HTTPError as exc:
        print(f"the gateway answered {exc.code}: {exc.read()[:2000].decode(errors='replace')}")
        return 1
    except OSError as exc:
        print(f"{address} cannot be asked: {exc}")
        return 1
    cited = [one["url_citation"]["url"] for one in message.get("annotations") or []]
    print(message["content"], *cited, sep="\n")
    if not cited:
        print("the answer cites nothing: is an index live, and does it hold what was asked for?")
    return 0 if cited else 1


if __name__ == "__main__":
    sys.exit(main())
