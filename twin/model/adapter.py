"""An adapter's folder -> what it says of itself, checked: its files, its base, its rank; and a model -> such a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twin.errors import DigestError, TrainingError
from twin.model.base import Found
from twin.model.folder import RECORD, record_of, verify

STAGES = ("sft", "dpo")
TEMPLATE = "chat_template.jinja"
HISTORY = "training.json"
SAID = ("base", "dataset", "recipe", "chat_template", "parent", "seed", "versions", "precision", "device", "metrics")
CONFIG = "adapter_config.json"


def read_adapter(folder: Path, digest: str = "") -> dict[str, Any]:
    """twin.json of an adapter whose files are what it says; with `digest`, only that adapter will do.

    Raises TrainingError when `folder` holds no adapter, DigestError when it is another or was changed.
    """
    record = record_of(folder)
    if record.get("stage") not in STAGES:
        raise TrainingError(f"{folder}: is no adapter but {record.get('stage')!r}")
    if lacking := [key for key in SAID if key not in record]:
        raise TrainingError(f"{folder / RECORD}: lacks {', '.join(lacking)}: train the adapter again")
    if digest and record["digest"] != digest:
        raise DigestError(f"{folder}: is adapter {record['digest']}, but {digest} is asked for")
    return verify(folder)


def history(folder: Path) -> list[dict[str, float]]:
    """What each step of the adapter's training said. Raises TrainingError."""
    try:
        return list(json.loads((folder / HISTORY).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as exc:
        raise TrainingError(f"{folder / HISTORY}: cannot be read ({type(exc).__name__})") from exc


def fits(folder: Path, record: Mapping[str, Any], base: Found, template: str, max_rank: int) -> None:
    """Raise TrainingError unless the adapter was trained on `base`, under the chat template `template`, at a rank that
    the server loads.
    """
    trained_on = record["base"]
    if trained_on["digest"] != base.digest:
        raise TrainingError(
            f"{folder}: was trained on base {trained_on['name']} {trained_on['digest']}, but the recipe's is {base.name}"
            f" {base.digest}: an adapter works on its own base alone"
        )
    if record["chat_template"] != template:
        raise TrainingError(
            f"{folder}: was trained with chat template {record['chat_template']}, but the recipe's base has {template}"
        )
    rank = rank_of(folder)
    if rank > max_rank:
        raise TrainingError(f"{folder}: has rank {rank}, above lora.max_lora_rank {max_rank}, the largest the server loads")


def rank_of(folder: Path) -> int:
    """The LoRA rank of the adapter in `folder`. Raises TrainingError."""
    try:
        return int(json.loads((folder / CONFIG).read_text(encoding="utf-8"))["r"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise TrainingError(f"{folder / CONFIG}: says no rank ({type(exc).__name__})") from exc


def save_adapter(model: Any, folder: Path, base: str) -> None:
    """Write PEFT's two files as the same bytes for the same weights: no path of this machine, no order of a set."""
    model.save_pretrained(str(folder), selected_adapters=["default"], safe_serialization=True, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / CONFIG
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base
    for key, value in config.items():
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            config[key] = sorted(value)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
