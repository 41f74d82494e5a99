"""`make train-demo`: this repository's documents -> a dataset, an adapter, a verdict, a release, and an answer by it.

Two cores are enough: the base is a Llama of under a million weights, made here. It learns the manner of the documents and no
sense; what is shown is the way from a document to what runs, every step of it the command that a person types.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tools.environment import MissingError
from tools.loop import ROOT, BrokenError, Loop, answered, status

FOLDER = ROOT / ".twin" / "train-demo"
RECIPE, RULES = "recipes/tiny.yaml", ("--thresholds", "recipes/thresholds/tiny.yaml")
QUESTION = "What is a tombstone?"
# The tiny base reads 1,024 tokens, and with a vocabulary of a thousand a token is hardly two characters.
SMALL = {"TWIN_PROMPT_TOKENS": "300"}
ASKED = ("--max-tokens", "32", "--limit", "64", "--at-a-time", "16")
STARTED = time.monotonic()


def main() -> int:
    """Walk the loop once and give the exit status."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    try:
        walk(Loop(FOLDER, SMALL))
    except (BrokenError, MissingError) as exc:
        print(f"train-demo: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("train-demo: stopped; run it again to begin anew", file=sys.stderr)
        return 130
    return 0


def walk(loop: Loop) -> None:
    """From documents to an answer by the adapter that was trained on them. Raises BrokenError."""
    print(loop.twin("documents", "sync"))
    with ThreadPoolExecutor() as beside:
        indexed = beside.submit(_indexed, loop)  # one core embeds while the other trains
        dataset = str(loop.told("dataset", "build")["path"])
        loop.twin("model", "base", "--recipe", RECIPE)
        with loop.models() as server:  # it starts while the adapter is trained
            loop.settings["TWIN_MODEL_URL"] = server.url
            adapter = trained(loop, dataset)
            index = indexed.result()
            server.ready()
            report = judged(loop, dataset, adapter)
            pins = ("--adapter", adapter["adapter"], "--dataset", dataset, "--index", index)
            print(loop.twin("release", "promote", report, *pins, *RULES))
            loop.pull()
            _ask(loop)


def _indexed(loop: Loop) -> str:
    """The file that says which index was built and kept."""
    print(loop.twin("index", "build", "--switch"))
    file = loop.folder / "index.json"
    file.write_text(json.dumps(loop.told("index", "snapshot")), encoding="utf-8")
    return str(file)


def trained(loop: Loop, dataset: str) -> dict[str, Any]:
    """An adapter by answers, then by preferences: its folder and its digest."""
    how = ("model", "train", "--recipe", RECIPE, "--dataset", dataset)
    first = loop.told(*how)
    made: dict[str, Any] = loop.told(*how, "--stage", "dpo", "--adapter", first["adapter"])
    for stage, one in (("sft", first), ("dpo", made)):
        said = one["metrics"]
        print(f"{stage}: held-out loss {said['eval_loss_before']:.3f} -> {said['eval_loss']:.3f}")
    return made


def judged(loop: Loop, dataset: str, adapter: dict[str, Any]) -> str:
    """The report that lets `adapter` pass, against the base alone."""
    loop.twin("model", "load", adapter["adapter"], "--name", "candidate")
    base = "base=.twin/models/base/tiny"
    evaluated = ("--candidate", f"candidate={adapter['adapter']}", "--base", base, "--dataset", dataset)
    print(loop.twin("release", "evaluate", *evaluated, *ASKED))
    print(loop.twin("release", "gate", *RULES))
    return str(max((loop.work / ".twin" / "reports").iterdir(), key=lambda one: one.stat().st_mtime))


def _ask(loop: Loop) -> None:
    with loop.gateway() as address:
        while status(f"{address}/readyz") != 200:  # noqa: PLR2004  ready: index, prompt, adapter and template are the release's
            time.sleep(0.5)
        reply = answered(address, QUESTION, max_tokens=48)
        twin = reply["twin"]
        print(f"\n> {QUESTION}\n\n{reply['choices'][0]['message']['content']}\n")
        print(f"release {twin['release']}, model {twin['model']}, index {twin['index']}, trace {twin['trace']}")
        print(f"{time.monotonic() - STARTED:.0f} s in all; everything lies in {FOLDER.relative_to(Path.cwd())}")
        if sys.stdin.isatty():
            print(f"\nThe gateway is at {address} ; Ctrl-C ends the demo.", flush=True)
            while True:
                time.sleep(60)


if __name__ == "__main__":
    sys.exit(main())
