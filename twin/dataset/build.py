"""Documents -> a dataset: extracts, examples, filters, split, tables, manifest. Knows no file format and no model server.

Documents are streamed and examples wait on disk; what stays in memory is what finds near-duplicates, about 5 KB an example.
The same documents, replies, decisions and seed give the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from twin.dataset import filters as rules
from twin.dataset.contamination import HeldOut
from twin.dataset.extract import Extract, extracts
from twin.dataset.filters import Filters, Tally
from twin.dataset.manifest import Manifest, dropped
from twin.dataset.order import in_order
from twin.dataset.ports import Clean, Documents, ExampleWriter, Languages, Shelf, Similar, Spill
from twin.dataset.sieve import Sieve, labelled
from twin.dataset.split import held_out
from twin.dataset.tables import Sides, write
from twin.digest import files_digest
from twin.errors import DatasetError
from twin.records import Document, Example

SAMPLE = 600  # characters of a document from which its language is told
Feedback = Sequence[tuple[Example, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What varies. An empty `source`, `author`, `kind` or `languages` is any; `questions` are kept out of every example."""

    seed: int = 0
    test_share: float = 0.1
    source: str = ""
    author: str = ""
    kind: str = ""
    languages: Collection[str] = ()
    questions: Sequence[str] = ()


@dataclass(slots=True)
class Progress:
    """How far a build is."""

    documents: int = 0
    examples: int = 0


@dataclass(slots=True)
class Maker:
    """One build: its parts and what they have counted so far."""

    documents: Documents
    writer: ExampleWriter
    shelf: Shelf
    clean: Clean
    languages: Languages
    similar: Callable[[], Similar]
    recipe: Recipe = field(default_factory=Recipe)
    feedback: Feedback = ()
    on_progress: Callable[[Progress], None] | None = None
    tally: Tally = field(default_factory=Tally)
    progress: Progress = field(default_factory=Progress)

    async def build(self) -> Manifest:
        """Make the dataset on the shelf.

        Raises StoreError, or DatasetError when nothing is left or documents changed meanwhile.
        """
        before = await self._revisions()
        kept = Filters.of(self._rules(), self.tally)
        sieve = Sieve(kept, self.tally, self.similar, _held(self.recipe.questions))
        with self.shelf.spill() as spill:
            await self._gather(sieve, spill)
            left_out = sieve.settle()
            members = sieve.groups.members()
            test = held_out(
                sieve.groups, [one for ids in members.values() for one in ids], self.recipe.seed, self.recipe.test_share
            )
            counts = write(spill, self.shelf, Sides(test, left_out), kept, self.tally, self.recipe.seed)
        if await self._revisions() != before:
            raise DatasetError(
                "documents changed while the dataset was made, so it is not what its manifest would say: run again"
            )
        return self._manifest(counts, len(members), before)

    def _rules(self) -> dict[str, rules.Rule]:
        return {
            "length": rules.length,
            "form": rules.form,
            "refusals": rules.refusal,
            "own words": rules.own_words,
            "language": rules.languages(frozenset(self.recipe.languages), self.languages.detect),
        }

    async def _gather(self, sieve: Sieve, spill: Spill) -> None:
        async with (
            aclosing(self._extracts()) as found,
            aclosing(in_order(found, self._written, self.writer.concurrency)) as written,
        ):
            async for examples in written:
                self.progress.examples += len(examples)
                sieve.take(examples, spill)
        for example, documents in self.feedback:
            sieve.join(documents or (example.document,))
            sieve.take([example], spill)
        sieve.flush(spill)

    async def _written(self, extract: Extract) -> Sequence[Example]:
        return labelled(await self.writer.write(extract), extract.document.language)

    async def _extracts(self) -> AsyncGenerator[Extract, None]:
        recipe = self.recipe
        async with aclosing(self.documents.documents(recipe.source, recipe.author, recipe.kind)) as stored:
            async for document in stored:
                self.progress.documents += 1
                if self.on_progress:
                    self.on_progress(self.progress)
                for extract in extracts(self._known(self.clean(document))):
                    yield extract

    def _known(self, document: Document) -> Document:
        """`document` with its language, where that can be told: code has none of its own."""
        if document.language or document.kind == "repository":
            return document
        found = self.languages.detect(document.text[:SAMPLE])
        return replace(document, language=found, content_hash=document.content_hash) if found else document

    async def _revisions(self) -> dict[str, int]:
        found = await self.documents.revisions()
        return {name: found[name] for name in sorted(found) if self.recipe.source in {"", name}}

    def _manifest(self, counts: dict[str, dict[str, int]], groups: int, sources: dict[str, int]) -> Manifest:
        files = dict(self.shelf.files())
        made = Manifest(
            format=self.shelf.format,
            counts=counts,
            documents=self.progress.documents,
            groups=groups,
            sources=sources,
            filters=dropped(self.tally),
            seed=self.recipe.seed,
            test_share=self.recipe.test_share,
            generator=self.writer.about(),
            files=files,
            digest=files_digest(files),
        )
        if not made.examples:
            raise DatasetError(f"no example is left of {self.progress.examples} from {made.documents} documents: {_why(made)}")
        return made


def _held(questions: Sequence[str]) -> HeldOut:
    made = HeldOut()
    for one in questions:
        made.add(one)
    return made


def _why(made: Manifest) -> str:
    lost = Counter({f"{one.name} ({reason})": times for one in made.filters for reason, times in one.reasons.items()})
    lost.update({f"teacher {reason}": times for reason, times in made.generator.failed.items()})
    said = ", ".join(f"{times} {what}" for what, times in lost.most_common(3))
    return said or "`twin documents sync` first, or give other documents"
