"""An extract -> examples that a teacher wrote: its answers, and the author's own words preferred to them.

What was replied once is never asked again, also not by the next run. Knows no server and no file.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from twin.dataset.extract import Extract
from twin.dataset.manifest import Generator
from twin.dataset.ports import Journal, Reply, Teacher
from twin.dataset.prompt import MAX_TOKENS, PROMPT_DIGEST, SCHEMA, key, messages
from twin.errors import DatasetError, UpstreamError
from twin.records import Example, ExampleKind

SHORTEST = 200  # characters of an extract: less holds nothing to ask for
GIVE_UP = 10  # extracts in a row that got no reply at all
HOPELESS = ("upstream_auth", "upstream_not_found")  # every further call would fail alike


class TeacherWriter:
    """The generator that asks a model. `failed` counts extracts without examples by reason, `asked` the calls of this run."""

    name = "teacher"

    def __init__(self, teacher: Teacher, journal: Journal, concurrency: int = 8) -> None:
        self.concurrency = concurrency
        self.failed: Counter[str] = Counter()
        self.asked = 0
        self._teacher = teacher
        self._journal = journal
        self._tokens = {"prompt": 0, "completion": 0}
        self._calls = 0
        self._silent = 0
        self._asking: dict[str, asyncio.Lock] = {}

    async def write(self, extract: Extract) -> Sequence[Example]:
        """Examples of one extract; none when the teacher had none, refused or failed, which is counted.

        Raises DatasetError when the teacher cannot be reached, or refuses the key or the model.
        """
        if len(extract.text) < SHORTEST:
            return ()
        reply = await self._reply(extract)
        if reply is None:
            return ()
        self._calls += 1
        self._tokens["prompt"] += reply.usage.prompt
        self._tokens["completion"] += reply.usage.completion
        items = None if reply.problem else _items(reply.value)
        if items is None:
            self.failed[reply.problem or "broken"] += 1
            return ()
        return [made for item in items for made in self._examples(extract, item)]

    def about(self) -> Generator:
        """What the manifest says of this generator."""
        return Generator(
            self.name, self._teacher.model, PROMPT_DIGEST, dict(self._tokens), self._calls, dict(sorted(self.failed.items()))
        )

    async def _reply(self, extract: Extract) -> Reply | None:
        asked = messages(extract)
        at = key(asked, self._teacher.model)
        async with self._asking.setdefault(at, asyncio.Lock()):  # the same extract may stand in two documents
            try:
                reply = await self._journal.get(at)
                if reply is None:
                    self.asked += 1
                    reply = await self._teacher.complete(asked, SCHEMA, max_tokens=MAX_TOKENS)
                    await self._journal.put(at, reply)
            except UpstreamError as exc:
                self._count(exc)
                return None
            finally:
                self._asking.pop(at, None)
        self._silent = 0
        return reply

    def _count(self, exc: UpstreamError) -> None:
        self.failed["timeout" if exc.code == "upstream_timeout" else "no reply"] += 1
        self._silent += 1
        if exc.code in HOPELESS or self._silent >= GIVE_UP:
            raise DatasetError(f"the teacher is of no use: {exc}; what it replied is kept, run again to go on") from exc

    def _examples(self, extract: Extract, item: dict[str, str]) -> Iterator[Example]:
        document = extract.document
        made = Example(
            kind=ExampleKind.INSTRUCTION,
            instruction=item["instruction"].strip(),
            answer=item["answer"].strip(),
            document=document.id,
            source=document.source,
            author=document.author.id,
            origin=f"teacher:{self._teacher.model}",
            language=document.language,
            extract=extract.text,
        )
        yield made
        if quote := item["quote"].strip():
            yield _preferred(made, quote)


def _preferred(made: Example, quote: str) -> Example:
    """The author's own words, chosen before the teacher's."""
    return replace(made, kind=ExampleKind.PREFERENCE, answer=quote, rejected=made.answer)


def _items(value: Any) -> list[dict[str, str]] | None:
    """The examples of a reply; None when it is not what was asked for."""
    items = value.get("examples") if isinstance(value, dict) else None
    if not isinstance(items, list):
        return None
    fields = ("instruction", "answer", "quote")
    whole = all(isinstance(item, dict) and all(isinstance(item.get(name), str) for name in fields) for item in items)
    return items if whole else None
