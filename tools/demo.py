"""`make demo`: this repository's own documents -> a served, streamed, cited answer, on the embedded defaults.

On a terminal it goes on serving until Ctrl-C; elsewhere it ends after the answer.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twin.errors import SettingsError, TwinError

ROOT = Path(__file__).parent.parent
FEED_SOURCES = "sources.demo.yaml"  # ignored by git
STARTED = time.monotonic()
OK = 200
STAYING = """
The chat page is at {address} and the API below it; Ctrl-C ends the demo. In another terminal:

curl -N {address}/v1/chat/completions -H 'content-type: application/json' \\
  -d '{{"model": "twin", "stream": true, "messages": [{{"role": "user", "content": "What is a tombstone?"}}]}}'
"""


def main() -> int:
    """Run the demo and give its exit status: 1 when the answer failed, 130 for Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feed", default="", help="a public RSS or Atom feed to read as well")
    parser.add_argument("question")
    options = parser.parse_args()
    try:
        demo(options.question, options.feed)
    except TwinError as exc:
        print(f"demo: {exc}", file=sys.stderr)
        return exc.exit_status
    except KeyboardInterrupt:
        print("demo: interrupted; `make demo` goes on where it was", file=sys.stderr)
        return 130
    return 0


def demo(question: str, feed: str) -> None:
    """Sync, build, switch, serve and ask once. Raises TwinError, also when the answer fails."""
    from twin.cli.place import Place
    from twin.cli.serve import refresh, run
    from twin.settings import load

    settings = load(ROOT, os.environ)
    here = Place(ROOT, settings, _sources(feed) if feed else ROOT / settings.sources)
    refresh(here, allow_mass_delete=True)  # the repository is the user's own to change between two demos
    failed: list[TwinError] = []

    async def ask(address: str) -> None:
        try:
            await asked(address, question)
        except TwinError as exc:
            failed.append(exc)
        if sys.stdin.isatty() and not failed:
            print(STAYING.format(address=address), flush=True)
        else:
            print("\nOn a terminal the demo goes on serving the chat page." if not failed else "", flush=True)
            os.kill(os.getpid(), signal.SIGTERM)

    run(here, port=_free(settings.host, settings.port), on_ready=ask)
    if failed:
        raise failed[0]


def _sources(feed: str) -> Path:
    path = ROOT / FEED_SOURCES
    own = (ROOT / "sources.yaml").read_text(encoding="utf-8").rstrip()
    path.write_text(f"{own}\n  - {{kind: feed, name: demo-feed, url: {json.dumps(feed)}}}\n", encoding="utf-8")
    return path


def _free(host: str, port: int) -> int:
    """`port`, or 0 (any) when it cannot be had, which is said: whoever types README's address would ask somebody else."""
    from services.gateway.serve import listen

    try:
        listen(host, port).close()
    except SettingsError:
        print(f"{host}:{port} is taken, so the demo serves on a free port", file=sys.stderr)
        return 0
    return port


async def asked(address: str, question: str) -> None:
    """Ask the gateway at `address` and print the answer as it streams, with what it cites. Raises TwinError."""
    import aiohttp

    print(f"\n> {question}\n", flush=True)
    body = {"model": "twin", "stream": True, "messages": [{"role": "user", "content": question}]}
    twin: Mapping[str, Any] = {}
    cited: dict[str, str] = {}
    try:
        async with aiohttp.ClientSession() as session, session.post(f"{address}/v1/chat/completions", json=body) as reply:
            if reply.status != OK:
                raise TwinError(_reason(await reply.read(), reply.status))
            async for line in reply.content:
                if line.startswith(b"data: {"):
                    twin = _printed(json.loads(line[6:]), cited) or twin
    except (aiohttp.ClientError, ValueError, KeyError) as exc:
        raise TwinError(f"{address}: the answer broke off ({type(exc).__name__}); `twin traces list` shows it") from exc
    print("\n")
    if not twin:
        raise TwinError(f"{address}: the answer ended without its end; `twin traces list` shows it")
    for url, title in cited.items():
        print(f"  {title}: {url}")
    took = time.monotonic() - STARTED
    print(f"\nmode {twin.get('mode')}, index {twin.get('index')}, trace {twin.get('trace')}; {took:.1f} s in all")


def _printed(chunk: Mapping[str, Any], cited: dict[str, str]) -> Mapping[str, Any]:
    """What a chunk says of the twin; its text is printed, what it cites goes into `cited`. Raises TwinError."""
    if "error" in chunk:
        raise TwinError(str(chunk["error"]["message"]))
    for choice in chunk["choices"]:
        print(choice["delta"].get("content") or "", end="", flush=True)
        for note in choice["delta"].get("annotations", ()):
            cited[note["url_citation"]["url"]] = note["url_citation"]["title"]
    return chunk.get("twin") or {}


def _reason(body: bytes, status: int) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the gateway answers {status}"


if __name__ == "__main__":
    sys.exit(main())
