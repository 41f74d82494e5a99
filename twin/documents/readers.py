"""The bytes of one file and its path -> the piece of writing in it, or why there is none. Pure: bytes in, text out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from twin.documents import frontmatter, notion
from twin.documents.charset import decode_page
from twin.documents.extract import extract_html
from twin.documents.notebook import NotebookError, notebook_text
from twin.documents.pdf import PdfError, read_pdf
from twin.documents.text import NotTextError, check_pointer, decode, is_blank, title_of


class NoDocumentError(ValueError):
    """By rule this is no document: empty, binary. The message says which."""


class UnreadableError(ValueError):
    """It should be one and is broken. The message says how."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One file's writing as Markdown or plain text; what it does not say of itself is empty."""

    title: str
    text: str
    author: str = ""
    published: str = ""
    language: str = ""
    link: str = ""
    tags: tuple[str, ...] = ()


def read_piece(path: str, data: bytes) -> Piece:
    """Read a file by its suffix. Raises NoDocumentError and UnreadableError."""
    suffix = PurePosixPath(path).suffix.lower()
    if not data.strip():
        raise NoDocumentError("empty")
    try:
        check_pointer(data)
        piece = _READERS.get(suffix, _plain)(path, data)
    except NotTextError as exc:
        raise NoDocumentError(str(exc)) from exc
    except (NotebookError, PdfError) as exc:
        raise UnreadableError(str(exc)) from exc
    if is_blank(piece.text):
        raise NoDocumentError("it holds no text (scanned pages?)" if suffix == ".pdf" else "empty")
    return piece


def _plain(path: str, data: bytes) -> Piece:
    text = decode(data, guess=True)
    return Piece(title_of(text, path), text)


def _markdown(path: str, data: bytes) -> Piece:
    front, text = frontmatter.split(decode(data, guess=True))
    title = front.title or (notion.notion_title(path) if notion.is_notion(path) else title_of(text, path))
    return Piece(title, text, front.author, front.published, front.language, front.link, front.tags)


def _html(path: str, data: bytes) -> Piece:
    if b"\0" in data[:1024] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise NotTextError("binary (it holds NUL bytes)")
    page = extract_html(decode_page(data))
    return Piece(page.title or path, page.text, page.author, page.published, page.language)


def _notebook(path: str, data: bytes) -> Piece:
    notebook = notebook_text(decode(data))
    return Piece(notebook.title or title_of(notebook.text, PurePosixPath(path).with_suffix(".md").as_posix()), notebook.text)


def _pdf(path: str, data: bytes) -> Piece:
    pdf = read_pdf(data)
    return Piece(pdf.title or PurePosixPath(path).stem, pdf.text, published=pdf.published)


def _table(path: str, data: bytes) -> Piece:
    if not notion.is_notion(path):
        raise NotTextError("a table; only a Notion database is read as text")
    if notion.repeats(path):
        raise NotTextError("the same table as the one named `_all`")
    try:
        return Piece(notion.notion_title(path), notion.table_text(decode(data, guess=True)))
    except ValueError as exc:
        raise UnreadableError(str(exc)) from exc


_READERS: dict[str, Callable[[str, bytes], Piece]] = {
    **dict.fromkeys((".md", ".markdown", ".mdx"), _markdown),
    **dict.fromkeys((".html", ".htm", ".xhtml"), _html),
    ".ipynb": _notebook,
    ".pdf": _pdf,
    ".csv": _table,
}
