"""A recipe's stage, a model and conversations -> TRL's trainer for it, set so that a resumed run equals an unbroken one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twin.errors import TrainingError
from twin.model.base import Found, load_model, precision
from twin.model.batches import ByLength
from twin.model.conversations import Conversations
from twin.model.library import library
from twin.model.recipe import Dpo, Recipe, Sft, Stage, Training

KEPT = 2  # checkpoints: the new one is not whole before the old one may go


def trainer(
    recipe: Recipe,
    stage: Stage,
    found: Found,
    tokenizer: Any,
    talk: Conversations,
    *,
    run: Path,
    parent: Path | None,
    resumed: Path | None,
    tracker: str,
    callback: Any,
) -> Any:
    """TRL's SFTTrainer or DPOTrainer on a new adapter, or on that of `parent`; `resumed` is the checkpoint that it will go
    on from. Raises TrainingError.
    """
    from datasets import Dataset
    from transformers import PrinterCallback

    trl = library("trl")
    model, config = _model(recipe, stage, found, parent)
    made = (trl.SFTTrainer if stage == "sft" else trl.DPOTrainer)(
        model=model,
        args=_arguments(recipe, stage, run, tracker),
        train_dataset=Dataset.from_list(talk.train),
        eval_dataset=Dataset.from_list(talk.test),
        processing_class=tokenizer,
        peft_config=config,
        callbacks=[callback],
    )
    made.remove_callback(PrinterCallback)
    if not (stage == "sft" and recipe.sft.packing):
        order = ByLength(_lengths(made.train_dataset), recipe.training(stage).batch, recipe.seed)
        order.set_epoch(_epoch(resumed))  # of several processes' loaders, the one that begins in mid-epoch does not say it
        made._get_train_sampler = lambda *_: order  # noqa: SLF001  the one place where the library lets it be chosen
    made.create_model_card = lambda *_, **__: None  # ours is written once, at the end
    # Measured before it is trained, the model would count as prepared, and several processes would each train their own.
    made.model_wrapped = made.accelerator.prepare(made.model)
    return made


def _epoch(checkpoint: Path | None) -> int:
    """The epoch, from 0, in which `checkpoint` was left."""
    from transformers import TrainerState

    return int(TrainerState.load_from_json(str(checkpoint / "trainer_state.json")).epoch or 0) if checkpoint else 0


def _lengths(rows: Any) -> list[int]:
    """Tokens of each example that the trainer has prepared; of a preference the longer side."""
    if "input_ids" in rows.column_names:
        return [len(ids) for ids in rows["input_ids"]]
    sides = zip(rows["prompt_ids"], rows["chosen_ids"], rows["rejected_ids"], strict=True)
    return [len(prompt) + max(len(chosen), len(rejected)) for prompt, chosen, rejected in sides]


def restored(trained: Any, checkpoint: Path) -> bool:
    """Whether `checkpoint` is of the last step; then its weights and its history are put into the trainer, which would
    make one step more if it were asked to go on.
    """
    from peft import load_peft_weights, set_peft_model_state_dict
    from transformers import TrainerState

    state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
    if state.global_step < state.max_steps:
        return False
    set_peft_model_state_dict(trained.model, load_peft_weights(str(checkpoint)))
    trained.state = state
    return True


def _arguments(recipe: Recipe, stage: Stage, run: Path, tracker: str) -> Any:
    trl = library("trl")
    how = recipe.training(stage)
    shared = _shared(recipe, how, run, tracker)
    if isinstance(how, Sft):
        return trl.SFTConfig(**shared, completion_only_loss=True, packing=how.packing, eval_packing=False)
    beta = how.beta if isinstance(how, Dpo) else 0.0
    return trl.DPOConfig(**shared, beta=beta)


def _shared(recipe: Recipe, how: Training, run: Path, tracker: str) -> dict[str, Any]:
    import torch

    gpu = torch.cuda.is_available()
    return {
        "output_dir": str(run),
        "run_name": f"{recipe.name}-{run.name}",
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "max_length": how.length,
        "per_device_train_batch_size": how.batch,
        "per_device_eval_batch_size": how.batch,
        "gradient_accumulation_steps": how.accumulation,
        "learning_rate": how.learning_rate,
        "num_train_epochs": how.epochs,
        "max_steps": how.max_steps or -1,
        "warmup_steps": how.warmup,
        "lr_scheduler_type": how.schedule,
        "weight_decay": how.weight_decay,
        "max_grad_norm": how.clip,
        "gradient_checkpointing": how.checkpointing,
        "optim": "adamw_torch",
        "bf16": precision(recipe.base) == "bfloat16",
        "use_cpu": not gpu,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": gpu,
        "include_num_input_tokens_seen": "non_padding",
        "eval_strategy": "no",  # before and after, by us
        "logging_steps": 1,  # each step's loss is in the checkpoint's history, so a resumed run reports the same
        "logging_nan_inf_filter": False,  # it would hide that training has diverged
        "save_strategy": "steps",
        "save_steps": how.save_steps,
        "save_total_limit": KEPT,
        "disable_tqdm": True,
        "report_to": tracker or "none",
    }


def _model(recipe: Recipe, stage: Stage, found: Found, parent: Path | None) -> tuple[Any, Any]:
    """The model to train, and the shape of the adapter when it is a new one that the trainer puts on."""
    from peft import LoraConfig, PeftModel

    lora, fast = recipe.lora, recipe.base.unsloth
    model = _unsloth(recipe, stage, found) if fast else load_model(recipe.base, found)
    if parent:
        adapted = PeftModel.from_pretrained(model, str(parent), is_trainable=True)
        for config in adapted.peft_config.values():  # PEFT would look for a base of this name on the hub at every save
            config.base_model_name_or_path = str(found.folder)
        return adapted, None
    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    if unknown := sorted(set(lora.modules) - names):
        raise TrainingError(f"lora.modules: base {found.name} has no {', '.join(unknown)}")
    shape: dict[str, Any] = {
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "target_modules": list(lora.modules),
        "bias": "none",
    }
    if fast:
        return _shaped(model, shape, recipe, stage), None
    return model, LoraConfig(**shape, task_type="CAUSAL_LM")


def _unsloth(recipe: Recipe, stage: Stage, found: Found) -> Any:
    """The base by Unsloth's loader, whose kernels replace the model's. Always the base's own folder: given an adapter's, it
    would look for a base of that name on the hub.
    """
    model, _ = library("unsloth").FastLanguageModel.from_pretrained(
        model_name=str(found.folder),
        max_seq_length=recipe.training(stage).length,
        load_in_4bit=recipe.base.quantize == "nf4",
        trust_remote_code=False,
    )
    return model


def _shaped(model: Any, shape: dict[str, Any], recipe: Recipe, stage: Stage) -> Any:
    """Unsloth's own way to put a new adapter on."""
    checkpointing = "unsloth" if recipe.training(stage).checkpointing else False
    return library("unsloth").FastLanguageModel.get_peft_model(
        model, **shape, use_gradient_checkpointing=checkpointing, random_state=recipe.seed
    )
