import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.answer.fakes import CATS, WordEmbedder, chunk, passages
from twin.answer.cite import CitationParser
from twin.answer.extract import extract
from twin.answer.sentences import plain, sentences, split
from twin.records import Kind

GUIDE = """# Keys

On loopback no key is needed. On any other address the gateway does not start without one:

```bash
twin keys create --name chat
```

| a | table |
|---|---|

- Revoke a key with `twin keys revoke`, see [the guide](docs/keys.md) for **more** of it [3].
- Short.
"""


async def said(question, found):
    pieces = [piece async for piece in extract(question, found, WordEmbedder())]
    return "".join(piece.text for piece in pieces), pieces


def test_prose_becomes_sentences_and_blocks_without_headings_and_tables():
    found = sentences(chunk(GUIDE))
    assert [(s.text, s.code) for s in found] == [
        ("On loopback no key is needed.", ""),
        ("On any other address the gateway does not start without one:", "```bash\ntwin keys create --name chat\n```"),
        ("Revoke a key with `twin keys revoke`, see the guide for more of it.", ""),
    ]


def test_program_text_gives_its_docstrings_and_comments_and_itself_whole():
    code = 'def f():\n    """Return the number of documents that are alive."""\n    # Tombstones are not counted, as they are gone.\n    return 1\n'
    found = sentences(chunk(code, kind=Kind.REPOSITORY, uri="git:r/f.py"))
    assert [s.text for s in found] == [
        "Return the number of documents that are alive.",
        "Tombstones are not counted, as they are gone.",
        "",
    ]
    assert found[-1].code == f"```py\n{code.strip()}\n```"
    assert all(s.source for s in found)


@pytest.mark.parametrize(
    ("paragraph", "parts"),
    [
        ("One is here. Two is there! Three?", ["One is here.", "Two is there!", "Three?"]),
        ("See e.g. Smith et al. for it.", ["See e.g. Smith et al. for it."]),
        ("Ada (of T. Corp) said so. See Fig. 3 there.", ["Ada (of T. Corp) said so.", "See Fig. 3 there."]),
        ("Version 3.11 runs. It does.", ["Version 3.11 runs.", "It does."]),
        ("Mr. Smith said “No.” Then he left.", ["Mr. Smith said “No.”", "Then he left."]),
        ("これは文です。次の文です。", ["これは文です。", "次の文です。"]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(paragraph, parts):
    assert split(paragraph) == parts


def test_markup_that_cannot_be_quoted_is_taken_off():
    assert plain("**Bold** and [a link](x(y)) and ![image](z) and `a[1]` *2* [^4]") == "Bold and a link and image and `a[1]` 2"


@given(st.text(max_size=400))
def test_any_text_has_sentences(text):
    for sentence in sentences(chunk(text)):
        assert sentence.text or sentence.code


async def test_every_sentence_is_cited_and_the_best_passage_comes_first():
    text, _ = await said("How long do cats sleep in a day?", CATS)
    assert text == "Cats sleep for most of the day. [1]"


async def test_a_block_with_its_lead_is_quoted_when_the_question_asks_how():
    text, _ = await said("How do I start the gateway on any other address?", passages(GUIDE))
    assert "does not start without one: [1]\n\n```bash\ntwin keys create --name chat\n```" in text
    text, _ = await said("When is no key needed on loopback?", passages(GUIDE))
    assert "```" not in text


async def test_what_was_said_is_not_said_again():
    twice = passages("Cats sleep for most of the day.", "Cats  sleep for most of the day, mostly. Dogs do not.")
    text, _ = await said("Do cats sleep most of the day?", twice)
    assert text.count("sleep") == 1


async def test_at_most_six_sentences_are_quoted():
    found = passages(*(f"Cats sleep in the house number {n} of the street {n + 50} all day." for n in range(30)))
    text, _ = await said("Where do cats sleep all day?", found)
    assert 1 <= text.count("[") <= 6


async def test_a_name_that_stands_nowhere_makes_a_sentence_weaker():
    text, _ = await said("Who wrote Hamlet?", passages("Who wrote a document is its author, of course."))
    assert text == ""


async def test_an_answer_is_deterministic_and_its_markers_are_all_valid():
    first, _ = await said("cats sleep engine oil day", CATS)
    again, _ = await said("cats sleep engine oil day", CATS)
    parser = CitationParser(len(CATS))
    assert first == again == parser.feed(first) + parser.close()
    assert parser.dropped == 0


@pytest.mark.parametrize(
    "text", ["", "   \n\n", "#" * 5000, "x" * 100_000, "a. " * 20_000, "```\n" * 3000, "(" * 3000 + "](" * 3000]
)
async def test_strange_passages_give_nothing_or_something_quickly(text):
    await said("what is x?", passages(text))
