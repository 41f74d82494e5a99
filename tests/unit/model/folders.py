"""Folders as training leaves them, made without any library of training: a base, and adapters of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twin.digest import bytes_digest
from twin.model.folder import seal, write_json, written

TEMPLATE = "{{ messages[0].content }}"


def base(folder: Path, words: str = "{}") -> dict[str, Any]:
    """A base of our own making in `folder`; gives back its twin.json."""
    with written(folder) as made:
        (made / "config.json").write_text(words)
        return seal(made, {"schema": 1, "stage": "base"})


def adapter(
    folder: Path, of: dict[str, Any], *, rank: int = 8, template: str = TEMPLATE, name: str = "tiny", **record: Any
) -> dict[str, Any]:
    """An adapter of the base whose twin.json is `of`; gives back its own."""
    sample = {"messages": [{"role": "user", "content": "a"}], "prompt": True, "ids": [1, 2], "texts": ["a", "b"]}
    with written(folder) as made:
        write_json(made / "training.json", [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 1.0}])
        (made / "adapter_config.json").write_text(json.dumps({"r": rank}))
        (made / "chat_template.jinja").write_text(template)
        (made / "rendering.json").write_text(json.dumps([sample]))
        said = {
            "schema": 1,
            "stage": "sft",
            "base": {"name": name, "digest": of["digest"], "revision": ""},
            "dataset": {"digest": "sha256:2"},
            "recipe": {"name": "tiny", "digest": "sha256:3"},
            "chat_template": bytes_digest(template.encode()),
            "parent": "",
            "seed": 42,
            "versions": {"torch": "2.15.0"},
            "precision": "float32",
            "device": "cpu",
            "metrics": {"eval_loss_before": 5.0, "eval_loss": 4.0, "tokens": 12345},
        }
        return seal(made, {**said, **record})
