"""What a recipe says, as frozen values: which base, which adapter, how each stage trains. Reading YAML is `recipes`' work.

The numbers that a recipe leaves out are those of the published LLM Twin runs (LoRA of rank 32 on seven projections; three
epochs of answers at 3e-4; one epoch of preferences at 2e-6 with beta 0.5).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from twin.digest import bytes_digest

Count = Annotated[int, Meta(ge=1)]
Steps = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, lt=1)]
Rate = Annotated[float, Meta(gt=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
Stage = Literal["sft", "dpo"]
Precision = Literal["auto", "float32", "bfloat16"]
Attention = Literal["sdpa", "eager", "flash_attention_2", "flash_attention_3"]
Schedule = Literal["linear", "cosine", "constant"]
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj", "gate_proj")


class Make(Struct, frozen=True, forbid_unknown_fields=True):
    """A base of our own making: a small Llama and a byte-level BPE tokenizer, both trained on the twin's documents.

    vLLM on a CPU wants heads of 32 and more dimensions: `hidden / heads` is the dimension of one.
    """

    vocabulary: Annotated[int, Meta(ge=300, le=65_536)] = 1024  # the 256 bytes and the special tokens included
    hidden: Count = 128
    layers: Count = 3
    heads: Count = 2
    positions: Count = 1024  # the longest conversation, in tokens
    steps: Count = 300
    batch: Count = 8
    length: Count = 128  # tokens of one sequence while it is made
    learning_rate: Rate = 5e-3
    held_out: Annotated[float, Meta(gt=0, lt=0.5)] = 0.05  # share of the text that its loss is measured on


class Base(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The model that is adapted: a folder or a name on a model hub, or, with `make`, the name of one made here."""

    name: Annotated[str, Meta(min_length=1, max_length=512)]
    revision: str = ""  # a commit of the hub; empty: the newest, and the card records which one that was
    digest: Annotated[str, Meta(pattern=r"^(sha256:[0-9a-f]{64})?$")] = ""  # when set, another base is refused
    precision: Precision = "auto"  # auto: bfloat16 where the hardware has it
    attention: Attention = "sdpa"
    quantize: Literal["none", "nf4"] = "none"  # nf4: QLoRA, needs a GPU and bitsandbytes
    chat_template: str = ""  # a Jinja file beside the recipe, for a base that has none
    unsloth: bool = False  # load and train by Unsloth, which must be installed
    make: Make | None = None


class Lora(Struct, frozen=True, forbid_unknown_fields=True):
    """The adapter's shape. `max_lora_rank` is what the server was, or will be, started with."""

    rank: Count = 32
    alpha: Count = 32
    dropout: Share = 0.0
    modules: tuple[str, ...] = PROJECTIONS
    max_lora_rank: Count = 64


class Training(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one stage trains. A batch is what one device sees at once; `accumulation` of them make a step."""

    length: Count = 2048  # tokens; what is longer is cut at its end
    batch: Count = 2
    accumulation: Count = 8
    learning_rate: Rate = 3e-4
    epochs: Positive = 3.0
    max_steps: Steps = 0  # 0: as many as the epochs have
    warmup: Share = 0.03  # of all steps
    schedule: Schedule = "linear"
    weight_decay: Share = 0.01
    clip: Positive = 1.0  # the largest norm of a gradient
    checkpointing: bool = True  # activations are computed again instead of kept
    save_steps: Count = 100


class Sft(Training, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Instruction examples; the loss is on answers only."""

    packing: bool = False  # several examples in one sequence: needs flash attention, which keeps them apart


class Dpo(Training, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Preference examples, against the model as it was before (Rafailov et al., 2023)."""

    length: Count = 1024
    learning_rate: Rate = 2e-6
    epochs: Positive = 1.0
    beta: Positive = 0.5


class Recipe(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One way to train, from base to adapter."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
    base: Base
    lora: Lora = Lora()
    sft: Sft = Sft()
    dpo: Dpo = Dpo()
    seed: Annotated[int, Meta(ge=0, lt=2**32)] = 42

    @property
    def digest(self) -> str:
        """Of all it says, defaults included; not of how the file is written."""
        return bytes_digest(msgspec.json.encode(self, order="sorted"))

    def builtins(self) -> dict[str, Any]:
        """All it says as plain values, from which `msgspec.convert` makes it again."""
        return dict(msgspec.json.decode(msgspec.json.encode(self)))

    def training(self, stage: Stage) -> Training:
        """How `stage` trains."""
        return self.sft if stage == "sft" else self.dpo
