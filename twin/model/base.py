"""A recipe's base -> a folder, its digest, and the model and tokenizer that are loaded from it; never another one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.digest import bytes_digest, file_digest, files_digest
from twin.errors import DigestError, TrainingError
from twin.model.folder import UNSEALED
from twin.model.library import library
from twin.model.recipe import Base

HUB = ("*.json", "*.safetensors", "*.model", "*.jinja", "*.txt", "tokenizer*")  # no code, no pickles
SNAPSHOTS = "snapshots"


@dataclass(frozen=True, slots=True)
class Found:
    """Where a base lies. `revision` is the commit it is at, for one of a hub."""

    name: str
    folder: Path
    digest: str
    revision: str = ""


def find(base: Base, made: Path, beside: Path) -> Found:
    """The base that the recipe names: below `made` when it is made here, else a folder (from `beside`), else on the hub.

    Raises TrainingError when there is none, DigestError when it is not the one that base.digest pins.
    """
    folder, revision = _folder(base, made, beside)
    digest = folder_digest(folder)
    if base.digest and digest != base.digest:
        raise DigestError(f"{base.name}: in {folder} is {digest}, but base.digest pins {base.digest}: it was not used")
    return Found(base.name, folder, digest, revision)


def _folder(base: Base, made: Path, beside: Path) -> tuple[Path, str]:
    if base.make:
        if not (made / base.name / "config.json").is_file():
            raise TrainingError(f"{made / base.name}: there is no base yet; `twin model base` with this recipe makes it")
        return made / base.name, ""
    local = beside / base.name
    if local.is_dir():
        return local, ""
    if base.name.startswith((".", "/", "~")) or base.name.count("/") != 1:
        raise TrainingError(f"base.name: {base.name} is no folder and no name on a hub (owner/name)")
    return _downloaded(base)


def _downloaded(base: Base) -> tuple[Path, str]:
    from httpx import HTTPError
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(base.name, revision=base.revision or None, allow_patterns=list(HUB)))
    except (HTTPError, OSError, ValueError) as exc:
        said = " ".join(str(exc).split())[:200]
        at = f" at {base.revision}" if base.revision else ""
        raise TrainingError(
            f"base {base.name}{at}: cannot be loaded ({type(exc).__name__}: {said}); a gated model needs HF_TOKEN, a machine"
            " without network the model in its cache or a folder as base.name"
        ) from exc
    return folder, folder.name if folder.parent.name == SNAPSHOTS else ""


def cached(name: str, revision: str) -> Path:
    """A hub's base in its cache, which may lack weights: gigabytes are not fetched for the sake of a tokenizer.

    Raises TrainingError when it is not there.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision or None, local_files_only=True))
    except (OSError, ValueError) as exc:
        raise TrainingError(
            f"base {name}: is not in the hub's cache here ({type(exc).__name__}): give --tokenizer, a folder with its tokenizer"
        ) from exc


def folder_digest(folder: Path) -> str:
    """The digest of a base's files. A hub's cache is made of links, so here they are followed. Raises TrainingError."""
    try:
        paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        files = {name: file_digest(path) for name, path in paths.items() if name not in UNSEALED}
    except OSError as exc:
        raise TrainingError(f"{folder}: cannot be read ({exc.strerror})") from exc
    return files_digest(files)


def load_tokenizer(found: Found, chat_template: Path | None = None) -> Any:
    """The base's tokenizer; with its own chat template, or else the recipe's. Raises TrainingError."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(found.folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise TrainingError(f"base {found.name}: its tokenizer cannot be loaded ({' '.join(str(exc).split())[:200]})") from exc
    if chat_template:
        try:
            tokenizer.chat_template = chat_template.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise TrainingError(f"base.chat_template: {chat_template} cannot be read ({exc})") from exc
    if not isinstance(tokenizer.chat_template, str):
        raise TrainingError(f"base {found.name}: has no chat template: name a Jinja file in base.chat_template")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def template_digest(tokenizer: Any) -> str:
    """Of the chat template's text: what the server's must be, too."""
    return bytes_digest(tokenizer.chat_template.encode())


def load_model(base: Base, found: Found) -> Any:
    """The base's weights, all of them. Raises TrainingError when one is missing or does not fit; never fills it in."""
    torch = library("torch")
    options: dict[str, Any] = {"dtype": getattr(torch, precision(base)), "attn_implementation": base.attention}
    if base.quantize == "nf4":
        options |= _quantized(torch)
    try:
        model, report = library("transformers").AutoModelForCausalLM.from_pretrained(
            str(found.folder),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            **options,
        )
    except Exception as exc:  # transformers, safetensors and kernels each raise kinds of their own; all mean the same here
        raise TrainingError(
            f"base {found.name}: cannot be loaded from {found.folder}"
            f" ({type(exc).__name__}: {' '.join(str(exc).split())[:300]})"
        ) from exc
    lacking = sorted(report["missing_keys"]) + sorted(str(one) for one in report.get("mismatched_keys", ()))
    if lacking:
        raise TrainingError(
            f"base {found.name}: {len(lacking)} weights are missing or of another shape ({', '.join(map(str, lacking[:3]))}):"
            " they would be random; fetch or make the base again"
        )
    return model


def precision(base: Base) -> str:
    """`float32` or `bfloat16`: what the recipe says, or what the hardware has. Raises TrainingError when it has it not."""
    import torch

    able = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    if base.precision == "auto":
        return "bfloat16" if able else "float32"
    if base.precision == "bfloat16" and not able:
        raise TrainingError("base.precision: bfloat16 needs a GPU that has it, and there is none here: say auto or float32")
    return base.precision


def _quantized(torch: Any) -> dict[str, Any]:
    from importlib.util import find_spec

    if not torch.cuda.is_available():
        raise TrainingError("base.quantize: nf4 needs a GPU, and there is none here: say none, or take a recipe without it")
    if find_spec("bitsandbytes") is None:
        raise TrainingError("base.quantize: nf4 needs bitsandbytes: pip install bitsandbytes")
    config = library("transformers").BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16,
    )
    return {"quantization_config": config, "device_map": {"": torch.cuda.current_device()}}
