"""Texts -> a base of our own making: a Hugging Face folder with a small Llama that has really learned from them.

It stops by steps, never by time, so the same texts and the same numbers make the same base. Knows no document, only texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from twin.digest import bytes_digest
from twin.errors import DigestError, TrainingError
from twin.model.conversations import whole
from twin.model.folder import seal, vacant, verify, written
from twin.model.library import library, needed, versions
from twin.model.recipe import Make, Recipe

LEAST = 20_000  # characters, below which a tokenizer and a held-out share make no sense
Told = Callable[[int, int, float], None]  # step, of how many, loss


def make_base(recipe: Recipe, texts: Iterable[str], target: Path, told: Told = lambda *_: None) -> dict[str, Any]:
    """Make the base of `recipe` in the folder `target`, which it replaces; gives back its twin.json.

    When the folder already holds what these texts and this recipe make, nothing is done. Raises TrainingError.
    """
    make = recipe.base.make
    if make is None:
        raise TrainingError(f"recipe {recipe.name}: base.make is not set: {recipe.base.name} is loaded, not made")
    needed()
    vacant(target)
    told_apart = sorted({whole(text) for text in texts})  # whatever the order in which the store gives them
    if sum(map(len, told_apart)) < LEAST:
        raise TrainingError(
            f"recipe {recipe.name}: {sum(map(len, told_apart)):,} characters of documents are too few to make a base of;"
            f" {LEAST:,} are the least: sync more documents"
        )
    made_of = {
        "schema": 1,
        "stage": "base",
        "base": {"name": recipe.base.name},
        "make": {name: getattr(make, name) for name in make.__struct_fields__},
        "seed": recipe.seed,
        "texts": bytes_digest("\x1f".join(told_apart).encode()),
        "versions": versions(),
    }
    if there := _there(target, made_of):
        return there
    with written(target) as folder:
        metrics = _trained(folder, make, told_apart, recipe.seed, told)
        return seal(folder, {**made_of, "metrics": metrics})


def _there(target: Path, made_of: dict[str, Any]) -> dict[str, Any] | None:
    try:
        record = verify(target)
    except (TrainingError, DigestError):
        return None
    return record if all(record.get(key) == value for key, value in made_of.items()) else None


def _trained(folder: Path, make: Make, texts: list[str], seed: int, told: Told) -> dict[str, float]:
    import torch

    from twin.model.tokenizing import tokenizer_of

    tokenizer = tokenizer_of(texts, make.vocabulary, make.positions)
    train, held_out = _split(tokenizer, texts, make, torch)
    torch.manual_seed(seed)
    model = _llama(make, tokenizer)
    before = _loss(model, held_out, torch)
    _fit(model, train, make, seed, told)
    metrics = {"eval_loss_before": before, "eval_loss": _loss(model, held_out, torch), "tokens": len(train)}
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return metrics


def _split(tokenizer: Any, texts: list[str], make: Make, torch: Any) -> tuple[Any, Any]:
    """Tokens to learn from, and sequences held out: the last texts in the order of their digests, so that it is by text."""
    shuffled = sorted(texts, key=lambda text: bytes_digest(text.encode()))
    ids = [[tokenizer.bos_token_id, *one] for one in tokenizer(shuffled, add_special_tokens=False)["input_ids"]]
    wanted, cut = sum(map(len, ids)) * (1 - make.held_out), 0
    while cut < len(ids) - 1 and sum(map(len, ids[: cut + 1])) < wanted:
        cut += 1
    cut = max(cut, 1)
    train = torch.tensor([token for one in ids[:cut] for token in one])
    held = torch.tensor([token for one in ids[cut:] for token in one])
    whole = len(held) // make.length * make.length
    if not whole or len(train) <= make.length:
        raise TrainingError(
            f"base.make.held_out: {make.held_out} of these texts is less than one sequence of {make.length} tokens:"
            " sync more documents, or hold out a larger share"
        )
    return train, held[:whole].view(-1, make.length)[:64]


def _llama(make: Make, tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=make.hidden,
            intermediate_size=3 * make.hidden,
            num_hidden_layers=make.layers,
            num_attention_heads=make.heads,
            num_key_value_heads=make.heads,
            head_dim=make.hidden // make.heads,
            max_position_embeddings=make.positions,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _fit(model: Any, train: Any, make: Make, seed: int, told: Told) -> None:
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=make.learning_rate, weight_decay=0.01)
    schedule = library("transformers").get_cosine_schedule_with_warmup(optimizer, make.steps // 10, make.steps)
    chance = torch.Generator().manual_seed(seed)
    model.train()
    for step in range(make.steps):
        starts = torch.randint(0, len(train) - make.length, (make.batch,), generator=chance)
        batch = torch.stack([train[start : start + make.length] for start in starts])
        loss = model(batch, labels=batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        told(step + 1, make.steps, loss.item())


def _loss(model: Any, held_out: Any, torch: Any) -> float:
    model.eval()
    with torch.no_grad():
        return round(float(model(held_out, labels=held_out).loss.item()), 6)
