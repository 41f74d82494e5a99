"""No document and no near-duplicate stands on both sides."""

import asyncio
from itertools import combinations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.unit.dataset.fakes import ExactSimilar, built, document, essay, jaccard, triples
from twin.dataset.split import Groups, held_out
from twin.dataset.tables import Sides
from twin.drivers.minhash import MinHashSimilar
from twin.errors import DatasetError

NEAR = 0.8
LETTERS = "bcdfghklmnprstvz"
SENTENCES = [" ".join(f"{LETTERS[n // 16]}a{LETTERS[n % 16]}e{LETTERS[k]}on" for k in range(12)) + "." for n in range(60)]
SECTION = st.lists(st.integers(0, len(SENTENCES) - 1), min_size=8, max_size=14, unique=True)


@st.composite
def corpora(draw, most=9, changed=True):
    """Documents that share whole sections, and sections of which one sentence was changed."""
    sections = draw(st.lists(SECTION, min_size=4, max_size=8))
    documents = []
    for number in range(draw(st.integers(3, most))):
        parts = []
        for at in draw(st.lists(st.integers(0, len(sections) - 1), min_size=1, max_size=4)):
            chosen = [SENTENCES[n] for n in sections[at]]
            if changed and draw(st.booleans()):
                chosen[draw(st.integers(0, len(chosen) - 1))] = f"only{number} said{number} here{number}."
            parts.append(f"## Part {at} of {number}\n\n" + " ".join(chosen))
        own = " ".join(f"own{LETTERS[number]}{LETTERS[k // 8]}{LETTERS[k % 8]}" for k in range(30))
        documents.append(
            document(f"https://example.org/{number}", "\n\n".join([f"# Document {number}", f"## Own\n\n{own}", *parts]))
        )
    return documents


def leaks(shelf):
    """Documents on both sides, and near-duplicates across them, by the Jaccard similarity itself."""
    train, test = shelf.side("train"), shelf.side("test")
    documents = {one.document for one in train} & {one.document for one in test}
    held = [triples(one.answer) for one in test]
    near = [one.answer for one in train for other in held if jaccard(triples(one.answer), other) >= NEAR]
    said = {one.answer for one in test} | {one.rejected for one in test if "foreign" in one.origin}
    rejected = [one.rejected for one in train if "foreign" in one.origin and one.rejected in said]
    return documents, near, rejected


def hold_nothing_on_both_sides(similar, **how):
    @given(corpora(), st.integers(0, 2**16), st.sampled_from([0.1, 0.5]))
    @settings(max_examples=60, deadline=None, **how)
    def law(documents, seed, share):
        try:
            shelf, manifest = asyncio.run(built(*documents, similar=similar, seed=seed, test_share=share))
        except DatasetError:  # all documents hang together: another test
            return
        assert not next(one for one in manifest.filters if one.name == "form").dropped
        assert leaks(shelf) == (set(), [], []), "on both sides"
        assert all(sum(sides[side] for sides in manifest.counts.values()) for side in ("train", "test"))

    law()


def hold_sharers_on_one_side(similar, **how):
    @given(corpora(most=5, changed=False), st.integers(0, 2**16))
    @settings(max_examples=40, deadline=None, **how)
    def law(documents, seed):
        try:
            shelf, _ = asyncio.run(built(*documents, similar=similar, seed=seed, test_share=0.5))
        except DatasetError:
            return
        sides = {one.document: side for side in ("train", "test") for one in shelf.side(side)}
        for one, other in combinations(documents, 2):
            shared = sections(one) & sections(other)
            assert not shared or sides[one.id] == sides[other.id], "sharers apart"

    law()


def sections(one):
    return {part for part in one.text.split("\n\n") if not part.startswith("#")}


@pytest.mark.parametrize("similar", [ExactSimilar, MinHashSimilar])
def test_no_document_and_no_near_duplicate_stands_on_both_sides(similar):
    hold_nothing_on_both_sides(similar)


@pytest.mark.parametrize("similar", [ExactSimilar, MinHashSimilar])
def test_documents_that_share_a_section_stand_on_one_side(similar):
    hold_sharers_on_one_side(similar)


UNSHRUNK = {"phases": [Phase.generate], "database": None, "report_multiple_bugs": False}  # one leak is enough


@pytest.mark.parametrize("similar", [ExactSimilar, MinHashSimilar])
def test_the_law_finds_the_leaks_of_a_split_that_is_made_by_example(similar, monkeypatch):
    monkeypatch.setattr(Sides, "of", lambda _, one: "test" if int(one.id[:8], 16) % 2 else "train")
    with pytest.raises(AssertionError, match="on both sides"):
        hold_nothing_on_both_sides(similar, **UNSHRUNK)


@pytest.mark.parametrize("similar", [ExactSimilar, MinHashSimilar])
def test_the_law_finds_the_leaks_of_a_split_that_heeds_no_near_duplicates(similar, monkeypatch):
    monkeypatch.setattr(Groups, "join", lambda groups, one, other: (groups.add(one), groups.add(other)))
    with pytest.raises(AssertionError, match="sharers apart"):
        hold_sharers_on_one_side(similar, **UNSHRUNK)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40))
def test_groups_are_the_connected_documents(pairs):
    groups = Groups()
    for one in range(31):
        groups.add(f"{one:02}")
    for one, other in pairs:
        groups.join(f"{one:02}", f"{other:02}")
    expected = {one: {one} for one in range(31)}
    for one, other in pairs:
        both = expected[one] | expected[other]
        expected.update(dict.fromkeys(both, both))
    members = groups.members()
    assert {frozenset(int(one) for one in ids) for ids in members.values()} == {frozenset(ids) for ids in expected.values()}
    assert all(name == min(ids) for name, ids in members.items())


def grouped(count):
    groups = Groups()
    for one in range(count):
        groups.add(f"{one:04}")
    return groups, [f"{one:04}" for one in range(count)]


def test_about_the_asked_share_is_held_out():
    groups, ids = grouped(2000)
    assert 0.08 < len(held_out(groups, ids, 7, 0.1)) / 2000 < 0.12
    assert held_out(groups, ids, 7, 0.0) == frozenset()
    assert held_out(groups, ids, 7, 0.1) != held_out(groups, ids, 8, 0.1)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.9])
@pytest.mark.parametrize("count", [2, 3, 7])
def test_each_side_has_something(share, count):
    groups, ids = grouped(count)
    assert 0 < len(held_out(groups, ids, 1, share)) < count


def test_what_is_held_out_stays_held_out_when_documents_are_added():
    before, ids = grouped(500)
    after, more = grouped(900)
    assert held_out(before, ids, 3, 0.1) == held_out(after, more, 3, 0.1) & set(ids)


@pytest.mark.parametrize("seed", range(12))
def test_a_group_that_holds_most_documents_is_trained_on(seed):
    groups, ids = grouped(100)
    for one in ids[:70]:
        groups.join(ids[0], one)
    assert not held_out(groups, ids, seed, 0.1) & set(ids[:70])
    for one in ids[71:]:
        groups.join(ids[70], one)
    assert held_out(groups, ids, seed, 0.1) == set(ids[70:])


def test_one_document_cannot_be_split():
    groups, ids = grouped(3)
    groups.join(*ids[:2])
    groups.join(*ids[1:])
    with pytest.raises(DatasetError, match="give more documents, or --test-share 0"):
        held_out(groups, ids, 0, 0.1)
    assert held_out(groups, ids, 0, 0.0) == frozenset()


async def test_a_text_that_many_documents_share_is_left_out_and_ties_nothing():
    footer = "## About me\n\n" + essay("footer", 1).partition("\n\n## ")[2].partition("\n\n")[2]
    documents = [document(f"u{n:02}", essay(f"topic{n}") + f"\n\n{footer}") for n in range(12)]
    shelf, manifest = await built(*documents)
    assert manifest.groups == 12
    assert not any("footer" in one.answer or "footer" in one.rejected for one in shelf.side("train") + shelf.side("test"))
    dropped = {one.name: one.dropped for one in manifest.filters}
    assert (dropped["near-duplicates"], dropped["boilerplate"]) == (11, 1)


async def test_copies_of_a_document_stand_together_and_are_kept_once():
    documents = [document(f"u{n}", essay(f"topic{n // 2}")) for n in range(8)]
    shelf, manifest = await built(*documents)
    assert manifest.groups == 4
    answers = [one.answer for name, table in shelf.tables.items() if name.startswith("instruction") for one in table.examples]
    assert len(answers) == len(set(answers))
