import io
import zipfile

import pytest

from tests.unit.documents.reading import Remembering, export, files, listed
from twin.documents import archive
from twin.documents.export import ExportFetcher
from twin.documents.files import FilesFetcher
from twin.documents.notion import is_notion, is_part, notion_place, notion_title

ID = "0123456789abcdef0123456789abcdef"
PAGE = f"Work {ID}/Reading list {ID}.md"
TEXT = "# Reading list\n\nTags: books\n\nRead more."
TABLE = '\ufeffName,Status,Notes\nFirst book,Done,"good,\nvery good"\nSecond,,\n'


def test_names_lose_their_ids():
    assert is_notion(PAGE)
    assert notion_title(PAGE) == "Reading list"
    assert notion_place(PAGE) == "Work"
    assert not is_notion("notes/plain.md")


async def test_a_notion_export_is_read_from_its_folder(tmp_path):
    (tmp_path / f"Work {ID}").mkdir()
    (tmp_path / PAGE).write_text(TEXT)
    seen = await listed(FilesFetcher(), files(tmp_path))
    assert (seen.document.title, seen.document.metadata["pages"]) == ("Reading list", "Work")


async def test_a_notion_export_is_read_from_its_zip(tmp_path):
    path = tmp_path / "Export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(PAGE, TEXT)
        archive.writestr("../outside.md", "x")
        archive.writestr(".hidden/x.md", "x")
    first = await listed(FilesFetcher(), files(path))
    assert [document.title for document in first.documents.values()] == ["Reading list"]


async def test_a_database_becomes_one_document_with_a_heading_a_row(tmp_path):
    (tmp_path / f"Books {ID}_all.csv").write_text(TABLE)
    (tmp_path / f"Books {ID}.csv").write_text(TABLE)
    (tmp_path / "plain.csv").write_text(TABLE)
    seen = await listed(FilesFetcher(), files(tmp_path))
    assert seen.document.title == "Books"
    assert seen.document.text == "## First book\n\n- Status: Done\n- Notes: good,\nvery good\n\n## Second"
    assert len(seen.skipped) == 2


async def test_a_broken_zip_is_one_error(tmp_path):
    path = tmp_path / "Export.zip"
    path.write_bytes(b"PK\x03\x04 and nothing more")
    seen = await listed(FilesFetcher(), files(path))
    assert "cannot be listed" in seen.error
    assert not seen.complete


async def test_a_damaged_member_of_a_zip_fails_alone(tmp_path):
    path = tmp_path / "Export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.md", "first text " * 500)
        archive.writestr("b.md", "second text " * 500)
    data = bytearray(path.read_bytes())
    at = data.index(b"a.md") + 8
    data[at : at + 8] = b"\xff" * 8
    path.write_bytes(bytes(data))
    seen = await listed(FilesFetcher(), files(path))
    assert list(seen.documents) == ["files:notes/b.md"]
    assert "broken in the zip" in seen.failed["files:notes/a.md"]


def packed(path, members, method=zipfile.ZIP_DEFLATED):
    """A zip at `path` (or, without one, its bytes) of names and what they hold."""
    file = path or io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return path or file.getvalue()


def part(number, digits="0123abcd"):
    return f"ExportBlock-{digits}-4567-89ab-cdef-0123456789ab-Part-{number}.zip"


@pytest.fixture(params=["files", "export"])
def read(request):
    """A reading of a path as a source of either kind."""
    fetcher, source = {"files": (FilesFetcher(), files), "export": (ExportFetcher(), export)}[request.param]

    async def reading(path, memory=None):
        return await listed(fetcher, source(path), memory)

    return reading


def titles(seen):
    return sorted(document.title for document in seen.documents.values())


OTHER = f"Work {ID}/Other {ID[::-1]}.md"


def test_the_parts_of_an_export_are_told_by_their_names():
    assert is_part(part(1))
    assert is_part("Export-01234567-89ab-cdef-0123-456789abcdef.zip")
    assert is_part(f"folder/0123abcd_{part(12)}")
    assert not is_part("Export.zip")
    assert not is_part("photos.zip")
    assert not is_part("Export-2024.md")


async def test_an_export_source_takes_notions_folder_and_zip(tmp_path):
    (tmp_path / "folder" / f"Work {ID}").mkdir(parents=True)
    (tmp_path / "folder" / PAGE).write_text(TEXT)
    for place in (tmp_path / "folder", packed(tmp_path / "Export.zip", {PAGE: TEXT})):
        seen = await listed(ExportFetcher(), export(place))
        assert (titles(seen), seen.complete) == (["Reading list"], True)
        assert seen.document.uri.startswith("export:blog/Work")
        assert seen.document.metadata["pages"] == "Work"


async def test_zips_in_a_zip_are_read_as_if_they_were_one(tmp_path, read):
    parts = {part(1): packed(None, {PAGE: TEXT}), part(2): packed(None, {OTHER: "# Other\n\nMore of it."})}
    first = await read(packed(tmp_path / "one.zip", parts))
    assert (titles(first), first.complete) == (["Other", "Reading list"], True)
    (tmp_path / "unpacked").mkdir()
    for name, data in parts.items():
        (tmp_path / "unpacked" / name).write_bytes(data)
    flat = packed(tmp_path / "flat.zip", {PAGE: TEXT, OTHER: "# Other\n\nMore of it."})
    for place in (tmp_path / "unpacked", flat):
        assert set((await read(place)).documents) == set(first.documents)


async def test_a_newer_download_of_the_same_pages_changes_nothing(tmp_path, read):
    memory, path = Remembering(), tmp_path / "Export.zip"
    await read(packed(path, {part(1): packed(None, {PAGE: TEXT, OTHER: "# Other\n\nMore."})}), memory)
    assert (await read(path, memory)).nothing
    newer = packed(path, {part(1, "ffff0123"): packed(None, {PAGE: TEXT, OTHER: "# Other\n\nNew."})})
    seen = await read(newer, memory)
    assert (titles(seen), len(seen.same), seen.complete) == (["Other"], 1, True)


async def test_only_one_level_is_opened_and_other_zips_are_not(tmp_path, read):
    deep = packed(None, {part(2): packed(None, {OTHER: "# Other\n\nMore."}), PAGE: TEXT})
    seen = await read(packed(tmp_path / "x.zip", {part(1): deep, "photos.zip": packed(None, {OTHER: "# O\n\nx"})}))
    assert titles(seen) == ["Reading list"]
    assert list(seen.skipped.values()) == ["binary by its name"] * 2


@pytest.mark.parametrize("damage", ["broken", "large", "many", "bomb"])
async def test_a_part_that_cannot_be_read_is_named_and_nothing_is_removed(tmp_path, read, damage, monkeypatch):
    inner = {part(2): packed(None, {OTHER: "# Other\n\nMore."})}
    if damage == "broken":
        inner[part(2)] = inner[part(2)][:-30]
    elif damage == "large":
        monkeypatch.setattr(archive, "LARGEST_PART", 100)
    elif damage == "many":
        monkeypatch.setattr(archive, "MOST_PARTS", 0)
    else:
        monkeypatch.setattr(archive, "RATIO_FROM", 1_000_000)
        inner[part(2)] = packed(None, {OTHER: "a" * 3_000_000})
    seen = await read(packed(tmp_path / "Export.zip", {PAGE: TEXT} | inner, zipfile.ZIP_STORED))
    assert titles(seen) == ["Reading list"]
    (reason,) = seen.failed.values()
    assert {"broken": "broken zip", "large": "more than", "many": "zips in a zip", "bomb": "bomb"}[damage] in reason
    assert not seen.complete


async def test_a_zip_that_unfolds_beyond_reason_or_never_ends_is_refused(tmp_path, read, monkeypatch):
    monkeypatch.setattr(archive, "RATIO_FROM", 1_000_000)
    seen = await read(packed(tmp_path / "bomb.zip", {PAGE: "a" * 3_000_000}))
    assert "decompression bomb" in seen.error
    monkeypatch.setattr(archive, "MOST_FILES", 1)
    seen = await read(packed(tmp_path / "many.zip", {PAGE: TEXT, OTHER: TEXT}))
    assert "more than 1 files" in seen.error


async def test_names_that_lead_out_of_a_part_lead_nowhere(tmp_path, read):
    inside = {PAGE: TEXT, "../out.md": "x", "/abs.md": "x", f"..\\Back {ID}.md": "x", f"Win\\Page {ID[::-1]}.md": "# W\n\nx y"}
    seen = await read(packed(tmp_path / "Export.zip", {part(1): packed(None, inside)}))
    assert titles(seen) == ["Page", "Reading list"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Export.zip"]
