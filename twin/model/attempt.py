"""One attempt at a run: a plan, a base and conversations -> an adapter's folder, or a checkpoint to go on from."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twin.digest import PREFIX
from twin.errors import TrainingError
from twin.model.adapter import HISTORY, TEMPLATE, save_adapter
from twin.model.base import Found
from twin.model.card import card, history_of
from twin.model.checkpoints import STEM, last_whole
from twin.model.conversations import Conversations
from twin.model.folder import moved, seal, write_json, written
from twin.model.machine import agreed, main_process, memory, together
from twin.model.meter import JsonLines, Meter, PrometheusFile, Sink
from twin.model.plan import Plan, Trained
from twin.model.runs import Run
from twin.model.samples import rendered, write_samples
from twin.model.trainers import restored, trainer
from twin.model.watch import Stopped, Watch, attached


class Attempt:
    """From where the run stands to its end, or to the next interruption."""

    def __init__(
        self,
        plan: Plan,
        run: Run,
        base: Found,
        tokenizer: Any,
        talk: Conversations,
        stopping: Callable[[], bool],
        sinks: Sequence[Sink],
    ) -> None:
        self._plan, self._run, self._base, self._tokenizer, self._talk = plan, run, base, tokenizer, talk
        found = last_whole(run.folder, sweep=main_process())
        self._from: Path | None = found[0] if found else None
        state = found[1] if found else {}
        self._before: float | None = state.get("eval_loss_before")
        self._meter = Meter(plan.stage, plan.recipe.name, time.monotonic, memory, state.get("seconds", 0.0))
        self._watch = Watch(self._meter, [*_files(plan, run), *sinks], lambda: agreed(stopping()), self._state, together)
        self._trainer = trainer(
            plan.recipe,
            plan.stage,
            base,
            tokenizer,
            talk,
            run=run.folder,
            parent=plan.parent,
            resumed=self._from,
            tracker=plan.tracker,
            callback=attached(self._watch),
        )

    def _state(self) -> dict[str, float | None]:
        return {"eval_loss_before": self._before, "seconds": self._meter.seconds}

    def result(self) -> Trained | None:
        """The adapter, published; None when it was stopped. Raises what the libraries raise, and TrainingError."""
        resumed = int(self._from.name.removeprefix(STEM)) if self._from else 0
        try:
            if self._before is None:
                self._before = self._measured()["eval_loss"]
            if self._from is None or not restored(self._trainer, self._from):
                self._trainer.train(resume_from_checkpoint=str(self._from) if self._from else None)
            if self._watch.stopped:
                return None
            after = self._measured()
        except Stopped:
            return None
        together()
        adapter, record = self._published(self._metrics(after))
        return Trained(adapter, record, resumed)

    def _measured(self) -> dict[str, float]:
        found: dict[str, float] = self._trainer.evaluate()
        if not math.isfinite(found["eval_loss"]):
            raise TrainingError(
                f"held-out loss is {found['eval_loss']}: the base or an example is broken; nothing was published"
            )
        return found

    def _metrics(self, after: Mapping[str, float]) -> dict[str, float]:
        state, seconds = self._trainer.state, self._meter.seconds
        losses = [entry["loss"] for entry in history_of(state.log_history)]
        accuracy = after.get("eval_rewards/accuracies", after.get("eval_mean_token_accuracy"))
        return {
            "eval_loss_before": self._before or 0.0,
            "eval_loss": after["eval_loss"],
            **({} if accuracy is None else {"eval_accuracy": accuracy}),
            "train_loss": sum(losses) / len(losses),
            "final_loss": losses[-1],
            "steps": state.global_step,
            "tokens": int(state.num_input_tokens_seen),
            "tokens_per_second": round(state.num_input_tokens_seen / seconds, 1) if seconds else 0.0,
            "seconds": round(seconds, 1),
            "memory": memory(),
            "examples": len(self._talk.train),
            "dropped": self._talk.dropped,
        }

    def _published(self, metrics: Mapping[str, float]) -> tuple[Path, dict[str, Any]]:
        """By one process, the others wait: the adapter's folder under its digest's name, or where the plan wants it."""
        made = self._run.folder / "adapter"
        if main_process():
            shutil.rmtree(made, ignore_errors=True)  # what a kill left while it was moved: a part, so no record says whose
            with written(made) as folder:
                record = self._write(folder, metrics)
            target = self._plan.out or self._plan.adapters / record["digest"].removeprefix(PREFIX)[:12]
            moved(made, target)
            self._run.finish(target, record["digest"])
            return target, record
        return made, {}

    def _write(self, folder: Path, metrics: Mapping[str, float]) -> dict[str, Any]:
        save_adapter(self._trainer.accelerator.unwrap_model(self._trainer.model), folder, self._base.name)
        (folder / TEMPLATE).write_text(self._tokenizer.chat_template, encoding="utf-8")
        write_samples(folder, rendered(self._tokenizer))
        history = history_of(self._trainer.state.log_history)
        write_json(folder / HISTORY, history)
        recipe = self._plan.recipe
        values = {"name": recipe.name, "digest": recipe.digest, "values": recipe.builtins()}
        record = seal(folder, {**self._run.made_of, "recipe": values, "metrics": dict(metrics)})
        (folder / "README.md").write_text(card(record, history), encoding="utf-8")
        return record


def _files(plan: Plan, run: Run) -> list[Sink]:
    if not main_process():
        return []
    folder = plan.metrics or run.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise TrainingError(f"{folder}: cannot be made for metrics ({exc.strerror})") from exc
    return [JsonLines(folder / "training.jsonl"), PrometheusFile(folder / "training.prom")]
