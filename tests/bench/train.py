"""Tokens a second of `twin model train` against TRL by itself, on the same base, examples, adapter and number of steps.

`python -m tests.bench train [--rounds 3] [--steps 60] [--like qwen-2.5-0.5b-lora]`. Needs the extra `train`. Without `--like` it
trains the tiny recipe; with it a recipe's own settings, on a base of the shape of Qwen2.5-0.5B with weights of no meaning, so that a
GPU can be measured where no hub can be reached. Two baselines: TRL as it comes, and TRL set as
the recipe (precision, length, no activations computed again), which leaves what is ours: batches of like length, and a reading, a
mark of each checkpoint and two files at every step. The three train by turns in one process, so that what else the machine does
slows all; tokens are counted without padding, and loading and measuring are left out. Peak memory is told for a GPU alone, each
way's own: a process gives none back.
"""

from __future__ import annotations

import argparse
import ast
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from twin.digest import files_digest, folder_files
from twin.errors import TrainingError
from twin.model.base import precision
from twin.model.library import library, needed
from twin.model.machine import device, memory
from twin.model.making import make_base
from twin.model.plan import Plan
from twin.model.recipe import Make, Recipe
from twin.model.recipes import read_recipe
from twin.model.train import train

ROOT = Path(__file__).parents[2]
HALF_A_BILLION = Make(vocabulary=65_536, hidden=896, layers=24, heads=14, positions=2048, steps=1, batch=1)


def examples() -> list[dict[str, str]]:
    """What the functions of this repository do, in the words of their docstrings: short ones and long ones."""
    nodes = [
        node for path in sorted(ROOT.glob("twin/**/*.py")) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]
    named = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    said = [(node.name, text) for node in named if (text := ast.get_docstring(node))]
    return [{"instruction": f"What does {name} do?", "answer": text} for name, text in said]


def dataset(folder: Path) -> tuple[Path, list[dict[str, str]]]:
    """The examples as a dataset's folder, and those that are trained on."""
    rows = examples()
    parts = {"train": rows[16:], "test": rows[:16]}
    (folder / "instruction").mkdir(parents=True)
    for split, part in parts.items():
        text = "".join(json.dumps(row) + "\n" for row in part)
        (folder / "instruction" / f"{split}.jsonl").write_text(text, encoding="utf-8")
    files = folder_files(folder)
    manifest = {"schema": 1, "files": files, "digest": files_digest(files)}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder, parts["train"]


@dataclass(frozen=True)
class Rate:
    """Tokens a second, and the most bytes that were in use."""

    tokens: float
    memory: int


class Stopwatch:
    """Seconds from the first step to the last, and the tokens between."""

    seconds = tokens = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._began = time.perf_counter()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.seconds, self.tokens = time.perf_counter() - self._began, state.num_input_tokens_seen


def plain(recipe: Recipe, base: Path, rows: list[dict[str, str]], run: Path, **options: Any) -> Rate:
    """Of TRL's SFTTrainer."""
    trl, peft, transformers = library("trl"), library("peft"), library("transformers")
    watch = type("Timed", (Stopwatch, transformers.TrainerCallback), {})()
    turns = [
        {
            "prompt": [{"role": "user", "content": row["instruction"]}],
            "completion": [{"role": "assistant", "content": row["answer"]}],
        }
        for row in rows
    ]
    how, lora = recipe.sft, recipe.lora
    trainer = trl.SFTTrainer(
        model=str(base),
        args=trl.SFTConfig(
            output_dir=str(run),
            use_cpu=not library("torch").cuda.is_available(),
            per_device_train_batch_size=how.batch,
            gradient_accumulation_steps=how.accumulation,
            learning_rate=how.learning_rate,
            max_steps=how.max_steps,
            include_num_input_tokens_seen="non_padding",
            report_to="none",
            disable_tqdm=True,
            **options,
        ),
        train_dataset=library("datasets").Dataset.from_list(turns),
        peft_config=peft.LoraConfig(
            r=lora.rank, lora_alpha=lora.alpha, target_modules=list(lora.modules), task_type="CAUSAL_LM"
        ),
        callbacks=[watch],
    )
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    return Rate(float(watch.tokens / watch.seconds), memory())


def ours(recipe: Recipe, bases: Path, data: Path, home: Path) -> Rate:
    """Of the stage, as its record says."""
    made = train(Plan(recipe=recipe, stage="sft", dataset=data, bases=bases, runs=home / "runs", adapters=home / "adapters"))
    assert made is not None
    return Rate(float(made.record["metrics"]["tokens_per_second"]), memory())


def main() -> int:
    """Train by turns and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--like", default="", metavar="RECIPE", help="a recipe of recipes/, by its name")
    options = parser.parse_args()
    try:
        needed()
    except TrainingError as exc:
        print(exc, file=sys.stderr)
        return 1
    recipe = chosen(options.like or "tiny", options.steps)
    with tempfile.TemporaryDirectory() as folder:
        report(measured(recipe, Path(folder), options.rounds))
    return 0


def chosen(name: str, steps: int) -> Recipe:
    """A recipe of so many steps, on a base that is made here; its speed does not depend on what that has learnt."""
    recipe = read_recipe(ROOT / "recipes" / f"{name}.yaml")
    make = msgspec.structs.replace(recipe.base.make, steps=10) if recipe.base.make else HALF_A_BILLION
    return msgspec.structs.replace(
        recipe,
        base=msgspec.structs.replace(recipe.base, name="made", make=make, chat_template="", revision="", digest=""),
        sft=msgspec.structs.replace(recipe.sft, max_steps=steps),
    )


def measured(recipe: Recipe, place: Path, rounds: int) -> dict[str, list[Rate]]:
    """Each way in each round."""
    data, rows = dataset(place / "data")
    base = place / "bases" / recipe.base.name
    make_base(recipe, [row["answer"] for row in rows], base)
    alike = {
        "bf16": precision(recipe.base) == "bfloat16",
        "gradient_checkpointing": recipe.sft.checkpointing,
        "max_length": recipe.sft.length,
    }
    ways: dict[str, Callable[[Path], Rate]] = {
        "TRL as it comes": lambda run: plain(recipe, base, rows, run),
        "TRL set as the recipe": lambda run: plain(recipe, base, rows, run, **alike),
        "twin model train": lambda run: ours(recipe, place / "bases", data, run),
    }
    found: dict[str, list[Rate]] = {name: [] for name in ways}
    for turn in range(rounds):
        for at, (name, way) in enumerate(ways.items()):
            fresh_memory()
            found[name].append(way(place / f"{turn}-{at}"))
    return found


def fresh_memory() -> None:
    """Count a GPU's peak anew."""
    cuda = library("torch").cuda
    if cuda.is_available():
        gc.collect()
        cuda.empty_cache()
        cuda.reset_peak_memory_stats()


def report(found: dict[str, list[Rate]]) -> None:
    """The median of each way, and ours to each: of the rounds' own ratios, since the machine differs between rounds."""
    own, name_of = found["twin model train"], device()
    gpu = name_of != "cpu"
    print(f"on {name_of}\n{'way':<24}{'tokens/s':>10}{'ours to it':>14}" + (f"{'peak memory':>16}" if gpu else ""))
    for name, rates in found.items():
        ratio = statistics.median(a.tokens / b.tokens for a, b in zip(own, rates, strict=True))
        peak = f"{max(one.memory for one in rates) / 2**20:>12,.0f} MiB" if gpu else ""
        print(f"{name:<24}{statistics.median(one.tokens for one in rates):>10,.0f}{ratio:>13.2f}x{peak}")


if __name__ == "__main__":
    sys.exit(main())
