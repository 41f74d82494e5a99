"""The splitter that the index has, beside semantic-text-splitter alone, LangChain's and chonkie's: speed, where they cut, what is found.

`python -m tests.bench splitters [--texts 120] [--without-questions]`. Real texts: the descriptions of installed packages (Markdown), the
same rendered to HTML and extracted as the crawler does, and Python's own modules. Each splitter is a process in an environment that
splitters.txt pins, run twice to see whether it cuts alike. Then the repository is indexed with the chunks of each, and the questions of
tests/bench/quality are asked.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import hashlib
import json
import operator
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from email import message_from_bytes
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.bench._splitters_asked import asked_of
from tests.bench._splitters_judged import Cuts, Span, judged
from tests.bench._turns import Program
from tools.environment import MissingError, environment
from twin.documents.extract import extract_html
from twin.index.chunk import Limits

HERE = Path(__file__).parent
LIMIT = Limits().article
PRESENT = "the index's"  # the baseline
OTHERS = ("semantic-text-splitter", "LangChain recursive", "chonkie recursive", "chonkie sentence")
FEWEST, MOST = 2_000, 200_000  # characters of a text


def markdown(count: int) -> list[str]:
    """Descriptions of installed packages, in the order of a digest of their names."""
    found = {}
    for one in metadata.distributions():
        raw = one.read_text("METADATA") or ""
        message = message_from_bytes(raw.encode())
        if "markdown" in (message["Description-Content-Type"] or ""):
            found[message["Name"]] = str(message.get_payload())
    return _some(found, count)


def extracted(texts: Sequence[str]) -> list[str]:
    """The texts as pages whose main text was found."""
    from markdown_it import MarkdownIt

    pages = (f"<html><body><article>{MarkdownIt().enable('table').render(text)}</article></body></html>" for text in texts)
    return [text for page in pages if len(text := extract_html(page).text) >= FEWEST]


def modules(count: int) -> list[str]:
    """Modules of the standard library."""
    return _some(
        {path.name: path.read_text(encoding="utf-8") for path in Path(sysconfig.get_path("stdlib")).glob("*.py")}, count
    )


def _some(texts: dict[str, str], count: int) -> list[str]:
    kept = {name: text for name, text in texts.items() if FEWEST <= len(text) <= MOST}
    return [kept[name] for name in sorted(kept, key=lambda name: hashlib.sha256(name.encode()).digest())[:count]]


def program(name: str) -> Program:
    if name == PRESENT:
        return Program(sys.executable, "-m", "tests.bench._splitters_ours")
    return Program(str(environment(HERE / "splitters.txt") / "python"), str(HERE / "_splitters_run.py"), name)


def cut(name: str, form: str, file: Path) -> dict[str, Any]:
    """What one splitter makes of the texts in `file`, with whether a second process makes the same."""
    first, second = program(name), program(name)
    task = {"form": form, "limit": LIMIT, "texts": str(file)}
    made, again = first.ask(task), second.ask(task)
    first.end()
    second.end()
    made["alike"] = made["spans"] == again["spans"]
    made["processors"] = min(made["processors"], again["processors"])
    return dict(made)


def compare(form: str, title: str, texts: list[str], folder: Path) -> None:
    size = sum(map(len, texts))
    print(f"\n{title}: {len(texts)} texts, {size / 1e6:.2f} million characters, limit {LIMIT}")
    unit = "functions" if form == "python" else "fenced blocks"
    columns = ("splitter", "million characters/s", "times", "chunks", "fill", "under 100", "over limit", "cuts in a sentence", f"{unit} cut", "lost", "twice", "alike", "memory")  # fmt: skip
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    file = folder / "texts.json"
    file.write_text(json.dumps(texts), encoding="utf-8")
    base = 0.0
    for name in (PRESENT, *OTHERS):
        made = cut(name, form, file)
        counts = _counted(texts, made["spans"], form)
        speed = size / 1e6 / made["processors"]
        base = base or speed
        print(_row(name, speed, base, counts, made), flush=True)


def _counted(texts: Sequence[str], spans: Sequence[Sequence[Span]], form: str) -> Cuts:
    parts = (judged(text, [(start, end) for start, end in one], form, LIMIT) for text, one in zip(texts, spans, strict=True))
    return functools.reduce(operator.add, parts, Cuts())


def _row(name: str, speed: float, base: float, counts: Cuts, made: dict[str, Any]) -> str:
    values = (
        name,
        f"{speed:.1f}",
        f"{speed / base:.1f}",
        counts.chunks,
        f"{counts.characters / counts.chunks / LIMIT:.0%}",
        f"{counts.small / counts.chunks:.1%}",
        counts.too_long,
        f"{counts.in_sentence} ({counts.in_sentence / max(1, counts.cuts):.1%})",
        f"{counts.units_cut} of {counts.units}",
        counts.lost,
        counts.twice,
        "yes" if made["alike"] else "NO",
        f"{made['memory']:.0f} MB",
    )
    return "| " + " | ".join(map(str, values)) + " |"


def repository_cuts(name: str, texts: dict[str, str], folder: Path) -> dict[str, list[Span]]:
    """The spans of each file of the repository by its path."""
    found: dict[str, list[Span]] = {}
    for form, suffix in (("markdown", ".md"), ("python", ".py"), ("text", "")):
        of_form = [path for path in texts if path not in found and path.endswith(suffix)]
        (file := folder / "texts.json").write_text(json.dumps([texts[path] for path in of_form]), encoding="utf-8")
        running = program(name)
        spans = running.ask({"form": form, "limit": LIMIT, "texts": str(file)})["spans"]
        running.end()
        found |= {path: [(start, end) for start, end in one] for path, one in zip(of_form, spans, strict=True)}
    return found


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--texts", type=int, default=120)
    asked.add_argument("--without-questions", action="store_true")
    given = asked.parse_args()
    try:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            prose = markdown(given.texts)
            compare("markdown", "Markdown", prose, folder)
            compare("markdown", "Text of HTML pages", extracted(prose), folder)
            compare("python", "Python", modules(given.texts), folder)
            if not given.without_questions:
                cuts = functools.partial(repository_cuts, folder=folder)
                asyncio.run(asked_of((PRESENT, *OTHERS), cuts, folder))
    except MissingError as exc:
        raise SystemExit(f"the other splitters cannot be installed: {exc}") from None


if __name__ == "__main__":
    main()
