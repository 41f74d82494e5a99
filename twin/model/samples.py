"""A tokenizer -> a few conversations as it renders them, kept in the adapter's folder. Knows no server.

Whoever serves the adapter can be held to the form that it was trained in by these alone, without a tokenizer or a template
engine: ask the server for the same conversations and compare the ids.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.errors import TrainingError
from twin.model.contract import Rendering

SAMPLES = "rendering.json"
DAY = {"date_string": "26 Jul 2024"}  # templates that name the day take it from here, or they would differ tomorrow
_SYSTEM = {"role": "system", "content": "Answer from the passages."}
_ASKED = {"role": "user", "content": "What is a tombstone?\n\n\tSay it briefly."}
_SAID = {"role": "assistant", "content": "What stays of a document that is gone [1]."}
_ODD = {"role": "user", "content": "  Größe? 🙂 ελληνικά 漢字 — “quoted”  "}
TALKS: tuple[tuple[Mapping[str, str], ...], ...] = (
    (_ASKED,),
    (_SYSTEM, _ASKED),
    (_SYSTEM, _ASKED, _SAID, _ODD),
    (_ASKED, _SAID),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One conversation and its rendering; `prompt`: up to where the answer would begin."""

    messages: tuple[Mapping[str, str], ...]
    prompt: bool
    rendering: Rendering


def rendered(tokenizer: Any) -> list[Sample]:
    """The conversations as `tokenizer` renders them; those that its template refuses (a system's words, for some) are left out.

    Raises TrainingError when it refuses all.
    """
    from jinja2 import TemplateError

    found = []
    for talk in TALKS:
        prompt = talk[-1]["role"] == "user"
        try:
            ids = tokenizer.apply_chat_template(list(talk), add_generation_prompt=prompt, return_dict=False, **DAY)
        except TemplateError:
            continue
        found.append(Sample(talk, prompt, Rendering(list(ids), [tokenizer.decode([one]) for one in ids])))
    if not found:
        raise TrainingError("the chat template renders not even one question: mend it, or name another in base.chat_template")
    return found


def write_samples(folder: Path, samples: Sequence[Sample]) -> None:
    """Keep `samples` in an adapter's folder. Raises OSError."""
    rows = [
        {"messages": one.messages, "prompt": one.prompt, "ids": one.rendering.ids, "texts": one.rendering.texts}
        for one in samples
    ]
    (folder / SAMPLES).write_text(json.dumps(rows, ensure_ascii=False) + "\n", encoding="utf-8")


def read_samples(folder: Path) -> list[Sample]:
    """The samples of the adapter in `folder`. Raises TrainingError when it has none, as one of an older version."""
    try:
        rows = json.loads((folder / SAMPLES).read_text(encoding="utf-8"))
        return [Sample(tuple(one["messages"]), bool(one["prompt"]), Rendering(one["ids"], one["texts"])) for one in rows]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise TrainingError(
            f"{folder / SAMPLES}: cannot be read ({type(exc).__name__}), so nothing says in which form the adapter was trained:"
            " train it again"
        ) from exc
