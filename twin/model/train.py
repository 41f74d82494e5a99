"""A plan -> an adapter's folder: check what is pinned, find or go on with its run. Knows no command and no setting."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twin.model import faults
from twin.model.adapter import fits, read_adapter
from twin.model.attempt import Attempt
from twin.model.base import Found, find, load_tokenizer, precision, template_digest
from twin.model.conversations import conversations
from twin.model.dataset import Rows, read_rows
from twin.model.folder import vacant, written
from twin.model.library import needed, versions
from twin.model.machine import device, main_process, processes
from twin.model.meter import Sink
from twin.model.plan import Plan, Trained
from twin.model.runs import run_of


def train(plan: Plan, stopping: Callable[[], bool] = lambda: False, sinks: Sequence[Sink] = ()) -> Trained | None:
    """Train the adapter of `plan`, going on from the last whole checkpoint of the same run if there is one.

    None when `stopping` said to stop: a checkpoint was left, and the same call goes on to the same result as an unbroken
    run. Raises TrainingError, and DigestError when something is not what it is pinned to; nothing is published then.
    """
    needed(*(["unsloth"] if plan.recipe.base.unsloth else []))
    if plan.out:
        vacant(plan.out)
    recipe, how = plan.recipe, plan.recipe.training(plan.stage)
    rows = read_rows(plan.dataset, plan.stage, plan.dataset_digest)
    base = find(recipe.base, plan.bases, plan.beside)
    chat = plan.beside / recipe.base.chat_template if recipe.base.chat_template else None
    tokenizer = load_tokenizer(base, chat)
    parent = _parent(plan, base, template_digest(tokenizer))
    run = run_of(plan.runs, _made_of(plan, rows, base, tokenizer, parent))
    with run.held(main=main_process()):
        if there := run.done():
            return _again(plan, there)
        talk = conversations(plan.stage, rows.train, rows.test, tokenizer, how.length)
        with faults.training(f"recipe {recipe.name}, {plan.stage}", how.batch, how.length):
            return Attempt(plan, run, base, tokenizer, talk, stopping, sinks).result()


def _parent(plan: Plan, base: Found, template: str) -> str:
    if plan.parent is None:
        return ""
    record = read_adapter(plan.parent, plan.parent_digest)
    fits(plan.parent, record, base, template, plan.recipe.lora.max_lora_rank)
    return str(record["digest"])


def _made_of(plan: Plan, rows: Rows, base: Found, tokenizer: Any, parent: str) -> dict[str, Any]:
    """All that decides the result. A run with any of it different is another run."""
    recipe = plan.recipe
    return {
        "schema": 1,
        "stage": plan.stage,
        "base": {"name": base.name, "digest": base.digest, "revision": base.revision},
        "dataset": {"digest": rows.digest},
        "recipe": {"name": recipe.name, "digest": recipe.digest},
        "chat_template": template_digest(tokenizer),
        "parent": parent,
        "seed": recipe.seed,
        "versions": versions(),
        "precision": precision(recipe.base),
        "device": device(),
        "processes": processes(),
    }


def _again(plan: Plan, there: Path) -> Trained:
    """The adapter that is there already, where the plan wants it; copied and told by one of the processes."""
    if not main_process():
        return Trained(there, {}, kept=True)
    record = read_adapter(there)
    if plan.out is None or plan.out.resolve() == there.resolve():
        return Trained(there, record, kept=True)
    with written(plan.out) as folder:
        shutil.copytree(there, folder, dirs_exist_ok=True)
    return Trained(plan.out, record, kept=True)
