import json
import os
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.documents.reading import ADA, Remembering, export, files, listed, reason
from twin.documents import jsonstream
from twin.documents.bodies import is_html
from twin.documents.export import ExportFetcher
from twin.documents.jsonstream import BrokenJsonError, records
from twin.documents.shapes import ShapeError, drafts
from twin.records import Author, Kind


def article(number=1, **changes):
    return {
        "_id": {"$oid": f"{number:024x}"},
        "content": {"Title": f"Title {number}", "Subtitle": "Below", "Content": "Some *text* here.", "language": "en"},
        "platform": "medium",
        "author_id": "ada",
        "author_full_name": "Ada Author",
        "link": f"https://example.org/{number}",
    } | changes


async def read(path, memory=None, **options):
    return await listed(ExportFetcher(), export(path, **options), memory)


@pytest.fixture
def taken(tmp_path):
    """Write records or raw text as an export, and read it."""

    async def take(content, name="articles.json", memory=None, **options):
        path = tmp_path / name
        data = (
            content
            if isinstance(content, bytes)
            else content.encode()
            if isinstance(content, str)
            else json.dumps(content).encode()
        )
        path.write_bytes(data)
        return await read(path, memory, **options)

    return take


async def test_an_article_becomes_a_document(taken):
    document = (await taken([article()])).document
    assert (document.uri, document.link) == ("https://example.org/1", "https://example.org/1")
    assert (document.title, document.text) == ("Title 1", "Below\n\nSome *text* here.")
    assert (document.kind, document.language, document.author) == (Kind.ARTICLE, "en", Author("ada", "Ada Author"))
    assert document.metadata == {"platform": "medium"}


@pytest.mark.parametrize("form", ["array", "indented", "lines", "after each other", "windows lines"])
async def test_arrays_lines_and_values_after_each_other_are_read(taken, form):
    many = [article(number) for number in range(450)]
    lines = [json.dumps(one) for one in many]
    text = {
        "array": json.dumps(many),
        "indented": json.dumps(many, indent=2),
        "lines": "\n".join(lines) + "\n",
        "after each other": "".join(json.dumps(one, indent=1) for one in many),
        "windows lines": "\r\n".join(lines) + "\r\n\r\n",
    }[form]
    seen = await taken(text, name="anything.txt")
    assert len(seen.found) == 450
    assert seen.complete


@pytest.mark.parametrize("charset", ["utf-8-sig", "utf-16", "utf-32"])
async def test_exports_with_a_byte_order_mark_are_read(taken, charset):
    content = article()["content"] | {"Content": "Zürich 日本"}
    seen = await taken(json.dumps([article(content=content)], ensure_ascii=False).encode(charset))
    assert seen.document.text.endswith("Zürich 日本")


async def test_html_becomes_markdown_and_markdown_stays(taken):
    html = article(1, content={"Title": "T", "Content": "<h2>Head</h2><p>Text</p><pre><code>a\n  b</code></pre>"})
    markdown = article(2, content={"Title": "T", "Content": "# Head\n\nUse `<div>` and\n\n```html\n<p>x</p>\n<p>y</p>\n```"})
    texts = [document.text for document in (await taken([html, markdown])).documents.values()]
    assert texts == ["## Head\n\nText\n\n```\na\n  b\n```", markdown["content"]["Content"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>one</p>", True),
        ("text <b>bold</b> and <i>more</i>", True),
        ("plain", False),
        ("a < b and c > d", False),
        ("generic List<String> and Map<K>", False),
        ("`<p>` and `<div>`", False),
        ("# Title\n\n<img src='x'>\n\n<br>\n\ntext", False),
        ("<!doctype html><html>", True),
        ("", False),
    ],
)
def test_html_is_told_from_markdown(text, expected):
    assert is_html(text) is expected


async def test_authors_of_one_file_stay_apart(taken):
    uuid = {"$binary": {"base64": "AAECAwQFBgcICQoLDA0ODw==", "subType": "04"}}
    seen = await taken(
        [
            article(1, author_id={"$oid": "65f0"}, author_full_name="Bea Other"),
            article(2, author_id=uuid, author_full_name="Cy Third"),
            article(3, author_id={"$uuid": "0001"}, author_full_name="Dee"),
            article(4, author_id=None, author_full_name="Eve Name"),
            article(5, author_id=None, author_full_name=None),
            article(6, author_id="ada", author_full_name=None),
        ]
    )
    assert [document.author for document in seen.documents.values()] == [
        Author("65f0", "Bea Other"),
        Author("00010203-0405-0607-0809-0a0b0c0d0e0f", "Cy Third"),
        Author("0001", "Dee"),
        Author("eve-name", "Eve Name"),
        ADA,
        ADA,
    ]


async def test_records_without_a_link_are_known_by_their_id(taken):
    seen = await taken([article(1, link=None), article(2, link="urn:x", _id="my id"), article(3, link="", _id={"$oid": "ff"})])
    assert list(seen.documents) == [f"export:blog/{1:024x}", "export:blog/my%20id", "export:blog/ff"]


async def test_posts_are_known_by_their_shape_or_platform(taken):
    seen = await taken(
        [
            article(1, content="First line of it\nand more", platform="linkedin"),
            article(2, content={"Content": "No title " + "and on " * 30}, platform="medium"),
            article(3, content="An essay", title="Essay", platform="blog"),
        ]
    )
    assert [document.kind for document in seen.documents.values()] == [Kind.POST, Kind.POST, Kind.ARTICLE]
    titles = [document.title for document in seen.documents.values()]
    assert titles[0] == "First line of it"
    assert titles[1].startswith("No title and")
    assert titles[1].endswith("…")
    assert titles[2] == "Essay"


async def test_a_repository_becomes_a_document_a_file(taken):
    record = article(
        1,
        name="tools",
        link="https://github.com/ada/tools",
        content={"src/a.py": "x = 1\n", "README.md": "# Tools", "empty.py": ""},
    )
    seen = await taken([record])
    base = "https://github.com/ada/tools/blob/HEAD/"
    assert {document.uri: (document.title, document.kind) for document in seen.documents.values()} == {
        f"{base}src/a.py": ("tools/src/a.py", Kind.REPOSITORY),
        f"{base}README.md": ("tools/README.md", Kind.REPOSITORY),
    }
    assert seen.skipped == {f"{base}empty.py": "empty"}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (17, "expected an object, found a number"),
        ([], "expected an object, found a list"),
        ({"a": 1, "b": 2}, "content: missing; the record has the keys a, b"),
        (article(content=3), "content: expected an object or text, found a number"),
        (article(content={"Title": 3.5, "Content": "x"}), "content.Title: expected text, found a number"),
        (article(content={"Title": "x", "Content": ["y"]}), "content.Content: expected text, found a list"),
        (article(content={"Title": "x"}), "content.Content: missing; content has the key Title"),
        (article(content={}), "content.Content: missing; content has no keys"),
        (article(link=None, _id=None), "_id: missing"),
        (article(link=5), "link: expected text, found a number"),
        (article(link="https://[bad"), "link: is no http address"),
        (article(link=None, _id={"$oid": 5}), "_id: expected text"),
        (article(author_id={"what": 1, "ever": 2}), "author_id: expected text"),
        (article(author_id={"$binary": {"base64": "***"}}), "author_id.$binary"),
        (article(author_full_name=["Ada"]), "author_full_name: expected text, found a list"),
        (article(platform=True), "platform: expected text, found true or false"),
        (article(name="x", content={"a.py": 1}), "content.a.py: expected text"),
    ],
)
async def test_an_unknown_shape_fails_alone_with_number_and_key(taken, record, words):
    seen = await taken([article(100), record, article(200)])
    assert len(seen.found) == 2
    assert list(seen.failed) == ["export:blog/#2"]
    assert seen.failed["export:blog/#2"].startswith(f"articles.json: record 2: {words}")
    assert seen.complete


async def test_a_refusal_shows_no_text_of_the_record(taken):
    seen = await taken([article(content=["a secret text"])])
    assert "secret" not in str(seen.failed)


async def test_a_later_record_with_the_same_address_is_a_duplicate(taken):
    seen = await taken(
        [
            article(1),
            article(2),
            article(3, link="https://example.org/1#part"),
            article(4, link=None, _id="x"),
            article(5, link=None, _id="x"),
        ]
    )
    assert len(seen.found) == 3
    assert "duplicate of record 1" in seen.failed["export:blog/#3"]
    assert "duplicate of record 4" in seen.failed["export:blog/#5"]


async def test_empty_records_are_skipped(taken):
    seen = await taken(
        [article(1, content={"Title": "T", "Content": " \n"}), article(2, content={"Title": "T", "Content": "<img src=x>"})]
    )
    assert seen.documents == {} or [d.text for d in seen.documents.values()] == []
    assert set(seen.skipped.values()) == {"empty"}


async def test_an_unchanged_export_yields_nothing_and_an_edited_one_its_changes(taken):
    memory = Remembering()
    many = [article(number) for number in range(300)]
    await taken(many, memory=memory)
    assert (await taken_again(taken, memory)).nothing
    many[7]["content"]["Content"] = "changed"
    del many[8]
    seen = await taken(many, memory=memory)
    assert seen.document.text.endswith("changed")
    assert len(seen.same) == 298
    assert seen.complete


async def taken_again(taken, memory):
    path = taken.__closure__[0].cell_contents / "articles.json"
    return await read(path, memory)


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        ('[{0},\n{1},\n{{"x": oops}},\n{0}]', "line 3, byte"),
        ("[{0},\n{1}", "line 2, byte"),
        ("[{0},\n{1},", "line 2, byte"),
        ("[{0}\n{1}]", "line 2, byte"),
        ("{0}\n{1}\nnonsense\n{0}", "line 3, byte"),
        ('{0}\n{1}\n{{"never": "ends', "line 3, byte"),
        ("[{0},{1}] and more", "text after the array's end"),
        ("[{0},{1},\n" + "[" * 200_000, "line 2"),
        ("[{0},{1},\n" + "9" * 6000 + "]", "line 2"),
    ],
)
async def test_what_is_before_invalid_json_is_taken_and_nothing_is_removed(taken, broken, place):
    text = broken.format(json.dumps(article(1)), json.dumps(article(2))) if "{0}" in broken else broken
    seen = await taken(text)
    assert next(iter(seen.documents)) == "https://example.org/1"
    assert place in seen.error
    assert "articles.json" in seen.error
    assert not seen.complete


async def test_the_byte_of_a_break_is_the_files_own(taken):
    good = json.dumps(article(1, author_full_name="Zoë"), ensure_ascii=False) + "\n"
    seen = await taken(good * 1 + "oops")
    assert f"byte {len(good.encode())}:" in seen.error


async def test_bytes_that_are_no_utf8_end_the_listing(taken):
    seen = await taken(json.dumps([article(1)]).encode()[:-1] + b", \xff\xfe]")
    assert "not utf-8" in seen.error
    assert not seen.complete


async def test_a_quote_that_never_ends_is_given_up(taken, monkeypatch):
    monkeypatch.setattr(jsonstream, "CHUNK", 1000)
    monkeypatch.setattr(jsonstream, "LARGEST", 20_000)
    seen = await taken("[" + json.dumps(article(1)) + ', {"x": "' + "y" * 100_000)
    assert "a quote that never ends" in seen.error
    assert len(seen.found) == 1


@pytest.mark.parametrize("content", [b"", b" \n", b"\xef\xbb\xbf"])
async def test_an_empty_file_is_an_error_not_an_empty_source(taken, content):
    seen = await taken(content)
    assert "is empty" in seen.error
    assert not seen.complete


async def test_an_empty_array_is_an_empty_source(taken):
    seen = await taken("[]")
    assert seen.items
    assert seen.complete
    assert not seen.error


@pytest.mark.parametrize("content", [b"PK\x03\x04zip", b"%PDF-1.7", b"words and words", b"\x00\x01\x02\x03", b"a,b\n1,2\n"])
async def test_a_file_that_is_no_export_is_named(taken, content):
    seen = await taken(content, name="articles.json")
    assert "articles.json is" in seen.error


async def test_a_missing_export_is_named(tmp_path):
    assert "is not there" in (await read(tmp_path / "none.json")).error


async def test_a_folder_or_zip_of_other_files_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "Shares.csv").write_text("Date,ShareLink\n")
    path = tmp_path / "Basic_LinkedInDataExport.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tmp_path / "inside" / "Shares.csv", "Shares.csv")
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "inside", path, tmp_path / "empty"):
        seen = await read(place)
        assert "no page of a Notion export" in seen.error
        assert "Shares.csv" in seen.error
        assert not seen.items


async def test_an_export_that_changes_while_it_is_read_buries_nothing(tmp_path):
    path = tmp_path / "articles.json"
    path.write_text(json.dumps([article(1)]))

    class Touching(Remembering):
        async def known(self, uris):
            os.utime(path, ns=(1, 1))
            return {}

    seen = await read(path, Touching())
    assert "changed while" in seen.error
    assert not seen.complete


async def test_halves_of_characters_are_replaced(taken):
    document = (await taken('[{"_id": "x", "content": {"Title": "\\ud800", "Content": "a \\udfff b"}}]')).document
    document.text.encode()
    document.title.encode()


async def test_another_kind_of_source_is_refused(tmp_path):
    assert "not export" in (await listed(ExportFetcher(), files(tmp_path))).error


def test_records_hold_their_place_across_many_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(jsonstream, "CHUNK", 50)
    path = tmp_path / "many.json"
    many = [{"number": number, "text": "é" * number} for number in range(200)]
    path.write_text("[\n" + ",\n".join(json.dumps(one, ensure_ascii=False) for one in many) + "\n]")
    raws = list(records(path))
    assert [raw.value for raw in raws] == many
    assert [raw.line for raw in raws] == list(range(2, 202))
    assert [json.loads(raw.text) for raw in raws] == many


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "_id",
                    "content",
                    "Title",
                    "Content",
                    "link",
                    "author_id",
                    "$oid",
                    "$binary",
                    "base64",
                    "platform",
                    "name",
                    "a.py",
                    "$date",
                    "date",
                ]
            )
            | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(values)
def test_any_json_is_documents_or_a_reason(value):
    made = []
    with reason(ShapeError) as given:
        made = drafts(value, "blog", ADA)
    assert all(words.isprintable() for words in [*given, *(draft.uri for draft in made)])
    assert given or made


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(values, max_size=8), st.integers(1, 40), st.sampled_from([None, 1, 2]))
def test_a_stream_of_records_is_what_json_says(tmp_path, monkeypatch, many, chunk, indent):
    monkeypatch.setattr(jsonstream, "CHUNK", chunk)
    path = tmp_path / "x.json"
    path.write_text(json.dumps(many, indent=indent))
    assert [raw.value for raw in records(path)] == many
    path.write_text("\n".join(json.dumps(one) for one in many if isinstance(one, dict)))
    assert [raw.value for raw in records(path)] == [one for one in many if isinstance(one, dict)]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=60) | st.text('[]{},:"1e\\ \n', max_size=40).map(str.encode))
def test_any_bytes_are_records_or_a_place(tmp_path, data):
    path = tmp_path / "x.json"
    path.write_bytes(data)
    with reason(BrokenJsonError) as given:
        list(records(path))
    assert all("line" in words for words in given)
