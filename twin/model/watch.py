"""What a trainer tells while it runs -> readings, whole checkpoints, and a stop at the end of a step. No library at the top.

`attached` mixes `Watch` with the trainer's own class of callbacks, so that this module needs none to be read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from twin.errors import TrainingError
from twin.model.checkpoints import STEM, mark
from twin.model.meter import Meter, Sink

MEASURES = ("loss", "grad_norm")


class Stopped(Exception):  # noqa: N818  it is no error: the caller goes on from the last checkpoint
    """Asked to stop while nothing needed to be saved."""


class Watch:
    """The callbacks of one run. `stopping` is asked after each step, by all processes of the run with one answer; `state`
    goes with each checkpoint; `together` waits for all processes.
    """

    def __init__(
        self,
        meter: Meter,
        sinks: Iterable[Sink],
        stopping: Callable[[], bool],
        state: Callable[[], Any],
        together: Callable[[], None] = lambda: None,
    ) -> None:
        self._meter, self._sinks, self._stopping, self._state = meter, tuple(sinks), stopping, state
        self._together = together
        self.stopped = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002  the trainer's signature
        self._meter.begin(state.global_step, state.num_input_tokens_seen)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:  # noqa: ARG002
        """After a step: stop here when asked to, with a checkpoint; at the end keep one, whatever `save_steps` is."""
        last = state.global_step >= state.max_steps
        if not last and self._stopping():
            self.stopped = control.should_training_stop = True
        if last or self.stopped:
            control.should_save = True
        return control

    def on_prediction_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """A held-out batch was measured: nothing to save, so a stop is at once."""
        if self._stopping():
            raise Stopped

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:  # noqa: ARG002
        """A step's numbers. Raises TrainingError when they are none, before anything of it is saved."""
        logs = logs or {}
        for measure in MEASURES:
            if measure in logs and not math.isfinite(float(logs[measure])):
                raise TrainingError(
                    f"step {state.global_step}: {measure} is {logs[measure]}, so training has diverged; nothing was published:"
                    " lower learning_rate, raise warmup, or look for broken examples"
                )
        if "loss" not in logs or not state.is_world_process_zero:
            return
        reading = self._meter.read(
            step=state.global_step,
            steps=state.max_steps,
            loss=float(logs["loss"]),
            learning_rate=float(logs.get("learning_rate", 0.0)),
            gradient_norm=float(logs.get("grad_norm", 0.0)),
            tokens=int(state.num_input_tokens_seen),
        )
        for sink in self._sinks:
            sink.put(reading)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """The trainer has written a checkpoint: it is whole once every process has written its part."""
        self._together()
        if state.is_world_process_zero:
            mark(Path(args.output_dir) / f"{STEM}{state.global_step}", self._state())


def attached(watch: Watch) -> Any:
    """`watch` as one of the trainer's callbacks."""
    from transformers import TrainerCallback

    kind = type("Attached", (Watch, TrainerCallback), {"__init__": lambda self: self.__dict__.update(watch.__dict__)})
    made = kind()
    made.__dict__ = watch.__dict__  # one state, so that `watch.stopped` is what the callback set
    return made
