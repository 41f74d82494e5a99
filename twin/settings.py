"""One frozen settings object per process, from `twin.toml` and `TWIN_*`; the environment wins. Read only by entry points."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from twin.errors import SettingsError

Positive = Annotated[int, Meta(ge=1)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Seconds = Annotated[float, Meta(gt=0)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
Quantization = Literal["", "scalar", "binary", "product"]
SECRETS = (
    "documents_url",
    "qdrant_url",
    "qdrant_api_key",
    "teacher_key",
    "model_key",
    "embedder_key",
    "rerank_key",
    "opik_key",
    "forge_token",
    "judge_key",
    "notify",
)

_SERVICE = re.compile(r"TWIN_(?:\w+_)?(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)")
_SERVICE_PORT, _SERVICE_ADDRESS = re.compile(r"TWIN_(?:\w+_)?PORT"), re.compile(r"(?:tcp|udp|sctp)://")


class Settings(Struct, frozen=True, forbid_unknown_fields=True, repr_omit_defaults=True):
    """Every setting, in the order of the data. `TWIN_MODEL_URL` sets `model_url`; so does `model_url` in twin.toml.

    docs/settings.md is rendered from the comments.
    """

    # where things are
    sources: str = "sources.yaml"  # relative to the twin's folder, as all paths
    home: str = ".twin"  # documents, index, keys and traces of the embedded default
    release_file: str = "release.yaml"  # what is running: index, model, prompt

    # documents
    documents_url: str = ""  # mongodb://...; empty: SQLite under home
    crawl_concurrency: Positive = 8  # pages fetched at a time, over all hosts
    crawl_per_host: Positive = 2  # pages fetched at a time from one host
    crawl_delay: Annotated[float, Meta(ge=0)] = 0.2  # seconds between two requests to one host, unless robots.txt asks for more
    crawl_timeout: Seconds = 30.0  # seconds for one page
    crawl_max_bytes: Positive = 20_000_000  # of one page, after decompression
    crawl_user_agent: str = "llm-twin/0.1 (+https://github.com/llm-twin/llm-twin)"  # by which sites know the crawler

    # index
    qdrant_url: str = ""  # http://...; empty: the engine in the process, under home
    qdrant_api_key: str = ""  # of the Qdrant server
    qdrant_alias: Name = "twin"  # of the live index, and what its collections' names begin with: one for each twin of a server
    embedder: str = "minilm"  # minilm, fastembed:MODEL or openai:MODEL
    embedder_url: str = ""  # the server of openai:MODEL, ending in /v1
    embedder_key: str = ""  # of that server
    embed_threads: Annotated[int, Meta(ge=0)] = 0  # 0: all cores
    chunk_article: Positive = 1500  # characters at most in a chunk of an article; another value makes another index
    chunk_post: Positive = 400  # the same of a post
    chunk_repository: Positive = 1500  # the same of a file of a repository
    quantization: Quantization = ""  # scalar, binary or product, of indexes that are made from now on; empty: none
    shards: Positive = 1  # of a collection that is made on a Qdrant server
    replicas: Positive = 1  # of each shard
    recall_gate: Annotated[float, Meta(ge=0, le=1)] = 0.9  # the least recall@10 with which an index becomes live
    keep_indexes: Positive = 2  # that `twin index prune` leaves beside the live one

    # dataset
    teacher_url: str = ""  # an OpenAI-compatible server that writes examples, ending in /v1
    teacher_name: str = ""  # by which that server calls its model
    teacher_key: str = ""  # of that server
    teacher_concurrency: Positive = 8  # extracts it is asked about at a time
    teacher_timeout: Seconds = 120.0  # seconds for one reply, retries included

    # artifacts
    artifacts_url: str = ""  # a path or s3://bucket/prefix (credentials from AWS_*); empty: files under home
    s3_endpoint: str = ""  # https://... of an S3 server that is not AWS's

    # release
    repository: str = ""  # address of the git repository that releases are committed to; empty: the clone's origin
    forge: str = ""  # github:owner/repository or gitlab:group/project, where releases are pull requests; empty: pushes
    forge_url: str = ""  # of a forge's API that is not github.com's or gitlab.com's
    forge_token: str = ""  # that may push branches and open pull requests there
    judge_url: str = ""  # an OpenAI-compatible server whose model marks answers, ending in /v1
    judge_name: str = ""  # by which that server calls its model
    judge_key: str = ""  # of that server

    # workflows
    notify: str = ""  # whom to tell how a run ended: Apprise's addresses (slack://..., mailto://...), separated by spaces

    # answer
    model_url: str = ""  # an OpenAI-compatible server, ending in /v1; empty: the extractive answerer
    model_name: str = ""  # by which that server calls its model; empty: the adapter of release.yaml
    model_key: str = ""  # of that server
    load_adapters: bool = True  # false where `twin model follow` does it beside the model server
    adapters_folder: str = ""  # where adapters are put, which the model server must see; empty: adapters/ under home
    canary: Percent = 0  # of a hundred conversations, those that canary_adapter answers
    canary_adapter: str = ""  # uri#sha256:... of a candidate, served beside the release's adapter
    prompt_tokens: Positive = 3000  # budget of the prompt, passages included
    passages: Positive = 6  # put before the model, or quoted from
    understand: bool = False  # let the model find author and kind in the question
    expand: Annotated[int, Meta(ge=0, le=8)] = 0  # further phrasings of the question to search with
    rerank: str = ""  # sentences, fastembed:MODEL or openai:MODEL (a server's /rerank); empty: none
    rerank_url: str = ""  # the server of openai:MODEL, ending in /v1
    rerank_key: str = ""  # of that server
    allowed_emails: str = ""  # addresses, and domains as @example.org, that answers may show; separated by commas
    connect_timeout: Seconds = 3.0  # seconds to reach the model server
    first_token_timeout: Seconds = 60.0  # seconds until its first token
    idle_timeout: Seconds = 30.0  # seconds between two tokens
    total_timeout: Seconds = 300.0  # seconds for a whole answer

    # gateway
    host: str = "127.0.0.1"  # another address needs a key: `twin keys create`
    port: Annotated[int, Meta(ge=0, le=65535)] = 8400  # 0: any free one
    keys_file: str = ""  # who may ask, as a mounted secret; empty: keys.json under home
    concurrency: Positive = 64  # answers made at a time
    queue: Annotated[int, Meta(ge=0)] = 128  # requests that wait for their turn; the next is refused with 429
    queue_timeout: Seconds = 10.0  # seconds that a request waits before it is refused with 503
    drain_timeout: Seconds = 25.0  # seconds that running answers have to end after SIGTERM

    # traces
    traces_kept: Positive = 10_000  # in the local store, the latest
    opik_url: str = ""  # empty: traces stay in the local store
    opik_key: str = ""  # of the Opik server
    opik_workspace: str = "default"  # on that server
    opik_project: str = "llm-twin"  # in that workspace

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
        if name.startswith("TWIN_") and not name.startswith(("TWIN_TEST_", "TWIN_DEMO_")) and not _of_a_service(name, text):
            values[name[5:].lower()] = text
            origin[name[5:].lower()] = f"environment variable {name}"
    _refuse_unknown(origin)
    return _convert(values, origin)


def _of_a_service(name: str, text: str) -> bool:
    """Whether Kubernetes wrote this variable: it tells every container where each Service of its namespace is.

    Of one named twin, or twin-model, these begin as settings do: TWIN_PORT=tcp://10.96.0.7:8400, TWIN_MODEL_SERVICE_HOST ...
    """
    return bool(_SERVICE.fullmatch(name) or (_SERVICE_PORT.fullmatch(name) and _SERVICE_ADDRESS.match(text)))


def _refuse_unknown(origin: Mapping[str, str]) -> None:
    import difflib

    for key in origin:
        if key not in Settings.__struct_fields__:
            near = difflib.get_close_matches(key, Settings.__struct_fields__, n=1)
            hint = f"did you mean {near[0]}?" if near else "`twin config show` lists them all"
            raise SettingsError(f"{origin[key]}: there is no setting {key!r}; {hint}")


def _choices(key: str) -> str:
    """That a value is none of those which the setting `key` has; empty for one that takes more than a few."""
    known = next(get_args(field.type) for field in msgspec.structs.fields(Settings) if field.name == key)
    names = [one or '""' for one in known if isinstance(one, str)]
    return f"must be one of {', '.join(names)}" if names else ""


def _convert(values: Mapping[str, Any], origin: Mapping[str, str]) -> Settings:
    for key, value in values.items():
        try:
            msgspec.convert({key: value}, Settings, strict=False)
        except msgspec.ValidationError as exc:
            reason = _choices(key) or str(exc).partition(" - at ")[0]
            raise SettingsError(f"{origin[key]}: {key}: {reason}") from exc
    return msgspec.convert(values, Settings, strict=False)
