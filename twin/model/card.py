"""twin.json of an adapter, and the losses of its steps -> a model card in Markdown and the training report in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

STAGES = {"sft": "supervised fine-tuning on the author's answers", "dpo": "direct preference optimisation"}
MEASURES = ("loss", "learning_rate", "grad_norm", "rewards/accuracies", "rewards/margins", "mean_token_accuracy")
BARS = "▁▂▃▄▅▆▇█"
WIDTH = 60


def history_of(log: Iterable[Mapping[str, Any]]) -> list[dict[str, float]]:
    """The trainer's log as one entry a step, without anything that the clock has part in."""
    return [
        {"step": entry["step"], **{name: entry[name] for name in MEASURES if name in entry}} for entry in log if "loss" in entry
    ]


def card(record: Mapping[str, Any], history: Iterable[Mapping[str, float]]) -> str:
    """The card: what it is, what it was made from, by which digests, and how training went."""
    base, recipe, metrics = record["base"], record["recipe"], record["metrics"]
    losses = [entry["loss"] for entry in history]
    made = {
        "base": f"{base['name']} `{base['digest']}`" + (f" at `{base['revision']}`" if base.get("revision") else ""),
        "dataset": f"`{record['dataset']['digest']}`",
        "recipe": f"{recipe['name']} `{recipe['digest']}`",
        "chat template": f"`{record['chat_template']}`",
        "continues": f"`{record['parent']}`" if record["parent"] else "nothing: a new adapter",
        "seed": str(record["seed"]),
        "libraries": ", ".join(f"{name} {version}" for name, version in record["versions"].items()),
        "precision": record["precision"],
        "device": record["device"],
    }
    lines = [
        "---",
        "library_name: peft",
        f"base_model: {base['name']}",
        f"tags: [lora, {record['stage']}, llm-twin]",
        "---",
        "",
        f"# {recipe['name']}, {record['stage']}",
        "",
        f"A LoRA adapter made by {STAGES[record['stage']]}. Its digest is",
        f"`{record['digest']}`; `twin model verify` compares its files with it.",
        "",
        "| made from | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in made.items()),
        "",
        "| measure | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in _shown(metrics)),
        "",
        f"Training loss, {len(losses)} steps, {max(losses):.3f} to {min(losses):.3f}:" if losses else "",
        "",
        "```",
        bars(losses),
        "```",
        "",
        "It writes in the voice of one author, from that author's own texts: do not use it to pass for them. It works on",
        "the base above alone, under the chat template that lies beside it.",
    ]
    return "\n".join(lines) + "\n"


def _shown(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    names = {
        "eval_loss_before": "held-out loss before",
        "eval_loss": "held-out loss after",
        "eval_accuracy": "held-out accuracy",
        "train_loss": "mean training loss",
        "final_loss": "training loss of the last step",
        "steps": "steps",
        "tokens": "tokens",
        "tokens_per_second": "tokens a second",
        "seconds": "seconds",
        "memory": "peak memory, bytes",
        "examples": "examples trained on",
        "dropped": "examples left out: the question alone was too long",
    }
    return [(text, f"{metrics[name]:,}") for name, text in names.items() if name in metrics]


def bars(losses: list[float]) -> str:
    """The curve in one line of at most 60 bars, each the mean of its share of the steps."""
    if not losses:
        return ""
    size = max(1, -(-len(losses) // WIDTH))
    means = [sum(part) / len(part) for part in (losses[i : i + size] for i in range(0, len(losses), size))]
    low, span = min(means), (max(means) - min(means)) or 1.0
    return "".join(BARS[round((mean - low) / span * (len(BARS) - 1))] for mean in means)
