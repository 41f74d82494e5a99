"""A question and the author's answer -> how likely a served model finds that answer, in the chat template that it serves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from twin.errors import ReleaseError, UpstreamError
from twin.release.ports import Likely

if TYPE_CHECKING:
    from twin.drivers.vllm.models import Models


class Likelihoods:
    """Of the models of one vLLM, whose `context` is in tokens, 0 where it is not known. `clean` makes text as training did.

    An answer that is too long is measured to where it fits: what a model makes of a beginning does not hang on the end, while
    leaving long answers out would judge by the short ones alone.

    One at a time: vLLM 0.32 on processors dies of prompt_logprobs asked of two adapters in one batch.
    """

    def __init__(self, models: Models, clean: Callable[[str], str], context: int = 0) -> None:
        self._models, self._clean, self._context = models, clean, context
        self._turn = asyncio.Lock()

    async def log_likelihood(self, model: str, question: str, answer: str) -> Likely:
        """Raises UpstreamError, also when the question alone fills the context; ReleaseError, TrainingError."""
        asked = [{"role": "user", "content": self._clean(question)}]
        before = await self._models.tokens(model, asked, prompt=True)
        whole = await self._models.tokens(model, [*asked, {"role": "assistant", "content": self._clean(answer)}])
        if whole[: len(before)] != before:
            raise ReleaseError(f"{model!r}: its chat template renders a question otherwise when an answer follows")
        kept = whole[: self._context - 1] if self._context else whole  # vLLM wants room for one token of its own
        if len(kept) <= len(before):
            raise UpstreamError(f"a question of {len(before)} tokens leaves no room for an answer in {self._context}")
        async with self._turn:
            likely = (await self._models.log_probabilities(model, kept))[len(before) - 1 :]
        return Likely(sum(likely), len(likely), len(whole) - len(kept))
