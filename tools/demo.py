"""`make demo`: this repository's own documents -> a served, streamed, cited answer, on the embedded defaults.

On a terminal it goes on serving until Ctrl-C; elsewhere it ends after the answer.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from twin.errors import TwinError

ROOT = Path(__file__).parent.parent
FEED_SOURCES = "sources.demo.yaml"  # ignored by git
STARTED = time.monotonic()


def main() -> int:
    """Run the demo and give its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feed", default="", help="a public RSS or Atom feed to read as well")
    parser.add_argument("question")
    options = parser.parse_args()
    try:
        demo(options.question, options.feed)
    except TwinError as exc:
        print(f"demo: {exc}", file=sys.stderr)
        return exc.exit_status
    return 0


def demo(question: str, feed: str) -> None:
    """Sync, build, switch, serve and ask once. Raises TwinError."""
    from twin.cli.place import Place
    from twin.cli.serve import refresh, run
    from twin.settings import load

    settings = load(ROOT, os.environ)
    here = Place(ROOT, settings, _sources(feed) if feed else ROOT / settings.sources)
    refresh(here, allow_mass_delete=True)  # the repository is the user's own to change between two demos

    async def ask(address: str) -> None:
        try:
            await _ask(address, question)
        finally:
            if sys.stdin.isatty():
                print(f"\nThe chat page is at {address} ; Ctrl-C ends the demo.", flush=True)
            else:
                print(f"\nThe chat page was at {address} ; on a terminal the demo goes on serving it.", flush=True)
                os.kill(os.getpid(), signal.SIGTERM)

    run(here, port=_free(settings.host, settings.port), on_ready=ask)


def _sources(feed: str) -> Path:
    path = ROOT / FEED_SOURCES
    own = (ROOT / "sources.yaml").read_text(encoding="utf-8").rstrip()
    path.write_text(f"{own}\n  - {{kind: feed, name: demo-feed, url: {json.dumps(feed)}}}\n", encoding="utf-8")
    return path


def _free(host: str, port: int) -> int:
    """`port`, or 0 (any) when something else listens there."""
    with socket.socket() as probe:
        return 0 if probe.connect_ex((host, port)) == 0 else port


async def _ask(address: str, question: str) -> None:
    import aiohttp

    print(f"\n> {question}\n", flush=True)
    body = {"model": "twin", "stream": True, "messages": [{"role": "user", "content": question}]}
    twin: dict[str, Any] = {}
    cited: dict[str, str] = {}
    async with aiohttp.ClientSession() as session, session.post(f"{address}/v1/chat/completions", json=body) as reply:
        async for line in reply.content:
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line[6:])
            if "error" in chunk:
                raise TwinError(str(chunk["error"]["message"]))
            for choice in chunk["choices"]:
                print(choice["delta"].get("content") or "", end="", flush=True)
                for note in choice["delta"].get("annotations", ()):
                    cited[note["url_citation"]["url"]] = note["url_citation"]["title"]
            twin = chunk.get("twin") or twin
    print("\n")
    for url, title in cited.items():
        print(f"  {title}: {url}")
    took = time.monotonic() - STARTED
    print(f"\nmode {twin.get('mode')}, index {twin.get('index')}, trace {twin.get('trace')}; {took:.1f} s in all")


if __name__ == "__main__":
    sys.exit(main())
