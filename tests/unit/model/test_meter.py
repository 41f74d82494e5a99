"""Readings, and the two files that they become."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from twin.errors import TrainingError
from twin.model.card import bars, history_of
from twin.model.faults import explained, training
from twin.model.meter import JsonLines, Meter, PrometheusFile, Reading, prometheus
from twin.model.watch import Stopped, Watch


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def meter(clock: Clock, before: float = 0.0) -> Meter:
    return Meter("sft", "tiny", clock, lambda: 2**20, before)


def read(made: Meter, step: int, tokens: int, loss: float = 1.5) -> Reading:
    return made.read(step=step, steps=10, loss=loss, learning_rate=3e-4, gradient_norm=0.5, tokens=tokens)


def test_rates_are_over_the_last_steps_and_the_time_to_go_follows() -> None:
    clock = Clock()
    made = meter(clock)
    made.begin(0, 0)
    clock.now += 2
    reading = read(made, 1, 400)
    assert (reading.tokens_per_second, reading.eta, reading.seconds) == (200.0, 18.0, 2.0)
    clock.now += 1
    assert read(made, 2, 800).tokens_per_second == pytest.approx(266.7)


def test_an_attempt_that_goes_on_counts_its_own_steps_and_all_of_the_time() -> None:
    clock = Clock()
    made = meter(clock, before=50.0)
    clock.now += 30  # loading a model is no training
    made.begin(6, 2400)
    clock.now += 1
    reading = read(made, 7, 2800)
    assert (reading.tokens_per_second, reading.eta, reading.seconds) == (400.0, 3.0, 51.0)


def test_a_clock_that_stands_still_divides_by_nothing() -> None:
    made = meter(Clock())
    made.begin(0, 0)
    reading = read(made, 1, 400)
    assert (reading.tokens_per_second, reading.eta) == (0.0, 0.0)


def test_readings_become_lines_of_json_one_each(tmp_path: Path) -> None:
    made, file = meter(Clock()), tmp_path / "training.jsonl"
    for step in (1, 2):
        JsonLines(file).put(read(made, step, 400 * step))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(line["step"], line["loss"], line["memory"]) for line in lines] == [(1, 1.5, 2**20), (2, 1.5, 2**20)]


def test_the_file_for_prometheus_is_replaced_and_is_its_text_format(tmp_path: Path) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    made, file = meter(Clock()), tmp_path / "training.prom"
    PrometheusFile(file).put(read(made, 1, 400))
    PrometheusFile(file).put(read(made, 2, 800, loss=1.25))
    families = {family.name: family for family in text_string_to_metric_families(file.read_text())}
    assert families["twin_training_loss"].samples[0].value == 1.25
    assert families["twin_training_loss"].samples[0].labels == {"stage": "sft", "recipe": "tiny"}
    assert families["twin_training_memory_bytes"].samples[0].value == 2**20
    assert all(family.type == "gauge" and family.documentation for family in families.values())
    assert [path.name for path in tmp_path.iterdir()] == ["training.prom"]


def test_every_number_of_a_reading_is_in_the_file_for_prometheus() -> None:
    text = prometheus(read(meter(Clock()), 1, 400))
    numbers = [field for field in Reading.__slots__ if field not in ("stage", "recipe")]
    assert text.count("# TYPE") == len(numbers)


class State:
    """What a trainer knows of itself, as far as the callbacks look."""

    def __init__(self, step: int, steps: int = 10) -> None:
        self.global_step, self.max_steps, self.num_input_tokens_seen, self.is_world_process_zero = step, steps, 400, True


class Control:
    should_save = should_training_stop = False


class Kept:
    def __init__(self) -> None:
        self.readings: list[Reading] = []

    def put(self, reading: Reading) -> None:
        self.readings.append(reading)


def test_a_stop_is_at_the_end_of_a_step_with_a_checkpoint() -> None:
    watch = Watch(meter(Clock()), [], lambda: True, dict)
    control = watch.on_step_end(None, State(4), Control())
    assert (control.should_save, control.should_training_stop, watch.stopped) == (True, True, True)


def test_a_stop_after_the_last_step_lets_the_run_end() -> None:
    watch = Watch(meter(Clock()), [], lambda: True, dict)
    control = watch.on_step_end(None, State(10), Control())
    assert (control.should_save, control.should_training_stop, watch.stopped) == (True, False, False)


def test_a_stop_while_held_out_examples_are_measured_is_at_once() -> None:
    with pytest.raises(Stopped):
        Watch(meter(Clock()), [], lambda: True, dict).on_prediction_step(None, State(0), Control())


@pytest.mark.parametrize("logs", [{"loss": math.nan}, {"loss": 1.0, "grad_norm": math.inf}, {"loss": "nan"}])
def test_numbers_that_are_none_end_the_run_before_they_are_put(logs: dict[str, float]) -> None:
    kept = Kept()
    with pytest.raises(TrainingError, match="step 4: .*diverged"):
        Watch(meter(Clock()), [kept], lambda: False, dict).on_log(None, State(4), Control(), logs)
    assert not kept.readings


def test_what_is_no_step_is_no_reading() -> None:
    kept = Kept()
    watch = Watch(meter(Clock()), [kept], lambda: False, dict)
    for logs in (None, {}, {"eval_loss": 1.0}, {"train_runtime": 3.0}):
        watch.on_log(None, State(4), Control(), logs)
    assert not kept.readings
    watch.on_log(None, State(4), Control(), {"loss": 1.0})
    assert [reading.step for reading in kept.readings] == [4]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "out of memory with batch 2 and length 1024"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "out of memory"),
        (MemoryError(), "out of memory"),
        (OSError(28, "No space left on device"), "the disk is full"),
        (OSError(122, "Disk quota exceeded"), "the quota is used up"),
        (RuntimeError("PytorchStreamWriter failed writing file data/3: file write failed"), "the disk may be full"),
        (ValueError("one\ntwo"), "failed (ValueError: one two)"),
    ],
)
def test_what_libraries_raise_is_one_line_that_says_what_to_do(error: Exception, words: str) -> None:
    with pytest.raises(TrainingError) as raised, training("recipe x, sft", 2, 1024):
        raise error
    assert str(raised.value).startswith("recipe x, sft: ")
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_errors_of_the_twins_own_and_interrupts_pass_as_they_are() -> None:
    for error in (TrainingError("mine"), KeyboardInterrupt(), Stopped()):
        with pytest.raises(type(error)) as raised, training("x", 1, 1):
            raise error
        assert raised.value is error


def test_a_long_message_is_cut() -> None:
    assert len(explained(ValueError("x" * 10_000), "run", 1, 1)) < 600


def test_the_history_of_a_run_has_nothing_of_the_clock() -> None:
    log = [{"loss": 2.0, "step": 1, "epoch": 0.1, "train_runtime": 3.2}, {"eval_loss": 1.0, "step": 1}]
    assert history_of(log) == [{"step": 1, "loss": 2.0}]


@pytest.mark.parametrize("count", [1, 2, 60, 61, 1000])
def test_the_curve_of_a_card_fits_a_line_and_falls(count: int) -> None:
    drawn = bars([float(count - one) for one in range(count)])
    assert 1 <= len(drawn) <= 60
    assert list(drawn) == sorted(drawn, reverse=True)


def test_a_flat_curve_is_flat_and_none_is_none() -> None:
    assert bars([1.0, 1.0, 1.0]) == "▁▁▁"
    assert bars([]) == ""
