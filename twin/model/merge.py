"""An adapter and its base -> one model's folder, for a server that loads no adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from twin.errors import TrainingError
from twin.model import faults
from twin.model.adapter import fits, read_adapter
from twin.model.base import find, load_model, load_tokenizer, template_digest
from twin.model.folder import seal, vacant, written
from twin.model.library import needed, versions
from twin.model.recipe import Recipe


def merge(adapter: Path, bases: Path, beside: Path, target: Path, digest: str = "") -> dict[str, Any]:
    """Write the merged model to `target`, which it replaces; gives back its twin.json. Raises TrainingError, DigestError."""
    record = read_adapter(adapter, digest)
    recipe = recipe_of(adapter, record)
    needed()
    vacant(target)
    from peft import PeftModel

    base = find(recipe.base, bases, beside)
    chat = beside / recipe.base.chat_template if recipe.base.chat_template else None
    tokenizer = load_tokenizer(base, chat)
    fits(adapter, record, base, template_digest(tokenizer), recipe.lora.max_lora_rank)
    whole = msgspec.structs.replace(recipe.base, quantize="none")  # weights that were rounded cannot be added to
    with faults.training(f"adapter {adapter}", 1, 1), written(target) as folder:
        model = PeftModel.from_pretrained(load_model(whole, base), str(adapter)).merge_and_unload(safe_merge=True)
        model.save_pretrained(str(folder), safe_serialization=True)
        tokenizer.save_pretrained(str(folder))
        made_of = {key: record[key] for key in ("schema", "base", "dataset", "chat_template")}
        return seal(folder, {**made_of, "stage": "merged", "parent": record["digest"], "versions": versions()})


def recipe_of(adapter: Path, record: dict[str, Any]) -> Recipe:
    """The recipe that an adapter was trained by, as its twin.json holds it. Raises TrainingError."""
    try:
        recipe = msgspec.convert(record["recipe"]["values"], Recipe)
    except (KeyError, msgspec.ValidationError) as exc:
        raise TrainingError(f"{adapter}: its twin.json holds no recipe that this twin reads ({exc})") from exc
    if recipe.digest != record["recipe"]["digest"]:
        raise TrainingError(f"{adapter}: its twin.json was changed: the recipe in it is {recipe.digest}")
    return recipe
