import pytest

from tests.unit.dataset.fakes import English, example
from twin.dataset.filters import Filters, Tally, form, languages, length, own_words, refusal
from twin.records import ExampleKind

PLAIN = "Tombstones mark documents that are gone, so that an index forgets them too."


def preference(answer=PLAIN, rejected="They are stones.", **fields):
    return example(answer, rejected=rejected, kind=ExampleKind.PREFERENCE, **fields)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (example(), ""),
        (example("Too short."), "answer too short"),
        (example("long " * 900), "answer too long"),
        (example(instruction="Why?"), "instruction too short"),
        (example(instruction="why " * 900), "instruction too long"),
        (preference(rejected="long " * 900), "rejected answer too long"),
    ],
)
def test_length(one, reason):
    assert length(one) == reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (PLAIN, ""),
        ("| 1 | 2 | 3 |\n|---|---|---|\n| 4.0 | 5.1 | 6 |\n" * 3, "markup only"),
        ("-" * 200, "markup only"),
        ("", "too few words"),
        ("one two three four ........", "too few words"),
        ("see " * 40, "repeated words"),
        ("The same line again.\n" * 9 + "Another.", "repeated lines"),
        ("a few words and then " + "QUJD" * 100, "no text"),
        ("Here is a sentence that was broken \ufffd\ufffd in two.", "broken characters"),
        ("What is a tombstone for?", "answer repeats the instruction"),
        ("文書が削除されると、索引もそれを忘れるように墓石が置かれます。これは保存されている文書の記録です。", ""),
    ],
)
def test_form(answer, reason):
    assert form(example(answer)) == reason


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that request.",
        "I’m so sorry, the extract holds nothing.",
        "As an AI, I have no opinion on tombstones.",
        "As a large language model I cannot say what the author thinks.",
        "I cannot assist with writing in the voice of a real person.",
        "I am unable to answer this question from the extract.",
        "Es tut mir leid, dabei kann ich nicht helfen.",
    ],
)
def test_refusals_are_dropped(answer):
    assert refusal(example(answer)) == "refusal phrase"


@pytest.mark.parametrize(
    "answer",
    [
        "I cannot stress enough how useful tombstones are.",
        "A model that says “I'm sorry, I can't help” is of no use.",
        "I am sorry for nothing.",
    ],
)
def test_an_author_may_say_no_without_refusing(answer):
    assert bool(refusal(example(answer))) == answer.startswith("I am sorry")  # a plain “I am sorry” opens no answer


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (preference(), ""),
        (preference("Tombstones  mark\ndocuments", extract="So: tombstones.\nTombstones mark documents that are gone."), ""),
        (preference("They were invented.", extract=PLAIN), "chosen is not in the author's words"),
        (preference(rejected=" "), "nothing is rejected"),
        (preference(rejected=PLAIN.replace(" ", "\n")), "chosen and rejected are the same"),
        (preference("A correction of a reader.", extract=PLAIN, origin="feedback"), ""),
        (example("Not in it.", extract=PLAIN), ""),
    ],
)
def test_a_preference_chooses_the_authors_own_words(one, reason):
    assert own_words(one) == reason


def test_languages_are_asked_for_and_a_teacher_answers_in_its_documents_own():
    wanted = languages({"en"}, English().detect)
    assert wanted(example(language="de")) == "language de"
    assert wanted(example(language="")) == ""
    long = "Voici du texte français. " * 20
    assert wanted(example(long, origin="teacher:m")) == "answered in fr, not en"
    assert wanted(example(long, origin="structural:heading")) == ""
    assert languages((), English().detect)(example(language="de")) == ""


def test_each_filter_counts_what_it_drops_and_why_and_is_listed_when_it_drops_nothing():
    tally = Tally()
    filters = Filters.of({"length": length, "form": form, "refusals": refusal}, tally)
    assert [filters.passes(one) for one in (example(), example("Short."), example("No."), example("x " * 60))] == [
        True,
        False,
        False,
        False,
    ]
    assert {name: dict(found) for name, found in tally.dropped.items()} == {
        "length": {"answer too short": 2},
        "form": {"repeated words": 1},
        "refusals": {},
    }
    assert tally.total() == 3
