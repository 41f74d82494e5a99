"""Adapters' folders, their base and their records, as `twin model train` leaves them; small, and without weights that mean anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.model.small import recipe
from tests.integration.release.making import tokenizer, words
from twin.digest import bytes_digest
from twin.model.folder import seal

CHAT = bytes_digest(words().chat_template.encode())


def dataset_digest(folder: Path) -> str:
    return str(json.loads((folder / "manifest.json").read_text())["digest"])


def base(home: Path) -> str:
    """The base of the small recipe below `home`; gives back its digest."""
    folder = tokenizer(home / "models" / "base" / "small")
    (folder / "config.json").write_text("{}")
    return str(seal(folder, {"schema": 1, "stage": "base"})["digest"])


def adapter(folder: Path, on: str, dataset: str, **said: Any) -> str:
    """An adapter of the base with digest `on`, trained on `dataset`; gives back its digest."""
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_text(folder.name)
    (folder / "chat_template.jinja").write_text(words().chat_template)
    made = recipe()
    record = {
        "schema": 1,
        "stage": "sft",
        "base": {"name": made.base.name, "digest": on, "revision": ""},
        "dataset": {"digest": dataset},
        "recipe": {"name": made.name, "digest": made.digest, "values": made.builtins()},
        "chat_template": CHAT,
        "parent": "",
    }
    return str(seal(folder, {**record, **said})["digest"])
