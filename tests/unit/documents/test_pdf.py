from io import BytesIO

import pypdf
import pytest
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from tests.unit.documents.reading import reason
from twin.documents.pdf import PdfError, read_pdf


def made(*pages, password="", **metadata):
    writer = pypdf.PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for text in pages:
        page = writer.add_blank_page(300, 300)
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})})
        stream = DecodedStreamObject()
        stream.set_data("BT /F1 12 Tf 20 200 Td ({}) Tj ET".format(text.replace("\n", ") Tj 0 -20 Td (")).encode())
        page[NameObject("/Contents")] = stream
    writer.add_metadata({f"/{key}": value for key, value in metadata.items()})
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def test_pages_become_text():
    pdf = read_pdf(made("first line\nsecond line", "next page", Title="A paper", CreationDate="D:20240305100000Z"))
    assert pdf.text == "first line\nsecond line\n\nnext page"
    assert pdf.title == "A paper"
    assert pdf.published.startswith("2024-03-05T10:00")


def test_a_page_without_text_is_empty():
    assert read_pdf(made("")).text == ""


def test_a_locked_pdf_is_named_as_such():
    with pytest.raises(PdfError, match="password"):
        read_pdf(made("secret", password="x"))


@pytest.mark.parametrize("cut", [0, 1, 9, 200, -30])
def test_a_broken_pdf_is_a_reason_or_what_is_left_of_it(cut):
    data = made("text")[:cut] if cut else b"not a PDF"
    with reason(PdfError) as given:
        read_pdf(data)
    assert all(words.startswith("broken PDF") for words in given)


def test_garbage_inside_a_pdf_is_a_reason_or_text():
    whole = made("text that is here")
    for at in range(20, len(whole), 37):
        with reason(PdfError) as given:
            read_pdf(whole[:at] + b"\xff<<>>" + whole[at + 6 :])
        assert all(given)
