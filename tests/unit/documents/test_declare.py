"""sources.yaml: what it may say, and every mistake with its line, its key and what to do."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.documents.declare import parse_sources, read_author, read_sources
from twin.documents.declare_keys import KINDS
from twin.documents.sources import ExportSource, FeedSource, FilesSource, GitSource, Source, WebSource
from twin.errors import SourcesError
from twin.records import Author, Kind

FOLDER = Path("/twins/ada")
ADA = "author: {id: ada, name: Ada Author}\n"


def parse(text: str) -> tuple[Source, ...]:
    return parse_sources(text, "sources.yaml", FOLDER)


def one(declared: str) -> Source:
    (source,) = parse(f"{ADA}sources:\n  - {declared}\n")
    return source


def mistakes(text: str) -> list[str]:
    with pytest.raises(SourcesError) as caught:
        parse(text)
    return str(caught.value).split("\n")


def mistake(declared: str) -> str:
    (line,) = mistakes(f"{ADA}sources:\n  - {declared}\n")
    return line.removeprefix("sources.yaml:3: sources[0].")


def test_the_documented_example_is_read():
    sources = parse(
        """\
author: {id: ada, name: Ada Author}
sources:
  - {kind: git,    url: ., include: ["**/*.md", "**/*.py"], history: 100}
  - {kind: feed,   url: https://example.org/feed.xml}
  - {kind: web,    url: https://example.org/notes/, depth: 1}
  - {kind: files,  path: notes/}
  - {kind: export, path: articles.json}
"""
    )
    ada = Author("ada", "Ada Author")
    article, repository = Kind.ARTICLE, Kind.REPOSITORY
    assert sources == (
        GitSource(name="ada", author=ada, documents=repository, url="/twins/ada", include=("**/*.md", "**/*.py"), history=100),
        FeedSource(name="example.org-feed", author=ada, documents=article, url="https://example.org/feed.xml"),
        WebSource(name="example.org-notes", author=ada, documents=article, url="https://example.org/notes/", depth=1),
        FilesSource(name="notes", author=ada, documents=article, path="/twins/ada/notes"),
        ExportSource(name="articles", author=ada, documents=article, path="/twins/ada/articles.json"),
    )


def test_every_key_of_a_web_source_is_taken():
    source = one(
        "{kind: web, name: my.site, url: 'http://10.0.0.1/a', author: {id: zoe}, documents: post, language: DE, "
        "max_gone: 0, depth: 3, max_pages: 10, allow_private: true}"
    )
    assert source == WebSource(
        name="my.site",
        author=Author("zoe", "zoe"),
        documents=Kind.POST,
        language="de",
        max_gone=0.0,
        url="http://10.0.0.1/a",
        depth=3,
        max_pages=10,
        allow_private=True,
    )


def test_a_source_with_its_own_author_needs_no_other():
    (source,) = parse("sources: [{kind: files, path: a, author: {id: zoe, name: Zoë}}]")
    assert source.author == Author("zoe", "Zoë")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (".", "/twins/ada"),
        ("../other", "/twins/other"),
        ("/srv/repo.git", "/srv/repo.git"),
        ("https://example.org/me/repo.git", "https://example.org/me/repo.git"),
        ("git@example.org:me/repo.git", "git@example.org:me/repo.git"),
        ("ssh://git@example.org/me/repo", "ssh://git@example.org/me/repo"),
        ("file:///srv/repo", "file:///srv/repo"),
    ],
)
def test_a_git_url_may_be_a_path(url, expected):
    assert one(f"{{kind: git, url: '{url}'}}").url == expected


@pytest.mark.parametrize("url", ["--upload-pack=touch /tmp/x", "ext::sh -c id", "ftp://example.org/x", "-x"])
def test_a_git_url_that_would_run_something_is_refused(url):
    assert mistake(f"{{kind: git, url: '{url}'}}").startswith("url: ")


def test_names_are_made_from_where_a_source_is_and_made_unique():
    sources = parse(
        f"""{ADA}sources:
  - {{kind: files, path: other, name: notes-2}}
  - {{kind: files, path: notes}}
  - {{kind: files, path: old/notes}}
  - {{kind: git, url: "https://example.org/me/My Project.git/"}}
  - {{kind: web, url: "https://www.example.org/"}}
  - {{kind: web, url: "https://example.org/写作"}}
  - {{kind: files, path: /}}
"""
    )
    assert [source.name for source in sources] == [
        "notes-2", "notes", "notes-3", "My-Project", "example.org", "example.org-2", "files",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("{kind: fed, url: x}", "kind: 'fed' is none; did you mean feed? One of git, web, feed, files, export"),
        ("{url: x}", "kind: is missing; one of git, web, feed, files, export"),
        ("{kind: files}", "path: is missing; a files source needs it"),
        ("{kind: files, pth: a, path: b}", "pth: there is no such key of a files source; did you mean path?"),
        ("{kind: files, path: a, path: b}", "path: is given twice, first in line 3; keep one"),
        ("{kind: files, path: 12}", "path: must be text, and is a number; put it in quotes"),
        ("{kind: files, path: [a]}", "path: must be text, and is a list"),
        ("{kind: files, path: }", "path: must be text, and is nothing"),
        ("{kind: files, path: ' '}", "path: is empty"),
        ("{kind: files, path: a, max_gone: 1.5}", "max_gone: must be a number from 0 to 1 (0.5 is half), and is 1.5"),
        ("{kind: files, path: a, max_gone: .nan}", "max_gone: must be a number from 0 to 1 (0.5 is half), and is .nan"),
        ("{kind: files, path: a, include: '*.md'}", "include: must be a list: begin each item with `- `"),
        ("{kind: files, path: a, include: []}", 'include: is empty; leave it out, or name patterns, as in ["**/*.md"]'),
        ("{kind: files, path: a, include: [1]}", "include[0]: must be text, and is a number; put it in quotes"),
        ("{kind: files, path: a, language: english}", "language: 'english' is no ISO 639-1 code; two letters, as in en or de"),
        ("{kind: files, path: a, documents: blog}", "documents: 'blog' is none; one of article, post, repository"),
        ("{kind: files, path: a, author: {name: Zoe}}", "author.id: is missing; a short text that stays the same, as in `id: ada`"),
        ("{kind: files, path: a, author: Zoe}", "author: must be a mapping with id, name"),
        ("{kind: web, url: example.org/a}", "url: 'example.org/a' is no http(s) URL; did you mean https://example.org/a?"),
        ("{kind: web, url: 'https://u:p@example.org/'}", "url: holds a user name or password; a crawl sends none. Remove it"),
        ("{kind: web, url: 'https://e.org', depth: -1}", "depth: must be a whole number from 0 to 20, and is -1"),
        ("{kind: web, url: 'https://e.org', depth: 0x10}", "depth: must be a whole number from 0 to 20, and is 0x10"),
        ("{kind: web, url: 'https://e.org', depth: 1.0}", "depth: must be a whole number from 0 to 20, and is a number"),
        ("{kind: web, url: 'https://e.org', allow_private: 1}", "allow_private: must be true or false, and is a number"),
        ("{kind: git, url: ., ref: 'a..b'}", "ref: 'a..b' is no branch, tag or commit"),
        ("{kind: git, url: ., ref: --output=x}", "ref: '--output=x' is no branch, tag or commit"),
        ("{kind: git, url: ., history: yes}", "history: must be a whole number from 0 to 1,000,000, and is true or false"),
        ("{kind: files, path: a, name: a/b}", "name: 'a/b' is no name; use letters, digits, dots, dashes and underscores, at most 100"),
        ("{kind: files, path: a, ? [x] : y}", (": there is no such key of a files source; one of kind, path, include, exclude, name, "
         "author, documents, language, max_gone")),
    ],
)  # fmt: skip
def test_a_mistake_names_its_key_and_what_to_do(declared, expected):
    assert mistake(declared) == expected


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file():
    found = mistakes("author: {id: ada, nam: Ada}\nsorces: []\nsources:\n  - kind: web\n    url: x\n    deepth: 1\n  - files\n")
    assert [line.split(": ")[0] for line in found] == [f"sources.yaml:{number}" for number in (1, 2, 5, 6, 7)]


def test_two_sources_of_one_name_and_one_source_twice_are_mistakes():
    found = mistakes(f"{ADA}sources:\n- {{kind: files, path: a, name: x}}\n- {{kind: files, path: b, name: x}}\n")
    assert found == ["sources.yaml:4: sources[1].name: 'x' is the name of the source in line 3; choose another"]
    found = mistakes(f"{ADA}sources:\n- {{kind: files, path: a}}\n- {{kind: files, path: ./a}}\n")
    assert found == ["sources.yaml:4: sources[1]: is the same as the source in line 3; remove one"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: is empty; it needs `author` and `sources` (`twin init` writes an example)"),
        ("# only a comment\n", "1: is empty; it needs `author` and `sources` (`twin init` writes an example)"),
        ("~", "1: is empty; it needs `author` and `sources` (`twin init` writes an example)"),
        ("- a", "1: must be a mapping with `author` and `sources`"),
        ("just text", "1: must be a mapping with `author` and `sources`"),
        (ADA, "1: sources: is missing; name at least one, as in `sources: [{kind: files, path: notes/}]`"),
        (f"{ADA}sources: []", "2: sources: is empty; name at least one, as in `- {kind: files, path: notes/}`"),
        (f"{ADA}sources: {{kind: files}}", "2: sources: must be a list: begin each item with `- `"),
        (f"{ADA}sources:", "2: sources: must be a list: begin each item with `- `"),
        (f"{ADA}sources:\n  -\n", "3: sources[0]: must be a mapping, as in `{kind: files, path: notes/}`"),
        (f"{ADA}sources:\n\t- kind: files\n", "3: not valid YAML: a tab is used to indent; use spaces"),
        (f"{ADA}---\na: b\n", "2: not valid YAML: a second document begins here (---); keep one"),
        (f"{ADA}sources: [&a {{kind: files, path: x}}, *a]", ("2: not valid YAML: anchors (&) and aliases (*) are not allowed; "
         "quote the text if it only begins so, or write it out")),
        (f"{ADA}sources: [!!python/object/apply:os.system [id]]", ("2: not valid YAML: tags (!) are not allowed; "
         "quote the text if it only begins so")),
        (f"{ADA}sources: {'[' * 50}{']' * 50}", "2: not valid YAML: nested deeper than 12 levels"),
        ("author: {id: a\x00b}", "1: not valid YAML: control characters are not allowed"),
    ],
)  # fmt: skip
def test_a_file_of_another_shape_is_refused_in_words(text, expected):
    assert mistakes(text) == [f"sources.yaml:{expected}"]


def test_broken_yaml_names_the_line_that_breaks_it():
    (found,) = mistakes(f"{ADA}sources:\n  - {{kind: files, path: a\n  - {{kind: files, path: b}}\n")
    assert found.startswith("sources.yaml:4: not valid YAML: ")


def test_a_bomb_of_aliases_is_refused_before_it_unfolds():
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"] + [
        f"{n}: &{n} [{', '.join(['*' + p] * 9)}]" for p, n in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    (found,) = mistakes("\n".join(lines))
    assert "anchors" in found


def test_a_message_holds_no_control_character_of_the_file():
    (found,) = mistakes(f'{ADA}sources: [{{kind: "fi\\e[31mles\\n"}}]')
    assert found.isprintable()


def test_a_missing_author_is_asked_for_once_a_source():
    found = mistakes("sources:\n- {kind: files, path: a}\n- {kind: files, path: b}\n")
    assert len(found) == 2
    assert "add `author: {id: ada, name: Ada Author}` at the top" in found[0]


def test_thousands_of_mistakes_end_in_a_count():
    found = mistakes(f"{ADA}sources:\n" + "- x\n" * 5000)
    assert len(found) == 51
    assert found[-1] == "sources.yaml: and 4950 more mistakes"


def test_a_file_is_read_and_its_folder_is_where_paths_begin(tmp_path):
    file = tmp_path / "sources.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + f"{ADA}sources: [{{kind: files, path: n}}]".replace("\n", "\r\n").encode())
    assert read_sources(file)[0].path == str(tmp_path / "n")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a: b\nauthor: {id: \xff}", ":2: not UTF-8; save it as UTF-8"),
        (b"#" * 10_000_000, ": larger than 1,000,000 bytes; is it a list of sources?"),
        (b"\x00\x01\x02", ":1: not valid YAML: control characters are not allowed"),
    ],
)
def test_a_file_that_is_no_text_or_too_long_is_refused(tmp_path, data, expected):
    file = tmp_path / "sources.yaml"
    file.write_bytes(data)
    with pytest.raises(SourcesError) as caught:
        read_sources(file)
    assert str(caught.value) == f"{file}{expected}"


def test_a_missing_file_and_a_folder_in_its_place_are_refused(tmp_path):
    with pytest.raises(SourcesError, match="there is no such file; `twin init` makes one"):
        read_sources(tmp_path / "sources.yaml")
    with pytest.raises(SourcesError, match="cannot be read"):
        read_sources(tmp_path)


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from([".", "https://e.org/", "a"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
KEYS = st.sampled_from(sorted({key for table in KINDS.values() for key in table.keys}))
SOURCES = st.builds(
    lambda kind, rest: {"kind": kind, **rest}, st.sampled_from([*KINDS, "x", 1]), st.dictionaries(KEYS, VALUES, max_size=5)
)


@settings(deadline=None)
@given(st.lists(SOURCES, max_size=4), VALUES)
def test_any_values_are_sources_or_mistakes_with_a_line(sources, author):
    text = yaml.safe_dump({"author": author, "sources": sources}, allow_unicode=True)
    try:
        made = parse(text)
    except SourcesError as exc:
        made, message = None, str(exc)
    if made is None:
        assert all(line.startswith("sources.yaml:") for line in message.split("\n"))
        return
    assert len(made) == len(sources)
    assert len({source.name for source in made}) == len(made)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_sources_or_a_mistake(text):
    for whole in (text, f"{ADA}sources:\n{text}", f"{ADA}sources: [{text}]"):
        with suppress(SourcesError):
            parse(whole)


def test_the_author_is_read_whatever_is_wrong_with_the_sources(tmp_path: Path) -> None:
    file = tmp_path / "sources.yaml"
    file.write_text(f"{ADA}sources:\n  - {{kind: nonsense}}\nfurther: 1\n")
    assert read_author(file) == Author("ada", "Ada Author")
    file.write_text("sources:\n  - {kind: files, path: notes, author: {id: ben}}\n")
    assert read_author(file) is None


@pytest.mark.parametrize("text", ["author: {name: Ada}\n", "author: [", ""])
def test_an_author_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sources.yaml"
    file.write_text(text)
    with pytest.raises(SourcesError, match=r"sources.yaml:\d: "):
        read_author(file)
