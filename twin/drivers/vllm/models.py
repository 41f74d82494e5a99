"""A running vLLM -> the adapters it serves, exchanged while it runs, and the tokens and log probabilities it gives.

Names and paths are the server's own: an adapter's folder must be one that the server can read. Knows no release.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.drivers.openai import replies
from twin.drivers.openai.http import Server
from twin.errors import TrainingError, UpstreamError

Conversation = Sequence[Mapping[str, str]]
LOAD_SECONDS = 120.0
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Served:
    """A model as the server lists it; `parent` is empty for the base, whose `root` is its folder.

    `context` are the tokens that fit, 0 where the server does not say; `owner` is `vllm` for a vLLM.
    """

    name: str
    root: str
    parent: str
    context: int = 0
    owner: str = ""


class Models:
    """The models of the vLLM at `server` (whose address ends in /v1). All methods raise UpstreamError."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._root = Server(server.url.removesuffix("/v1"), timeouts=server.timeouts)
        self._patience = server.timeouts.first_token  # each reply is one pass over a prompt, as a first token is

    async def close(self) -> None:
        await self._root.close()

    async def served(self) -> list[Served]:
        """The base and the adapters that are loaded."""
        listed = (await self._server.get("/models")).get("data")
        found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        return [_served(one) for one in found]

    async def load(self, name: str, folder: Path) -> None:
        """Serve the adapter in `folder` as `name`, in place of one that has it. Raises TrainingError when it is refused."""
        body = {"lora_name": name, "lora_path": str(folder), "load_inplace": True}
        try:
            await self._said(self._server, "/load_lora_adapter", body)
        except UpstreamError as exc:
            if exc.retryable or exc.code in {"upstream_unreachable", "upstream_timeout"}:
                raise
            raise TrainingError(f"{folder}: the model server does not load it as {name!r}: {exc}") from exc

    async def unload(self, name: str) -> None:
        """Serve `name` no more; one that is not there is no error."""
        if any(one.name == name for one in await self.served()):
            await self._said(self._server, "/unload_lora_adapter", {"lora_name": name})

    async def tokens(
        self, model: str, conversation: Conversation, *, prompt: bool = False, template: Mapping[str, str] = NOTHING
    ) -> list[int]:
        """The ids of a conversation as the server renders it; with `prompt`, up to where the answer would begin.

        `template` are variables for the chat template beside the conversation.
        """
        body = {"model": model, "messages": list(conversation), "add_generation_prompt": prompt}
        if template:
            body["chat_template_kwargs"] = dict(template)
        ids = replies.decode(await self._said(self._root, "/tokenize", body, self._patience)).get("tokens")
        if not isinstance(ids, list) or not all(isinstance(one, int) for one in ids):
            raise UpstreamError("the model server gave no tokens")
        return ids

    async def log_probabilities(self, model: str, ids: Sequence[int]) -> list[float]:
        """The natural logarithm of each id's probability after those before it; one fewer than `ids`."""
        body: dict[str, Any] = {"model": model, "prompt": list(ids), "max_tokens": 1, "prompt_logprobs": 0, "temperature": 0}
        reply = replies.decode(await self._said(self._server, "/completions", body, self._patience))
        try:
            places = reply["choices"][0]["prompt_logprobs"][1:]
            return [float(place[str(one)]["logprob"]) for one, place in zip(ids[1:], places, strict=True)]
        except (KeyError, IndexError, TypeError, ValueError) as exc:
            raise UpstreamError("the model server gave no log probabilities of the prompt") from exc

    async def _said(self, server: Server, path: str, body: Mapping[str, Any], within: float = LOAD_SECONDS) -> bytes:
        deadline = asyncio.get_running_loop().time() + within
        async with server.post(path, body, deadline) as response:
            return await server.read(response, deadline)


def _served(card: Mapping[str, Any]) -> Served:
    context = card.get("max_model_len")
    return Served(
        name=str(card.get("id", "")),
        root=str(card.get("root") or ""),
        parent=str(card.get("parent") or ""),
        context=context if isinstance(context, int) and context > 0 else 0,
        owner=str(card.get("owned_by") or ""),
    )
