"""What cannot be trained on is named, and nothing else is taken in its place; nothing half-made is left."""

from __future__ import annotations

import json
import resource
import shutil
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from transformers.models.llama.modeling_llama import LlamaMLP

from tests.integration.model.small import examples, manifest, plan, recipe, texts, write_dataset
from twin.errors import DigestError, TrainingError
from twin.model.adapter import read_adapter
from twin.model.checkpoints import last_whole
from twin.model.making import make_base
from twin.model.merge import merge
from twin.model.plan import Plan, Trained
from twin.model.train import train

lookup = socket.getaddrinfo  # which no test here may use, but of a server of its own


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory, bases: Path, dataset: Path) -> Trained:
    made = train(plan(tmp_path_factory.mktemp("adapter"), dataset, bases=bases, recipe=recipe(sft={"max_steps": 2})))
    assert made
    return made


def refused(wanted: Plan, match: str, kind: type[Exception] = TrainingError) -> None:
    with pytest.raises(kind, match=match):
        train(wanted)
    assert not wanted.adapters.exists()
    assert not list(wanted.runs.glob("*/adapter"))


@pytest.mark.parametrize(("stage", "kind"), [("sft", "instruction"), ("dpo", "preference")])
def test_an_empty_dataset(tmp_path: Path, bases: Path, stage: str, kind: str) -> None:
    empty = write_dataset(tmp_path / "dataset", [], [])
    refused(plan(tmp_path, empty, bases=bases, stage=stage), f"no {kind} example to train on")


def test_a_dataset_with_nothing_held_out(tmp_path: Path, bases: Path) -> None:
    whole = write_dataset(tmp_path / "dataset", examples(8), [])
    refused(plan(tmp_path, whole, bases=bases), "held out")


def test_a_folder_that_is_no_dataset(tmp_path: Path, bases: Path) -> None:
    refused(plan(tmp_path, tmp_path, bases=bases), "manifest.json")


def test_a_dataset_that_was_changed_after_it_was_built(tmp_path: Path, bases: Path, dataset: Path) -> None:
    changed = tmp_path / "dataset"
    shutil.copytree(dataset, changed)
    with (changed / "instruction" / "train.jsonl").open("a") as file:
        file.write(json.dumps({"instruction": "Who?", "answer": "Someone else."}) + "\n")
    refused(plan(tmp_path, changed, bases=bases), r"train\.jsonl: is sha256:.*but the manifest says", DigestError)


def test_a_dataset_other_than_the_pinned_one(tmp_path: Path, bases: Path, dataset: Path) -> None:
    pinned = f"sha256:{'0' * 64}"
    refused(plan(tmp_path, dataset, bases=bases, dataset_digest=pinned), f"{pinned} is asked for", DigestError)


def test_a_manifest_that_names_files_outside_of_its_folder(tmp_path: Path, bases: Path) -> None:
    folder = write_dataset(tmp_path / "dataset", examples(8), examples(2))
    said = json.loads((folder / "manifest.json").read_text())
    manifest(folder, files={**said["files"], "../../../etc/passwd": f"sha256:{'0' * 64}"})
    refused(plan(tmp_path, folder, bases=bases), "outside", DigestError)


def test_an_example_without_an_answer_is_named_by_file_and_number(tmp_path: Path, bases: Path) -> None:
    broken = write_dataset(tmp_path / "dataset", [*examples(3), {"instruction": "And?", "answer": " "}], examples(2))
    refused(plan(tmp_path, broken, bases=bases), r"train\.jsonl, example 4: answer is missing or empty")


def test_questions_longer_than_the_length(tmp_path: Path, bases: Path, dataset: Path) -> None:
    refused(plan(tmp_path, dataset, bases=bases, recipe=recipe(sft={"length": 4})), "raise sft.length")


def test_a_base_that_was_not_made(tmp_path: Path, dataset: Path) -> None:
    refused(plan(tmp_path, dataset), "twin model base")


def test_a_base_that_is_neither_a_folder_nor_on_a_hub(tmp_path: Path, bases: Path, dataset: Path) -> None:
    refused(plan(tmp_path, dataset, recipe=recipe(base={"make": None, "name": "./nowhere"})), "no folder and no name on a hub")


def test_a_base_of_a_hub_that_is_neither_reached_nor_in_the_cache(
    tmp_path: Path, bases: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    other = recipe(base={"make": None, "name": "ada/nowhere"})
    refused(plan(tmp_path, dataset, recipe=other), r"base ada/nowhere: cannot be loaded .*the model in its cache or a folder")


def test_a_base_of_a_hub_that_breaks_off(tmp_path: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1000)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with socketserver.TCPServer(("127.0.0.1", 0), Silent) as hub:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{hub.server_address[1]}")
        other = recipe(base={"make": None, "name": "ada/nowhere"})
        refused(plan(tmp_path, dataset, recipe=other), "base ada/nowhere: cannot be loaded")
        hub.shutdown()


def test_a_base_other_than_the_pinned_one(tmp_path: Path, bases: Path, dataset: Path) -> None:
    other = recipe(base={"digest": f"sha256:{'0' * 64}"})
    refused(plan(tmp_path, dataset, bases=bases, recipe=other), "base.digest pins", DigestError)


def _copied_base(tmp_path: Path, bases: Path) -> Path:
    shutil.copytree(bases, tmp_path / "bases")
    return tmp_path / "bases"


def test_a_base_whose_weights_are_cut_off(tmp_path: Path, bases: Path, dataset: Path) -> None:
    spoilt = _copied_base(tmp_path, bases)
    weights = spoilt / "small" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    refused(plan(tmp_path, dataset, bases=spoilt), "base small: cannot be loaded")


def test_a_base_that_lacks_weights_is_not_filled_up_with_random_ones(tmp_path: Path, bases: Path, dataset: Path) -> None:
    from safetensors.torch import load_file, save_file

    spoilt = _copied_base(tmp_path, bases)
    weights = spoilt / "small" / "model.safetensors"
    tensors = load_file(weights)
    tensors.pop("model.layers.0.mlp.up_proj.weight")
    save_file(tensors, weights, metadata={"format": "pt"})
    refused(plan(tmp_path, dataset, bases=spoilt), "1 weights are missing")


def test_a_base_without_a_chat_template(tmp_path: Path, bases: Path, dataset: Path) -> None:
    spoilt = _copied_base(tmp_path, bases)
    (spoilt / "small" / "chat_template.jinja").unlink()
    refused(plan(tmp_path, dataset, bases=spoilt), "has no chat template")


def test_an_adapter_of_another_base(tmp_path: Path, bases: Path, dataset: Path, adapter: Trained) -> None:
    make_base(recipe(base={"make": {"steps": 1, **_tiny()}}), texts(), tmp_path / "bases" / "small")
    other = plan(tmp_path, dataset, bases=tmp_path / "bases", stage="dpo", parent=adapter.adapter)
    refused(other, "an adapter works on its own base alone")


def _tiny() -> dict[str, int]:
    return {"vocabulary": 400, "hidden": 64, "layers": 1, "heads": 1, "positions": 256, "batch": 1, "length": 64}


def test_an_adapter_that_was_changed(tmp_path: Path, bases: Path, dataset: Path, adapter: Trained) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(adapter.adapter, changed)
    config = changed / "adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": 16', '"lora_alpha": 800'))
    wanted = plan(tmp_path, dataset, bases=bases, stage="dpo", parent=changed)
    refused(wanted, r"adapter_config\.json is sha256:", DigestError)


def test_an_adapter_with_a_higher_rank_than_the_server_loads(
    tmp_path: Path, bases: Path, dataset: Path, adapter: Trained
) -> None:
    lower = recipe(lora={"rank": 2, "max_lora_rank": 2})
    refused(plan(tmp_path, dataset, bases=bases, stage="dpo", parent=adapter.adapter, recipe=lower), "rank 4, above")


def test_modules_that_the_base_does_not_have(tmp_path: Path, bases: Path, dataset: Path) -> None:
    refused(plan(tmp_path, dataset, bases=bases, recipe=recipe(lora={"modules": ["q_proj", "query"]})), "has no query")


def test_a_loss_that_is_no_number_ends_the_run_before_it_is_saved(
    tmp_path: Path, bases: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = LlamaMLP.forward

    def diverged(self: Any, x: Any) -> Any:
        return forward(self, x) * (float("nan") if self.training else 1.0)

    monkeypatch.setattr(LlamaMLP, "forward", diverged)
    wanted = plan(tmp_path, dataset, bases=bases, recipe=recipe(sft={"save_steps": 1}))
    refused(wanted, r"step 1: loss is nan, so training has diverged")
    assert last_whole(next(path for path in wanted.runs.iterdir() if path.is_dir())) is None


def test_a_base_whose_weights_are_no_numbers(tmp_path: Path, bases: Path, dataset: Path) -> None:
    from safetensors.torch import load_file, save_file

    spoilt = _copied_base(tmp_path, bases)
    weights = spoilt / "small" / "model.safetensors"
    save_file({name: one * float("nan") for name, one in load_file(weights).items()}, weights, metadata={"format": "pt"})
    refused(plan(tmp_path, dataset, bases=spoilt), "held-out loss is nan")


def test_out_of_memory_says_what_to_lower(tmp_path: Path, bases: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(LlamaMLP, "forward", full)
    refused(plan(tmp_path, dataset, bases=bases), "out of memory with batch 4 and length 96: lower batch")


@contextmanager
def _files_up_to(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: what a full disk does to a writer, within one process."""
    import signal

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_a_disk_that_is_full_while_a_checkpoint_is_saved(tmp_path: Path, bases: Path, dataset: Path) -> None:
    wanted = plan(tmp_path, dataset, bases=bases)
    with _files_up_to(16_000):
        refused(wanted, "would be too large|may be full")
    run = next(path for path in wanted.runs.iterdir() if path.is_dir())
    assert last_whole(run) is None
    assert train(wanted), "with room again, the same run is made"


def test_what_is_published_is_there_as_a_whole_or_not_at_all(
    tmp_path: Path, bases: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twin.model import folder

    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    wanted = plan(tmp_path, dataset, bases=bases, recipe=recipe(sft={"max_steps": 1}), out=tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(folder, "_settle", full)
        refused(wanted, "nothing was published")
    assert not (tmp_path / "out").exists()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    made = train(wanted)
    assert made
    assert made.resumed == 1
    assert read_adapter(tmp_path / "out") == made.record


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path, bases: Path, dataset: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("years of work")
    refused(plan(tmp_path, dataset, bases=bases, out=tmp_path / "notes"), "was not made by `twin model`")
    assert (tmp_path / "notes" / "mine.txt").read_text() == "years of work"


def test_a_merged_model_says_what_the_adapter_says(tmp_path: Path, bases: Path, adapter: Trained) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    record = merge(adapter.adapter, bases, tmp_path, tmp_path / "merged")
    assert record["parent"] == adapter.record["digest"]
    ids = torch.arange(40, 72).view(1, -1)
    base = AutoModelForCausalLM.from_pretrained(bases / "small")
    with torch.no_grad():
        adapted = PeftModel.from_pretrained(base, str(adapter.adapter)).eval()(ids).logits
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").eval()(ids).logits
    torch.testing.assert_close(merged, adapted, rtol=1e-4, atol=1e-4)


def test_a_merge_with_another_base_is_refused(tmp_path: Path, bases: Path, adapter: Trained) -> None:
    make_base(recipe(base={"make": {"steps": 1, **_tiny()}}), texts(), tmp_path / "bases" / "small")
    with pytest.raises(TrainingError, match="on its own base alone"):
        merge(adapter.adapter, tmp_path / "bases", tmp_path, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_documents_too_few_to_make_a_base_of(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="too few to make a base"):
        make_base(recipe(), ["A note."], tmp_path / "base")
    assert not (tmp_path / "base").exists()


def test_a_base_is_made_once_of_the_same_documents(tmp_path: Path) -> None:
    small = recipe(base={"make": {"steps": 2, **_tiny()}})
    first = make_base(small, texts(), tmp_path / "base")
    told: list[int] = []
    again = make_base(small, reversed(texts()), tmp_path / "base", lambda step, *_: told.append(step))
    assert again == first
    assert not told
    other = make_base(small, texts()[:-1], tmp_path / "base")
    assert other["digest"] != first["digest"]


def test_text_that_looks_like_a_special_token_stays_text(bases: Path) -> None:
    from twin.model.base import Found, load_tokenizer
    from twin.model.conversations import conversations

    tokenizer = load_tokenizer(Found("small", bases / "small", ""))
    row = {"instruction": "What is <|end|>?", "answer": "A <|end|><|user|> token, <<|end|>|end|>."}
    turn = conversations("sft", [row], [row], tokenizer, 96).train[0]
    ids = tokenizer.apply_chat_template([*turn["prompt"], *turn["completion"]], return_dict=False)
    assert ids.count(tokenizer.eos_token_id) == 2
    assert ids.count(tokenizer.convert_tokens_to_ids("<|user|>")) == 1


def test_unsloth_that_is_not_installed_is_named_and_not_done_without(tmp_path: Path, bases: Path, dataset: Path) -> None:
    refused(plan(tmp_path, dataset, bases=bases, recipe=recipe(base={"unsloth": True})), "pip install unsloth")


def test_with_its_flag_unsloth_loads_the_base_and_shapes_the_adapter(
    tmp_path: Path, bases: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "unsloth", fake_unsloth())
    wanted = plan(tmp_path, dataset, bases=bases, recipe=recipe(base={"unsloth": True}, sft={"max_steps": 1}))
    first = train(wanted)
    assert first
    assert json.loads((first.adapter / "adapter_config.json").read_text())["r"] == 4
    assert train(replace(wanted, stage="dpo", parent=first.adapter))


def fake_unsloth() -> ModuleType:
    """Unsloth needs a GPU: this has its two calls, over the libraries that it is a faster way to."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    class FastLanguageModel:
        @staticmethod
        def from_pretrained(
            model_name: str, max_seq_length: int, load_in_4bit: bool, trust_remote_code: bool
        ) -> tuple[Any, None]:
            assert (Path(model_name) / "model.safetensors").is_file(), "an adapter's folder would send it to the hub"
            return AutoModelForCausalLM.from_pretrained(model_name), None

        @staticmethod
        def get_peft_model(
            model: Any, r: int, lora_alpha: int, lora_dropout: float, target_modules: list[str], **_: Any
        ) -> Any:
            shape = LoraConfig(
                r=r, lora_alpha=lora_alpha, lora_dropout=lora_dropout, target_modules=target_modules, task_type="CAUSAL_LM"
            )
            return get_peft_model(model, shape)

    made = ModuleType("unsloth")
    made.FastLanguageModel = FastLanguageModel  # type: ignore[attr-defined]
    return made


def test_an_unknown_tracker_is_an_error_and_not_a_run_without_it(tmp_path: Path, bases: Path, dataset: Path) -> None:
    refused(replace(plan(tmp_path, dataset, bases=bases), tracker="wandb"), "wandb")
