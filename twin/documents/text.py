"""Bytes of a file -> text, or the reason why they are none; and a text's title. Knows no file system."""

from __future__ import annotations

import codecs
import re
from pathlib import PurePosixPath

from twin.documents.charset import decode_page

_BINARY = (
    ".png .jpg .jpeg .gif .webp .ico .bmp .tiff .psd .mp3 .mp4 .mov .avi .webm .wav .ogg .flac .zip .gz .bz2 .xz .zst .tar .7z "
    ".rar .jar .war .class .pyc .pyo .so .dylib .dll .exe .o .a .lib .bin .dat .wasm .woff .woff2 .ttf .otf .eot .sqlite .db "
    ".npy .npz .pt .pth .onnx .safetensors .gguf .parquet .arrow .pickle .pkl .doc .docx .xls .xlsx .ppt .pptx .odt .dmg .iso "
    ".heic .avif .icns .whl .deb .rpm"
)
BINARY_SUFFIXES = frozenset(_BINARY.split())
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ATX = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_UNDERLINE = re.compile(r"^([=\-~^*#\"'`+.:_])\1{2,}[ \t]*$")
_POINTER = b"version https://git-lfs.github.com/spec/"
PROBE = 8192  # bytes that tell binary from text
LONGEST_TITLE = 300


class NotTextError(ValueError):
    """The bytes are no text; the message says why."""


def check_pointer(data: bytes) -> None:
    """Raises NotTextError for what Git LFS leaves in the place of a file that it keeps elsewhere."""
    if data.startswith(_POINTER) and b"\noid " in data[:PROBE]:
        raise NotTextError("a Git LFS pointer; the file itself is not here (`git lfs pull` fetches it into a folder)")


def decode(data: bytes, *, guess: bool = False) -> str:
    """UTF-8, or what its byte order mark says; with `guess`, the charset that fits best. Raises NotTextError.

    Line ends are line feeds afterwards.
    """
    text = _decode(data, guess=guess)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _decode(data: bytes, *, guess: bool) -> str:
    for mark, charset in _BOMS:
        if data.startswith(mark):
            try:
                return data.decode(charset)
            except UnicodeDecodeError as exc:
                raise NotTextError(f"begins with a {charset} byte order mark and is not {charset}") from exc
    if b"\0" in data:
        raise NotTextError("binary (it holds NUL bytes)")
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        if not guess or _looks_binary(data[:PROBE]):
            raise NotTextError(f"not UTF-8 at byte {exc.start}" + (", and it looks binary" if guess else "")) from exc
        return decode_page(data)


def _looks_binary(head: bytes) -> bool:
    """Control characters do not occur in text of any charset."""
    control = sum(byte < 9 or (13 < byte < 32 and byte != 27) for byte in head)  # noqa: PLR2004 - ASCII's own numbers
    return control * 100 > len(head)


def is_blank(text: str) -> bool:
    """No letter, digit or symbol: nothing to read."""
    return not any(character.isprintable() and not character.isspace() for character in text)


def first_heading(text: str) -> str:
    """The first heading of a Markdown or reStructuredText text outside fenced code, empty when there is none."""
    fence, before, previous = "", "", ""
    for line in text.split("\n", 400)[:400]:
        marker = _FENCE.match(line)
        if marker and not fence:
            fence = marker.group(1)[:3]
        elif marker and marker.group(1).startswith(fence):
            fence = ""
        elif not fence:
            atx = _ATX.match(line)
            if atx:
                return plain_title(atx.group(1))
            under = _UNDERLINE.match(line)
            if under and previous and _heads(line, previous, before):
                return plain_title(previous)
        before, previous = previous, "" if fence else line.strip()
    return ""


def _heads(line: str, previous: str, before: str) -> bool:
    """A line under text is a heading's: as long as the text, which stands alone or below the same line."""
    words = any(character.isalnum() for character in previous)
    alone = not before or before == line.strip()
    return words and alone and len(line.strip()) + 2 >= min(len(previous), 8)


def plain_title(text: str) -> str:
    """A heading's words: no emphasis, code marks, images or link targets, one line, bounded."""
    text = re.sub(r"!\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"<[^>]{1,200}>", "", text)
    text = re.sub(r"(\*\*|__|``?)(.+?)\1", r"\2", text)
    return " ".join(text.split())[:LONGEST_TITLE]


def title_of(text: str, path: str) -> str:
    """The first heading of a prose file, else its path."""
    suffix = PurePosixPath(path).suffix.lower()
    heading = first_heading(text) if suffix in (".md", ".markdown", ".mdx", ".rst", ".txt", "") else ""
    return heading or printable(path)


def printable(text: str) -> str:
    """`text` with undecodable bytes and control characters shown as U+FFFD, for titles, uris and messages."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text.encode("utf-8", "replace").decode())
