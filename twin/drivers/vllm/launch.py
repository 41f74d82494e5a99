"""A base model, its adapters and an address -> the command and the environment that start vLLM. Starts nothing.

By module, because the wheel for processors has no console script that works.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # of adapters, for which vLLM reserves memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What is served: `base` as `name`, each adapter under a name of its own. `python` is one that has vLLM.

    A `base` that is no absolute path is a hub's name, and only then is a hub asked.
    """

    python: Path
    base: Path
    revision: str = ""  # of a hub's base
    name: str = "base"
    adapters: Mapping[str, Path] = field(default_factory=dict)
    chat_template: Path | None = None  # in place of the base's own: that of the adapters
    host: str = "127.0.0.1"
    port: int = 8000
    device: Literal["cpu", "gpu"] = "gpu"
    context: int = 0  # tokens; 0: what the model allows
    max_lora_rank: int = 32
    max_loras: int = 4
    cache_gigabytes: int = 1  # of keys and values, on a processor
    threads: int = 1  # on a processor

    def command(self) -> list[str]:
        """The command line, no shell needed."""
        options = {
            "--model": str(self.base),
            "--served-model-name": self.name,
            "--host": self.host,
            "--port": str(self.port),
            "--max-lora-rank": str(next((rank for rank in RANKS if rank >= self.max_lora_rank), self.max_lora_rank)),
            "--max-loras": str(self.max_loras),
            **({"--max-model-len": str(self.context)} if self.context else {}),
            **({"--revision": self.revision} if self.revision else {}),
            **({"--chat-template": str(self.chat_template)} if self.chat_template else {}),
            **({"--dtype": "float32"} if self.device == "cpu" else {}),
        }
        flags = ["--enable-lora", *(["--enforce-eager"] if self.device == "cpu" else [])]
        named = [json.dumps({"name": name, "path": str(path)}) for name, path in self.adapters.items()]
        adapters = ["--lora-modules", *named] if named else []
        start = [
            str(self.python),
            "-P",
            "-m",
            "vllm.entrypoints.openai.api_server",
        ]  # -P: no vllm.py of the folder it starts in
        return [*start, *(part for option in options.items() for part in option), *flags, *adapters]

    def variables(self) -> dict[str, str]:
        """What its environment needs beside the usual: adapters exchanged while it runs, no hub, no report of use."""
        common = {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True", "VLLM_NO_USAGE_STATS": "1"}
        if self.base.is_absolute():
            common["HF_HUB_OFFLINE"] = "1"
        if self.device == "gpu":
            return common
        processor = {"VLLM_CPU_KVCACHE_SPACE": str(self.cache_gigabytes), "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
        return {**common, **processor, "OMP_NUM_THREADS": str(self.threads)}
