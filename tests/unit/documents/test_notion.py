import zipfile

from tests.unit.documents.reading import files, listed
from twin.documents.files import FilesFetcher
from twin.documents.notion import is_notion, notion_place, notion_title

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
