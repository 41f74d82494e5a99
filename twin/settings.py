"""One frozen settings object per process, from `twin.toml` and `TWIN_*`; the environment wins. Read only by entry points."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from twin.errors import SettingsError

Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
SECRETS = ("documents_url", "qdrant_url", "qdrant_api_key", "model_key", "embedder_key", "rerank_key", "opik_key")


class Settings(Struct, frozen=True, forbid_unknown_fields=True, repr_omit_defaults=True):
    """Every setting, in the order of the data. `TWIN_MODEL_URL` sets `model_url`; so does `model_url` in twin.toml."""

    # where things are; paths are relative to the folder of sources.yaml
    sources: str = "sources.yaml"
    home: str = ".twin"
    release_file: str = "release.yaml"

    # documents
    documents_url: str = ""  # mongodb://...; empty: SQLite under home
    crawl_concurrency: Positive = 8
    crawl_per_host: Positive = 2
    crawl_delay: float = 0.2  # seconds between two requests to one host, unless robots.txt asks for more
    crawl_timeout: Seconds = 30.0
    crawl_max_bytes: Positive = 20_000_000
    crawl_user_agent: str = "llm-twin/0.1 (+https://github.com/llm-twin/llm-twin)"

    # index
    qdrant_url: str = ""  # http://...; empty: the engine in the process, under home
    qdrant_api_key: str = ""
    embedder: str = "minilm"  # minilm, fastembed:MODEL or openai:MODEL
    embedder_url: str = ""
    embedder_key: str = ""
    embed_threads: int = 0  # 0: all cores
    chunk_article: Positive = 1500  # characters at most, by kind
    chunk_post: Positive = 400
    chunk_repository: Positive = 1500
    quantization: str = ""  # scalar, binary or product
    shards: Positive = 1
    replicas: Positive = 1
    recall_gate: Annotated[float, Meta(ge=0, le=1)] = 0.9
    keep_indexes: Positive = 2

    # answer
    model_url: str = ""  # an OpenAI-compatible server, ending in /v1; empty: the extractive answerer
    model_name: str = ""
    model_key: str = ""
    prompt_tokens: Positive = 3000  # budget of the prompt, passages included
    passages: Positive = 6
    understand: bool = False  # let the model find author and kind in the question
    expand: Annotated[int, Meta(ge=0, le=8)] = 0  # further phrasings of the question to search with
    rerank: str = ""  # sentences, fastembed:MODEL or openai:MODEL (a server's /rerank)
    rerank_url: str = ""
    rerank_key: str = ""
    connect_timeout: Seconds = 3.0
    first_token_timeout: Seconds = 60.0
    idle_timeout: Seconds = 30.0
    total_timeout: Seconds = 300.0

    # gateway
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8400
    concurrency: Positive = 64
    queue: Annotated[int, Meta(ge=0)] = 128
    queue_timeout: Seconds = 10.0
    drain_timeout: Seconds = 25.0

    # traces
    traces_kept: Positive = 10_000
    opik_url: str = ""
    opik_key: str = ""
    opik_workspace: str = "default"
    opik_project: str = "llm-twin"

    def shown(self) -> dict[str, Any]:
        """All settings with secrets masked: what may be printed."""
        values = msgspec.structs.asdict(self)
        return {key: mask(value) if key in SECRETS and value else value for key, value in values.items()}

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{k}={v!r}' for k, v in self.shown().items())})"


def mask(value: str) -> str:
    """A secret as it may be shown: of a URL all but its credentials, of anything else nothing."""
    scheme, found, rest = value.partition("://")
    if not found:
        return "***"
    _, at, host = rest.rpartition("@")
    return f"{scheme}://{'***@' if at else ''}{(host if at else rest).partition('?')[0]}"


def load(folder: Path, environ: Mapping[str, str]) -> Settings:
    """Settings of the twin in `folder`. Raises SettingsError naming the first key at fault and where it was read."""
    file = folder / "twin.toml"
    origin: dict[str, str] = {}
    values: dict[str, Any] = {}
    if file.is_file():
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
            raise SettingsError(f"{file}: {exc}") from exc
        origin = dict.fromkeys(values, str(file))
    for name, text in environ.items():
        if name.startswith("TWIN_") and not name.startswith(("TWIN_TEST_", "TWIN_DEMO_")):
            values[name[5:].lower()] = text
            origin[name[5:].lower()] = f"environment variable {name}"
    _refuse_unknown(origin)
    return _convert(values, origin)


def _refuse_unknown(origin: Mapping[str, str]) -> None:
    import difflib

    for key in origin:
        if key not in Settings.__struct_fields__:
            near = difflib.get_close_matches(key, Settings.__struct_fields__, n=1)
            hint = f"did you mean {near[0]}?" if near else "`twin config show` lists them all"
            raise SettingsError(f"{origin[key]}: there is no setting {key!r}; {hint}")


def _convert(values: Mapping[str, Any], origin: Mapping[str, str]) -> Settings:
    for key, value in values.items():
        try:
            msgspec.convert({key: value}, Settings, strict=False)
        except msgspec.ValidationError as exc:
            reason = str(exc).partition(" - at ")[0]
            raise SettingsError(f"{origin[key]}: {key}: {reason}") from exc
    return msgspec.convert(values, Settings, strict=False)
