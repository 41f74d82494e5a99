"""A draft out of an export -> its document: HTML becomes Markdown, a post gets a title. Pure."""

from __future__ import annotations

import re
from urllib.parse import quote

from twin.documents.extract import extract_html
from twin.documents.linkedin import Share
from twin.documents.shapes import Draft
from twin.documents.sources import ExportSource
from twin.documents.stamps import digest
from twin.documents.text import first_heading, plain_title, printable
from twin.records import Document, Kind

TITLE = 80  # characters of a post's first line that become its title
LOOKED_AT = 20_000  # characters that tell HTML from Markdown
_CODE = re.compile(r"(?s)```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`")
_TAG = re.compile(
    r"<(?:p|div|h[1-6]|ul|ol|li|pre|br|a|img|table|blockquote|span|strong|em|b|i|figure|section|article|body|html|hr)"
    r"(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_MARKDOWN = re.compile(r"(?m)^(?:#{1,6} \S|```|~~~)")


def is_html(text: str) -> bool:
    """Whether a text is HTML rather than Markdown that mentions a tag."""
    head = text[:LOOKED_AT]
    if re.match(r"\s*<(?:!doctype html|html|body)\b", head, re.IGNORECASE):
        return True
    prose = _CODE.sub("", head)
    tags = len(_TAG.findall(prose))
    if _TAG.match(prose.lstrip()) and not _MARKDOWN.search(head):
        return True
    return tags > 1 and not _MARKDOWN.search(head)


def document_of(draft: Draft, source: ExportSource) -> Document:
    """The document of one draft."""
    body, title, language = draft.body.replace("\r\n", "\n"), draft.title.strip(), draft.language
    if not draft.path and is_html(body):
        page = extract_html(body, draft.link, whole=True)
        body, language = page.text, language or page.language
    subtitle = draft.subtitle.strip()
    if subtitle and subtitle not in body[: len(subtitle) + 500]:
        body = f"{subtitle}\n\n{body}"
    kind = draft.kind or source.documents
    metadata = {"platform": printable(draft.platform)} if draft.platform else {}
    if draft.path:
        metadata["path"] = printable(draft.path)
    return Document(
        uri=draft.uri,
        source=source.name,
        kind=kind,
        title=_well_formed(plain_title(title) or _title(body, kind)),
        text=_well_formed(body),
        author=draft.author,
        link=draft.link,
        language=language or source.language,
        published=draft.published,
        metadata=metadata,
    )


def _title(body: str, kind: Kind) -> str:
    """What a text without a title is called: its first heading, or the beginning of its first line."""
    heading = first_heading(body) if kind is not Kind.POST else ""
    line = heading or next((line.strip() for line in body.split("\n") if line.strip()), "")
    return line if len(line) <= TITLE else line[:TITLE].rsplit(" ", 1)[0] + "…"


def _well_formed(text: str) -> str:
    """JSON may hold halves of characters, which no store takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def share_draft(share: Share, source: ExportSource) -> Draft:
    """A LinkedIn post. Without an address of its own it is known by what it says and when."""
    web = re.match(r"https?://\S+$", share.link)
    own = digest(share.date, share.text)[:24]
    uri = share.link if web else f"export:{quote(source.name)}/{own}"
    body = share.text
    if body and share.shared and share.shared not in body:
        body = f"{body}\n\n{share.shared}"
    return Draft(
        uri, Kind.POST, "", body, source.author, share.link if web else "", published=share.date, platform="linkedin"
    )  # fmt: skip
