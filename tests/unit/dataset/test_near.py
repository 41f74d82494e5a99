"""The driver that finds near-duplicates, against the Jaccard similarity itself."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.dataset.fakes import jaccard, triples
from twin.drivers.minhash import MinHashSimilar

WORDS = [f"word{n}" for n in range(500)]


@st.composite
def edited(draw):
    """A text of a hundred words and itself with some words replaced."""
    words = draw(st.lists(st.sampled_from(WORDS), min_size=60, max_size=100))
    places = draw(st.sets(st.integers(0, len(words) - 1), max_size=40))
    return " ".join(words), " ".join(f"new{at}" if at in places else word for at, word in enumerate(words))


@given(edited())
@settings(max_examples=200, deadline=None)
def test_what_is_similar_is_found_and_what_is_not_is_not(pair):
    similarity = jaccard(*map(triples, pair))
    found = list(MinHashSimilar().find(pair)) == [0, 0]
    if similarity >= 0.85:
        assert found
    if similarity <= 0.5:
        assert not found


def test_scripts_without_spaces_are_compared_by_character():
    text = "文書が削除されると、索引もそれを忘れるように墓石が置かれます。これは保存されている文書の記録であり、後で消えます。"
    assert list(
        MinHashSimilar().find(
            [text, text.replace("記録", "記憶"), "別の文章はまったく違うことを言っているので、同じではありません。"]
        )
    ) == [0, 0, 2]


def test_numbers_go_on_over_calls_and_copies_are_not_compared_with():
    similar = MinHashSimilar()
    one, other = " ".join(WORDS[:50]), " ".join(WORDS[50:90])
    assert list(similar.find([one, other, one.upper()])) == [0, 1, 0]
    assert list(similar.find([])) == []
    assert list(similar.find([other + "!", " ".join(WORDS[100:150])])) == [1, 4]


def test_texts_without_words_are_the_same_only_when_they_are():
    assert list(MinHashSimilar().find(["---", "...", "---", "", "", "one two", "one  TWO", "漢字", "漢字だ"])) == [
        0,
        1,
        0,
        3,
        3,
        5,
        5,
        7,
        8,
    ]


def test_the_same_texts_are_always_found_alike():
    texts = [" ".join(WORDS[n : n + 30 + n % 7]) for n in range(0, 400, 3)]
    assert list(MinHashSimilar().find(texts)) == list(MinHashSimilar().find(texts))
