import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.documents.reading import Remembering, export, listed, reason
from twin.documents.export import ExportFetcher
from twin.documents.linkedin import BrokenSharesError, shares
from twin.records import Kind

HEAD = "Date,ShareLink,ShareCommentary,SharedUrl,MediaUrl,Visibility\n"
ROWS = (
    '2024-03-05 10:00:00,https://www.linkedin.com/feed/update/1,"First ""quoted"" line""\n""""\n""second line",https://example.org/a,,MEMBER_NETWORK\n'
    '2024-03-04 09:00:00,https://www.linkedin.com/feed/update/2,"Plain, with comma\nand a break",,,PUBLIC\n'
    "2024-03-03 09:00:00,https://www.linkedin.com/feed/update/3,,https://example.org/only-shared,,PUBLIC\n"
    "2024-03-02 09:00:00,,No address,,,PUBLIC\n"
)


async def taken(tmp_path, data, memory=None):
    path = tmp_path / "Shares.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return await listed(ExportFetcher(), export(path), memory)


async def test_shares_become_posts(tmp_path):
    seen = await taken(tmp_path, HEAD + ROWS)
    documents = list(seen.documents.values())
    assert [document.kind for document in documents] == [Kind.POST] * 3
    assert documents[1].text == "Plain, with comma\nand a break"
    assert documents[1].published == "2024-03-04T09:00:00Z"
    assert documents[1].title == "Plain, with comma"
    assert documents[2].uri.startswith("export:blog/")
    assert seen.skipped == {"https://www.linkedin.com/feed/update/3": "empty"}
    assert seen.complete


async def test_breaks_in_linkedins_own_quoting_are_line_breaks(tmp_path):
    rows = '2024-03-05 10:00:00,https://l.example/1,"one ""said"" so""\n""""\n""two",https://example.org/a,,PUBLIC\n'
    document = (await taken(tmp_path, HEAD + rows)).document
    assert document.text == 'one "said" so\n\ntwo\n\nhttps://example.org/a'


@pytest.mark.parametrize("charset", ["utf-8-sig", "utf-16"])
async def test_byte_order_marks_and_notes_before_the_head_are_passed_over(tmp_path, charset):
    seen = await taken(tmp_path, ("Notes:\nWhat this file is.\n\n" + HEAD + ROWS).encode(charset))
    assert len(seen.found) == 3


async def test_unchanged_shares_are_the_same(tmp_path):
    memory = Remembering()
    await taken(tmp_path, HEAD + ROWS, memory)
    seen = await taken(tmp_path, HEAD + ROWS + "2024-03-06 09:00:00,https://l.example/9,new,,,PUBLIC\n", memory)
    assert seen.document.text == "new"
    assert len(seen.same) == 3


async def test_a_share_listed_twice_is_a_duplicate(tmp_path):
    row = "2024-03-06 09:00:00,https://l.example/9,new,,,PUBLIC\n"
    assert "duplicate of record 1" in next(iter((await taken(tmp_path, HEAD + row + row)).failed.values()))


async def test_a_file_that_breaks_off_in_another_charset_buries_nothing(tmp_path):
    seen = await taken(tmp_path, (HEAD + ROWS).encode() + b"x" * 70_000 + b"\n\xff\xfe,,,,\n")
    assert "not utf-8" in seen.error
    assert not seen.complete


@given(st.text())
def test_any_lines_are_rows_or_a_reason(text):
    with reason(BrokenSharesError) as given:
        for share in shares((HEAD + text).splitlines(keepends=True)):
            assert share.number
    assert all("line" in words for words in given)
