import pytest

from tests.unit.answer.fakes import CATS, ListSearcher, WordEmbedder, passages
from twin.answer.rerank import SentenceReranker, rerank
from twin.answer.retrieve import merge, ranked, retrieve
from twin.errors import UpstreamError
from twin.records import Filter, Passage

A, B, C = passages("one", "two", "three")


def test_one_list_keeps_its_scores():
    assert merge([[A, B]]) == [A, B]


def test_what_several_phrasings_find_comes_first():
    assert [p.chunk.text for p in merge([[A, B], [C, B]])] == ["two", "one", "three"]


def test_a_text_that_is_in_two_documents_is_taken_once():
    first, second = passages("same  text", "same text")
    assert merge([[first, second]]) == [first]


def test_ranks_count_from_one():
    assert [p.rank for p in ranked([C, A])] == [1, 2]


async def test_every_phrasing_is_searched_with_the_filter():
    searcher = ListSearcher([A, B, C])
    found = await retrieve(
        ["x", "y"], embedder=WordEmbedder(), searcher=searcher, index="i", filter=Filter(kind="post"), limit=2
    )
    assert [asked[1:] for asked in searcher.asked] == [("x", Filter(kind="post"), 2), ("y", Filter(kind="post"), 2)]
    assert len(found) == 2


class Scores:
    def __init__(self, *scores):
        self.scores = scores

    async def score(self, question, passages):
        return self.scores


async def test_rerank_takes_the_best_and_numbers_them_anew():
    found = await rerank("q", [A, B, C], Scores(0.1, 0.9, 0.5), 2)
    assert found == (Passage(1, 0.9, B.chunk), Passage(2, 0.5, C.chunk))


@pytest.mark.parametrize("scores", [(0.1,), (0.1, float("nan"), 0.2), ()])
async def test_rerank_refuses_missing_and_meaningless_scores(scores):
    with pytest.raises(UpstreamError):
        await rerank("q", [A, B, C], Scores(*scores), 2)


async def test_a_passage_whose_one_sentence_answers_rises_above_what_the_search_placed_before_it():
    found = await rerank("A tombstone leaves the index at the next build", CATS, SentenceReranker(WordEmbedder()), 3)
    assert [p.chunk for p in found].index(CATS[2].chunk) < [p.chunk for p in found].index(CATS[1].chunk)


async def test_sentences_that_are_equally_near_leave_the_order_of_the_search():
    same = passages("A lamp is lit.", "A lamp is lit!", "A lamp is lit?")
    found = await rerank("a lamp is lit", same, SentenceReranker(WordEmbedder()), 3)
    assert [p.chunk for p in found] == [p.chunk for p in same]


async def test_a_passage_without_a_sentence_is_judged_by_its_beginning():
    table = passages("| lamp | lit |", "| engine | key |")
    found = await rerank("engine key", table, SentenceReranker(WordEmbedder()), 2)
    assert {p.chunk for p in found} == {p.chunk for p in table}
