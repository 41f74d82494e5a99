import os
from pathlib import Path

import pytest

from tests.unit.documents.reading import Remembering, files, git, listed
from tests.unit.documents.test_pdf import made
from twin.documents import walk
from twin.documents.files import FilesFetcher
from twin.records import Author, Kind

PAGE = "<html><head><title>Page</title></head><body><article><p>A page with <b>text</b>.</p></article></body></html>"


def write(root, **texts):
    for name, text in texts.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


async def read(root, memory=None, **options):
    return await listed(FilesFetcher(), files(root, **options), memory)


async def one(root, name, data):
    (root / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return await read(root)


async def test_every_kind_of_file_is_read(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a.md").write_text("# Alpha\n\ntext")
    (tmp_path / "b.txt").write_text("just words")
    (tmp_path / "c.html").write_text(PAGE)
    (tmp_path / "d.pdf").write_bytes(made("paper text", Title="Paper"))
    (tmp_path / "e.ipynb").write_text('{"cells": [{"cell_type": "markdown", "source": "# Note\\n\\ntext"}]}')
    (tmp_path / "deep" / "er" / "f.rst").write_text("Guide\n=====\n\ntext")
    (tmp_path / "deep" / "g.py").write_text("def f():\n    return 1\n")
    seen = await read(tmp_path)
    assert {document.metadata["path"]: document.title for document in seen.documents.values()} == {
        "a.md": "Alpha", "b.txt": "b.txt", "c.html": "Page", "d.pdf": "Paper", "e.ipynb": "Note", "deep/er/f.rst": "Guide", "deep/g.py": "deep/g.py",
    }  # fmt: skip
    assert seen.complete
    assert {document.kind for document in seen.documents.values()} == {Kind.ARTICLE}


async def test_front_matter_is_metadata_and_no_text(tmp_path):
    text = "---\ntitle: On ants\ndate: 2024-03-05\nauthor: Bea Other\ntags: [ants, legs]\nlang: en-GB\ncanonical_url: https://example.org/ants\n---\n\nAnts have legs."
    document = (await one(tmp_path, "a.md", text)).document
    assert (document.title, document.text, document.published) == ("On ants", "Ants have legs.", "2024-03-05")
    assert (document.author, document.language, document.link) == (
        Author("bea-other", "Bea Other"),
        "en",
        "https://example.org/ants",
    )
    assert document.metadata["tags"] == "ants, legs"


@pytest.mark.parametrize(
    "front", ["---\na: [\n---\n", "---\n- a\n---\n", "---\nnever ends", "+++\nx = \n+++\n", "---\n&a [*a]\n---\n", "----\n"]
)
async def test_broken_front_matter_is_text(tmp_path, front):
    assert (await one(tmp_path, "a.md", f"{front}text here")).document.text.endswith("text here")


async def test_toml_front_matter_is_read(tmp_path):
    assert (await one(tmp_path, "a.md", '+++\ntitle = "T"\n+++\ntext')).document.title == "T"


async def test_an_unchanged_folder_yields_nothing_and_a_changed_file_only_itself(tmp_path):
    for number in range(700):
        (tmp_path / f"{number}.md").write_text(f"# {number}")
    memory = Remembering()
    assert len((await read(tmp_path, memory)).found) == 700
    assert (await read(tmp_path, memory)).nothing
    (tmp_path / "5.md").write_text("# changed")
    (tmp_path / "6.md").unlink()
    (tmp_path / "new.md").write_text("# new")
    seen = await read(tmp_path, memory)
    assert sorted(document.title for document in seen.documents.values()) == ["changed", "new"]
    assert len(seen.same) == 698
    assert seen.complete


async def test_uris_stay_when_the_folder_moves(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a b.md").write_text("x")
    before = await read(tmp_path / "one")
    (tmp_path / "one").rename(tmp_path / "two")
    assert list((await read(tmp_path / "two")).documents) == list(before.documents) == ["files:notes/a%20b.md"]


async def test_another_author_or_language_reads_everything_again(tmp_path):
    (tmp_path / "a.md").write_text("x")
    memory = Remembering()
    await read(tmp_path, memory)
    assert (await read(tmp_path, memory, max_gone=0.9)).nothing
    assert (await read(tmp_path, memory, author=Author("bea", "Bea"))).document.author.id == "bea"


async def test_include_and_exclude_are_gitignore_patterns(tmp_path):
    for name in ("a.md", "b.py", "docs/c.md", "docs/old/d.md", "docs/e.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")

    async def paths(**options):
        seen = await read(tmp_path, **options)
        return sorted(document.metadata["path"] for document in seen.documents.values())

    assert await paths(include=("*.md",)) == ["a.md", "docs/c.md", "docs/old/d.md"]
    assert await paths(include=("/*.md",)) == ["a.md"]
    assert await paths(include=("docs/*.md",)) == ["docs/c.md"]
    assert await paths(include=("docs/**/*.md",)) == ["docs/c.md", "docs/old/d.md"]
    assert await paths(include=("**/*.md", "b.py"), exclude=("docs/old/",)) == ["a.md", "b.py", "docs/c.md"]
    assert await paths(exclude=("*.md", "!a.md")) == ["a.md", "b.py", "docs/e.txt"]


async def test_a_pattern_that_is_none_is_named(tmp_path):
    (tmp_path / "a.md").write_text("x")
    assert "exclude" in (await read(tmp_path, exclude=("!",))).error


async def test_hidden_files_and_folders_of_tools_are_left_out(tmp_path):
    for name in (".git/x.md", ".hidden.md", "node_modules/x.md", "__pycache__/x.md", "a.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert list((await read(tmp_path)).documents) == ["files:notes/a.md"]


async def test_links_out_of_the_folder_are_not_followed(tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.md").write_text("secret")
    root = tmp_path / "notes"
    root.mkdir()
    (root / "a.md").write_text("x")
    (root / "key.md").symlink_to(tmp_path / "secret" / "key.md")
    (root / "folder").symlink_to(tmp_path / "secret")
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe.md")
    seen = await read(root)
    assert list(seen.documents) == ["files:notes/a.md"]
    assert "symbolic link" in seen.skipped["files:notes/key.md"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("binary.md", b"\x89PNG\r\n\x1a\n\0\0\0", "NUL"),
        ("empty.md", b"", "empty"),
        ("blank.md", " \n\u200b\n".encode(), "empty"),
        ("only-front.md", b"---\ntitle: x\n---\n", "empty"),
        ("picture.png", b"x", "binary by its name"),
        ("uv.lock", b"x", "a lock file"),
        ("app.min.js", b"x", "minified"),
        ("scan.pdf", made(""), "no text"),
        ("image.html", b"<html><body><img src=x></body></html>", "empty"),
    ],
)
async def test_what_is_no_document_is_skipped_with_its_reason(tmp_path, name, data, reason):
    seen = await one(tmp_path, name, data)
    assert reason in next(iter(seen.skipped.values()))
    assert not seen.found
    assert seen.complete


@pytest.mark.parametrize(("name", "data"), [("a.pdf", b"%PDF-1.7\ngarbage"), ("a.ipynb", b'{"cells": ')])
async def test_a_broken_file_fails_alone(tmp_path, name, data):
    (tmp_path / "good.md").write_text("good")
    seen = await one(tmp_path, name, data)
    assert "broken" in seen.failed[f"files:notes/{name}"]
    assert list(seen.documents) == ["files:notes/good.md"]
    assert seen.complete


async def test_one_word_and_a_line_of_five_megabytes_are_documents(tmp_path):
    (tmp_path / "word.md").write_text("word")
    (tmp_path / "line.txt").write_text("long " * 1_000_000)
    seen = await read(tmp_path)
    assert sorted(len(document.text) for document in seen.documents.values()) == [4, 5_000_000]


async def test_another_charset_is_understood(tmp_path):
    latin = "Die Bücher stehen im Schrank über der Tür, und größer wird er nicht mehr."
    assert (await one(tmp_path, "a.md", latin.encode("cp1252"))).document.text == latin


async def test_a_page_says_its_charset(tmp_path):
    page = PAGE.replace("<head>", '<head><meta charset="windows-1251">').replace("A page with", "Привет")
    assert "Привет" in (await one(tmp_path, "a.html", page.encode("cp1251"))).document.text


@pytest.mark.parametrize("name", ["a\nb.md", 'it\'s "so".md', "ünïcode 日本.md", "#%?&.md", "-rf.md", b"bytes-\xff.md"])
async def test_any_name_makes_a_printable_uri(tmp_path, name):
    (tmp_path / os.fsdecode(name)).write_text("text")
    document = (await read(tmp_path)).document
    assert document.uri.isprintable()
    assert document.uri.isascii()
    document.title.encode()
    memory = Remembering()
    await read(tmp_path, memory)
    assert (await read(tmp_path, memory)).nothing


async def test_a_file_deleted_while_walking_is_gone_and_no_failure(tmp_path, monkeypatch):
    (tmp_path / "a.md").write_text("x")
    (tmp_path / "b.md").write_text("x")
    real = walk.walk

    def vanishing(root):
        listing = real(root)
        (tmp_path / "a.md").unlink()
        return listing

    monkeypatch.setattr("twin.documents.folder.walk", vanishing)
    seen = await read(tmp_path)
    assert list(seen.documents) == ["files:notes/b.md"]
    assert not seen.failed
    assert seen.complete


async def test_a_file_that_changes_while_it_is_read_fails_and_is_taken_next(tmp_path, monkeypatch):
    (tmp_path / "a.md").write_text("before")
    memory = Remembering()
    real = walk.walk

    def changing(root):
        listing = real(root)
        (tmp_path / "a.md").write_text("after all")
        return listing

    monkeypatch.setattr("twin.documents.folder.walk", changing)
    assert "changed while" in (await read(tmp_path, memory)).failed["files:notes/a.md"]
    monkeypatch.undo()
    assert (await read(tmp_path, memory)).document.text == "after all"


async def test_an_unreadable_file_fails_alone(tmp_path, monkeypatch):
    # the tests may run as root, whom permissions do not stop
    (tmp_path / "a.md").write_text("x")
    (tmp_path / "b.md").write_text("x")
    real = os.open

    def refusing(path, flags, *rest, **more):
        if str(path).endswith("a.md"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refusing)
    seen = await read(tmp_path)
    assert seen.failed == {"files:notes/a.md": "Permission denied"}
    assert list(seen.documents) == ["files:notes/b.md"]


@pytest.mark.parametrize("name", ["a.md", "a.pdf", "a.ipynb", "a.html"])
async def test_what_git_lfs_leaves_in_the_place_of_a_file_is_skipped(tmp_path, name):
    (tmp_path / name).write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n")
    seen = await read(tmp_path)
    assert "git lfs pull" in seen.skipped[f"files:notes/{name}"]
    assert not seen.failed


async def test_a_folder_that_cannot_be_listed_buries_nothing(tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    (tmp_path / "a.md").write_text("x")
    real = os.scandir

    def refusing(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)
    seen = await read(tmp_path)
    assert "Permission denied" in seen.failed["files:notes/locked"]
    assert not seen.complete


async def test_a_missing_folder_is_one_error(tmp_path):
    assert "is not there" in (await read(tmp_path / "nowhere")).error
    (tmp_path / "a.md").write_text("x")
    assert "name its folder" in (await read(tmp_path / "a.md")).error


async def test_another_kind_of_source_is_refused(tmp_path):
    assert "not files" in (await listed(FilesFetcher(), git(tmp_path))).error


async def test_a_file_beyond_the_limit_is_skipped_unread(tmp_path):
    with Path(tmp_path / "big.md").open("wb") as file:
        file.truncate(walk.LARGEST + 1)
    assert "are not read" in (await read(tmp_path)).skipped["files:notes/big.md"]
