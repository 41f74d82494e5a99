"""The bytes of a PDF -> its text page by page, title and date. Knows no file."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from io import BytesIO
from typing import Any

MOST_PAGES = 5000
MOST_CHARACTERS = 50_000_000


class PdfError(ValueError):
    """The PDF cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Pdf:
    """A PDF's text, pages parted by a blank line. `text` is empty for scanned pages; `published` is ISO 8601 or empty."""

    title: str
    text: str
    published: str = ""


def read_pdf(data: bytes) -> Pdf:
    """Read the text of a PDF. Raises PdfError for a broken or locked one."""
    import pypdf

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(BytesIO(data), strict=False)
        _unlock(reader)
        return Pdf(_title(reader), _text(reader), _published(reader))
    except PdfError:
        raise
    except Exception as exc:  # a broken file makes pypdf raise whatever its broken part leads to
        raise PdfError(f"broken PDF: {type(exc).__name__}: {str(exc)[:200]}") from exc


def _unlock(reader: Any) -> None:
    if reader.is_encrypted and not reader.decrypt(""):
        raise PdfError("PDF needs a password")


def _text(reader: Any) -> str:
    pages: list[str] = []
    characters = 0
    for number, page in enumerate(reader.pages):
        if number >= MOST_PAGES or characters > MOST_CHARACTERS:
            raise PdfError(f"PDF of more than {MOST_PAGES:,} pages or {MOST_CHARACTERS:,} characters")
        pages.append(page.extract_text().strip())
        characters += len(pages[-1])
    return "\n\n".join(page for page in pages if page)


def _title(reader: Any) -> str:
    title = reader.metadata.title if reader.metadata else ""
    return " ".join(str(title or "").split())


def _published(reader: Any) -> str:
    try:
        made = reader.metadata.creation_date if reader.metadata else None
    except (ValueError, TypeError):
        return ""
    return made.isoformat() if made else ""
