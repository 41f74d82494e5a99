"""A recipe's YAML file -> a Recipe, every error with its file and key. Knows no library of training."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

from twin.errors import TrainingError
from twin.model.recipe import Recipe


class Loader(yaml.SafeLoader):
    """YAML as people write numbers: 3e-4 is one, although YAML 1.1 wants 3.0e-4."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)
PATH = re.compile(r"^(?P<reason>.*?)(?: - at `\$\.?(?P<key>[^`]*)`)?$", re.DOTALL)


def read_recipe(file: Path) -> Recipe:
    """The recipe in `file`. Raises TrainingError naming the file, and the key at fault."""
    try:
        value = yaml.load(file.read_text(encoding="utf-8"), Loader)  # noqa: S506  a SafeLoader
    except OSError as exc:
        raise TrainingError(f"{file}: cannot be read ({exc.strerror}); `twin model train --recipe` wants a recipe") from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise TrainingError(f"{file}: is no YAML ({' '.join(str(exc).split())})") from exc
    recipe = _converted(file, value)
    _refuse_contradictions(file, recipe)
    return recipe


def _converted(file: Path, value: Any) -> Recipe:
    try:
        return msgspec.convert(value, Recipe)
    except msgspec.ValidationError as exc:
        found = PATH.match(str(exc))
        key, reason = (found["key"], found["reason"]) if found else ("", str(exc))
        unknown = re.match(r"Object contains unknown field `(.*)`$", reason)
        if unknown:
            key, reason = ".".join(part for part in (key, unknown[1]) if part), "there is no such key"
        raise TrainingError(f"{file}: {key + ': ' if key else ''}{reason}") from exc


def _refuse_contradictions(file: Path, recipe: Recipe) -> None:
    lora, base, make = recipe.lora, recipe.base, recipe.base.make
    if lora.rank > lora.max_lora_rank:
        raise TrainingError(
            f"{file}: lora.rank: {lora.rank} is above lora.max_lora_rank {lora.max_lora_rank}, the largest that the server"
            " loads: lower the rank, or start the server with a larger --max-lora-rank and say so here"
        )
    if not lora.modules:
        raise TrainingError(f"{file}: lora.modules: names no module, so nothing would be trained")
    if recipe.sft.packing and not base.attention.startswith("flash"):
        raise TrainingError(
            f"{file}: sft.packing: needs base.attention flash_attention_2 or 3: with {base.attention} packed examples"
            " would see one another"
        )
    if make and make.hidden % make.heads:
        raise TrainingError(f"{file}: base.make.hidden: {make.hidden} cannot be shared out to {make.heads} heads")
    if make and not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", base.name):
        raise TrainingError(
            f"{file}: base.name: {base.name!r} is the name of a base that is made: small letters, digits and . _ - only"
        )
    if make and max(recipe.sft.length, recipe.dpo.length) > make.positions:
        raise TrainingError(f"{file}: sft.length, dpo.length: at most base.make.positions ({make.positions})")
