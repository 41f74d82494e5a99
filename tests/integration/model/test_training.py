"""Adapters that are really trained, interrupted and gone on with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.model.small import plan, recipe
from twin.model.checkpoints import MARK, STEM
from twin.model.folder import verify
from twin.model.meter import Reading
from twin.model.plan import Plan, Trained
from twin.model.runs import Run
from twin.model.train import train


class Stop:
    """Says stop once `step` steps were made, like a signal that came during it."""

    def __init__(self, step: int) -> None:
        self._step, self.seen = step, 0

    def put(self, reading: Reading) -> None:
        self.seen = reading.step

    def __call__(self) -> bool:
        return self.seen + 1 >= self._step  # asked before the step's own reading is put


def done(made: Trained | None) -> Trained:
    assert made is not None
    return made


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, bases: Path, dataset: Path) -> Trained:
    return done(train(plan(tmp_path_factory.mktemp("unbroken"), dataset, bases=bases)))


@pytest.fixture(scope="module")
def unbroken_dpo(tmp_path_factory: pytest.TempPathFactory, bases: Path, dataset: Path, unbroken: Trained) -> Trained:
    home = tmp_path_factory.mktemp("unbroken-dpo")
    return done(train(plan(home, dataset, bases=bases, stage="dpo", parent=unbroken.adapter)))


def test_fine_tuning_lowers_the_held_out_loss(unbroken: Trained) -> None:
    metrics = unbroken.record["metrics"]
    assert metrics["eval_loss"] < metrics["eval_loss_before"] - 0.02
    assert metrics["steps"] == 10
    assert metrics["tokens"] > 0


def test_preferences_lower_the_held_out_loss_of_the_adapter_they_go_on_from(unbroken: Trained, unbroken_dpo: Trained) -> None:
    metrics = unbroken_dpo.record["metrics"]
    assert metrics["eval_loss"] < metrics["eval_loss_before"]
    assert unbroken_dpo.record["parent"] == unbroken.record["digest"]
    assert not (unbroken_dpo.adapter / "ref").exists()


def test_an_adapter_is_its_files_and_says_what_it_was_made_from(unbroken: Trained, dataset: Path) -> None:
    assert verify(unbroken.adapter) == unbroken.record
    assert unbroken.adapter.name == unbroken.record["digest"][7:19]
    manifest = json.loads((dataset / "manifest.json").read_text())
    assert unbroken.record["dataset"]["digest"] == manifest["digest"]
    assert {path.name for path in unbroken.adapter.iterdir()} == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "chat_template.jinja",
        "rendering.json",
        "training.json",
        "twin.json",
    }
    everything = b"".join(path.read_bytes() for path in unbroken.adapter.iterdir())
    assert str(dataset.parent).encode() not in everything, "an adapter says nothing of the machine it was made on"


def test_the_same_training_again_does_nothing(tmp_path: Path, bases: Path, dataset: Path) -> None:
    wanted = replace(plan(tmp_path, dataset, bases=bases), recipe=recipe(sft={"max_steps": 1}))
    first = done(train(wanted))
    again = done(train(wanted))
    elsewhere = done(train(replace(wanted, out=tmp_path / "elsewhere")))
    assert (first.kept, again.kept, elsewhere.kept) == (False, True, True)
    assert again.record == first.record == verify(tmp_path / "elsewhere")


def test_of_several_processes_one_copies_the_adapter_that_is_there_and_tells_of_it(
    tmp_path: Path, bases: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = replace(plan(tmp_path, dataset, bases=bases), recipe=recipe(sft={"max_steps": 1}))
    done(train(wanted))
    monkeypatch.setattr("twin.model.train.main_process", lambda: False)
    other = done(train(replace(wanted, out=tmp_path / "elsewhere")))
    assert (other.kept, other.record) == (True, {})
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("step", [2, 6, 8])
def test_fine_tuning_stopped_after_any_step_ends_as_an_unbroken_run(
    tmp_path: Path, bases: Path, dataset: Path, unbroken: Trained, step: int
) -> None:
    _stopped_then_gone_on(plan(tmp_path, dataset, bases=bases), unbroken, step)


def test_a_run_stopped_before_its_first_step_begins_again(
    tmp_path: Path, bases: Path, dataset: Path, unbroken: Trained
) -> None:
    wanted = plan(tmp_path, dataset, bases=bases)
    assert train(wanted, lambda: True) is None
    resumed = done(train(wanted))
    assert resumed.resumed == 0
    _same(resumed, unbroken)


def test_preferences_stopped_in_the_middle_end_as_an_unbroken_run(
    tmp_path: Path, bases: Path, dataset: Path, unbroken: Trained, unbroken_dpo: Trained
) -> None:
    wanted = plan(tmp_path, dataset, bases=bases, stage="dpo", parent=unbroken.adapter)
    _stopped_then_gone_on(wanted, unbroken_dpo, 3)


def _stopped_then_gone_on(wanted: Plan, unbroken: Trained, step: int) -> None:
    stop = Stop(step)
    assert train(wanted, stop, [stop]) is None
    assert not wanted.adapters.exists()
    resumed = done(train(wanted))
    assert resumed.resumed == step
    _same(resumed, unbroken)


def _same(resumed: Trained, unbroken: Trained) -> None:
    timed = ("seconds", "tokens_per_second", "memory")
    kept = [{k: v for k, v in one.record["metrics"].items() if k not in timed} for one in (resumed, unbroken)]
    assert kept[0] == kept[1]
    assert resumed.record["digest"] == unbroken.record["digest"]


def _run(wanted: Plan) -> Path:
    return next(path for path in wanted.runs.iterdir() if path.is_dir())


@pytest.mark.parametrize("spoil", ["no optimizer", "no mark", "a changed byte"])
def test_a_checkpoint_that_is_not_whole_is_passed_over_for_the_one_before(
    tmp_path: Path, bases: Path, dataset: Path, unbroken: Trained, spoil: str
) -> None:
    wanted, stop = plan(tmp_path, dataset, bases=bases), Stop(5)
    assert train(wanted, stop, [stop]) is None
    _spoil(_run(wanted) / f"{STEM}5")[spoil]()
    resumed = done(train(wanted))
    assert resumed.resumed == 3
    _same(resumed, unbroken)


def _spoil(checkpoint: Path) -> dict[str, Callable[[], object]]:
    weights = checkpoint / "adapter_model.safetensors"
    return {
        "no optimizer": (checkpoint / "optimizer.pt").unlink,
        "no mark": (checkpoint / MARK).unlink,
        "a changed byte": lambda: weights.write_bytes(weights.read_bytes()[:-1] + b"\x01"),
    }


def test_a_run_stopped_while_it_is_measured_at_its_end_is_not_trained_again(
    tmp_path: Path, bases: Path, dataset: Path, unbroken: Trained
) -> None:
    wanted, stop = plan(tmp_path, dataset, bases=bases), Stop(11)
    assert train(wanted, stop, [stop]) is None
    resumed = done(train(wanted))
    assert resumed.resumed == 10
    _same(resumed, unbroken)


def test_two_processes_do_not_train_the_same_run(
    tmp_path: Path, bases: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twin.errors import TrainingError

    wanted = plan(tmp_path, dataset, bases=bases)
    stop = Stop(1)
    assert train(wanted, stop, [stop]) is None
    with Run(_run(wanted), {}).held(), pytest.raises(TrainingError, match="another process"):
        train(wanted)
