"""The bytes of a page and the charset that its header names -> text. Knows no network and no markup beyond `<meta>`.

Header, page and content often disagree. A byte order mark wins; then bytes that are UTF-8 are UTF-8 whatever single-byte
charset is declared, because text of another charset practically never is valid UTF-8; then header, page, and a guess.
"""

from __future__ import annotations

import codecs
import re

LOOKED_AT = 65536  # bytes that a guess looks at
DECLARED_WITHIN = 4096  # bytes in which a page must declare its charset
_META = re.compile(rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{1,40})[\"']")
_NO_CHARSET = {
    "utf-7",
    "idna",
    "punycode",
    "unicode_escape",
    "raw_unicode_escape",
    "undefined",
}  # codecs that Python calls text
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# what browsers understand by these names
_MEANT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-9": "cp1254",
    "utf-16": "utf-16-le",
}


def decode_page(body: bytes, declared: str = "") -> str:
    """`body` as text; characters that cannot be decoded are U+FFFD. Line ends become line feeds. Never raises."""
    return _decode(body, declared).replace("\r\n", "\n").replace("\r", "\n")


def _decode(body: bytes, declared: str) -> str:
    for mark, charset in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(charset, "replace")
    named = [codec for codec in (_codec(declared), _codec(_in_page(body))) if codec]
    wide = bool(named) and named[0].startswith(("utf-16", "utf-32"))
    for charset in (*named,) if wide else ("utf-8", *named):
        try:
            return body.decode(charset)
        except UnicodeDecodeError:
            continue
    return body.decode(named[0] if named and named[0] != "utf-8" else _guess(body), "replace")


def _in_page(body: bytes) -> str:
    found = _XML.search(body[:DECLARED_WITHIN]) or _META.search(body[:DECLARED_WITHIN])
    name = found.group(1).decode("ascii") if found else ""
    # a page that is read as ASCII up to here cannot be UTF-16
    return "utf-8" if name.lower().startswith("utf-16") else name


def _codec(name: str) -> str:
    """Python's name for a charset, as browsers understand it; empty when it is no charset of text."""
    if not name:
        return ""
    try:
        info = codecs.lookup(name.strip().strip("\"'"))
    except (LookupError, ValueError, UnicodeError):
        return ""
    if not info._is_text_encoding or info.name in _NO_CHARSET:  # noqa: SLF001 - codecs has no public word for it
        return ""
    return _MEANT.get(info.name, info.name)


def _guess(body: bytes) -> str:
    from charset_normalizer import from_bytes

    try:
        body[:LOOKED_AT].decode()
    except UnicodeDecodeError as exc:
        if exc.start > LOOKED_AT - 4:  # only the cut is at fault: the rest is UTF-8 with a broken place
            return "utf-8"
    matches = from_bytes(body[:LOOKED_AT])
    best = matches.best()
    if best is None:
        return "utf-8"
    alike = [match for match in matches if (match.chaos, match.coherence) == (best.chaos, best.coherence)]
    if any("cp1252" in (match.encoding, *match.could_be_from_charset) for match in alike):
        return "cp1252"  # what browsers fall back to, where nothing speaks for another
    return best.encoding
