"""The whole stage over fakes: what it counts, that it is always the same, and what it refuses."""

from dataclasses import replace

import pytest

from tests.unit.dataset.fakes import BEN, MemoryDocuments, MemoryShelf, built, document, essay, example
from twin.errors import DatasetError
from twin.records import ExampleKind, Kind

TOPICS = ("queues", "gardens", "compilers", "harbours", "violins", "glaciers", "bakeries", "telescopes", "saddles", "lanterns")
ESSAYS = [document(f"https://example.org/{name}", essay(name), title=name) for name in TOPICS]


def tables(shelf: MemoryShelf):
    return {name: table.examples for name, table in shelf.tables.items()}


async def test_a_dataset_has_four_tables_and_a_manifest_that_counts_them():
    shelf, manifest = await built(*ESSAYS, seed=3, test_share=0.2)
    assert set(shelf.tables) == {"instruction/train", "instruction/test", "preference/train", "preference/test"}
    assert manifest.counts == {
        kind: {side: len(shelf.tables[f"{kind}/{side}"].examples) for side in ("train", "test")}
        for kind in ("instruction", "preference")
    }
    assert manifest.examples > 50
    assert (manifest.documents, manifest.groups, manifest.sources, manifest.seed) == (10, 10, {"blog": 1}, 3)
    assert (manifest.generator.name, manifest.generator.calls) == ("structural", 0)
    assert [one.name for one in manifest.filters] == [
        "length", "form", "refusals", "own words", "language", "near-duplicates", "boilerplate", "contamination",
    ]  # fmt: skip


async def test_the_same_documents_and_seed_make_the_same_dataset_and_another_seed_another():
    one, other, third = [await built(*ESSAYS, seed=seed) for seed in (1, 1, 2)]
    assert tables(one[0]) == tables(other[0])
    assert one[1] == other[1]
    assert tables(one[0]) != tables(third[0])


async def test_every_example_names_its_document_and_carries_its_extract():
    shelf, _ = await built(*ESSAYS)
    ids = {one.id: one.title for one in ESSAYS}
    for one in shelf.side("train") + shelf.side("test"):
        assert ids[one.document] in one.extract
        assert (one.source, one.author, one.language) == ("blog", "ada", "en")
        assert "".join(one.answer.split()) in "".join(one.extract.split())


async def test_documents_may_be_chosen_by_source_author_and_kind():
    extra = [
        document("u1", essay("ropes"), source="notes"),
        document("u2", essay("masts"), author=BEN),
        document("u3", "A post about sails, of which there is a lot to say.", kind=Kind.POST),
    ]
    for rule, count in (({"source": "notes"}, 1), ({"author": "ben"}, 1), ({"kind": "article"}, 12), ({}, 13)):
        _, manifest = await built(*ESSAYS, *extra, test_share=0, **rule)
        assert manifest.documents == count
    assert (await built(*ESSAYS, *extra, test_share=0, source="notes"))[1].sources == {"notes": 1}


async def test_languages_that_are_not_wanted_are_dropped_and_counted():
    german = [replace(one, uri=one.uri + "/de", text=essay(f"{one.title}wort"), language="de") for one in ESSAYS[:3]]
    shelf, manifest = await built(*ESSAYS, *german, languages=("en",))
    assert {one.language for one in shelf.side("train")} == {"en"}
    (language,) = [one for one in manifest.filters if one.name == "language"]
    assert language.reasons == {"language de": language.dropped}
    assert language.dropped > 0


async def test_the_language_of_a_document_is_told_from_its_text_where_nobody_said_it():
    shelf, _ = await built(
        document("u", essay("ropes"), language=""), document("v", "En français. " + essay("masts"), language="")
    )
    assert {one.language for one in shelf.side("train") + shelf.side("test")} == {"en", "fr"}


async def test_evaluation_questions_are_kept_out_of_both_sides():
    shelf, _ = await built(*ESSAYS)
    asked = next(one for one in shelf.side("train") if one.origin == "structural:heading")
    shelf, manifest = await built(*ESSAYS, questions=(asked.answer,))
    assert asked.answer not in {one.answer for one in shelf.side("train") + shelf.side("test")}
    (found,) = [one for one in manifest.filters if one.name == "contamination"]
    assert found.reasons["evaluation question"] >= 1


async def test_a_held_out_answer_inside_a_longer_training_text_is_dropped():
    section = essay("ropes", 1).rpartition("\n\n")[2]
    short = [document(f"u{n}", f"# Ropes\n\n{section}") for n in range(1)]
    long = [document("v", f"# Much\n\n{section} " + essay("masts", 1, 12).rpartition("\n\n")[2])]
    for seed in range(6):
        shelf, _ = await built(*short, *long, *ESSAYS[:4], seed=seed, test_share=0.4)
        held = {one.answer for one in shelf.side("test")}
        assert not any(answer in one.answer for answer in held for one in shelf.side("train"))


async def test_feedback_stands_beside_the_rest_and_ties_the_documents_it_was_made_from():
    first, second = ESSAYS[0], ESSAYS[5]
    said = example(
        "Queues are best kept short, as I have said before and will say again.",
        kind=ExampleKind.PREFERENCE,
        rejected="Queues are long.",
        document=first.id,
        source="feedback",
        origin="feedback",
    )
    for seed in range(8):
        shelf, manifest = await built(*ESSAYS, feedback=((said, (first.id, second.id)),), seed=seed, test_share=0.4)
        assert manifest.groups == 9
        train, test = ({one.document for one in shelf.side(side)} for side in ("train", "test"))
        assert {first.id, second.id} <= train or {first.id, second.id} <= test
        assert [one for one in shelf.side("train") + shelf.side("test") if one.origin == "feedback"] == [said]


async def test_nothing_left_is_an_error_that_says_why():
    with pytest.raises(DatasetError, match=r"no example is left of 1 from 1 documents: 1 length \(answer too short\)"):
        await built(document("u", "Too short.", kind=Kind.POST), test_share=0)
    with pytest.raises(DatasetError, match="`twin documents sync` first"):
        await built()


async def test_documents_that_change_meanwhile_are_noticed():
    store = MemoryDocuments(*ESSAYS)
    store.on_read = lambda one: setattr(store, "revision", store.revision + 1)
    with pytest.raises(DatasetError, match="changed while the dataset was made"):
        await built(store=store)


async def test_documents_are_read_as_a_stream():
    """Never more documents than one extract ahead of what was written."""
    store, seen = MemoryDocuments(*ESSAYS), []

    class Watching:
        name, concurrency = "structural", 1

        async def write(self, extract):
            seen.append((len(read), extract.document.title))
            return ()

        def about(self):
            raise AssertionError("not reached: nothing is left")

    read = []
    store.on_read = lambda one: read.append(one.title)
    with pytest.raises(AssertionError):
        await built(store=store, writer=Watching(), test_share=0)
    assert all(read[count - 1] == title for count, title in seen)
