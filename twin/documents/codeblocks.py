"""An HTML tree -> the same tree with its code blocks replaced by tokens, and Markdown with tokens -> with fenced blocks.

Extractors reflow code, drop its blank lines and forget its language; a token of letters passes through them unharmed. Also
protects what would become markup again: `<` and `&name;` that the page shows as text. Knows nothing of main content.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

MOST_LOST = 300  # blocks looked for when their token was lost; a page that loses more is not about code
NUMBERS = "linenos|lineno|linenumbers|line-numbers-rows|gutter|rouge-gutter|hljs-ln-numbers|blob-num"
_NUMBER_CLASS = re.compile(rf"(?:^|\s)(?:{NUMBERS})(?:\s|$)")
_LANGUAGE = re.compile(
    r"(?:^|[\s;])(?:language|lang|highlight-source|highlight-text|highlight|brush|hljs-lang)[-:]\s*([A-Za-z0-9+#._-]{1,30})"
)
_SOURCE_CODE = re.compile(r"(?:^|\s)(?:sourceCode|hljs|crayon-\w+)\s+([A-Za-z0-9+#]{1,20})(?:\s|$)")
_NOT_A_LANGUAGE = {"", "default", "none", "plaintext", "text", "plain", "nohighlight", "highlight", "notranslate"}
_MARKUP = re.compile(r"<(?=[A-Za-z/!?])")
_SPAN = re.compile(r"(?<![\\`])(`+)(?!`).{1,2000}?(?<!`)\1(?!`)")
_SPAN_IN_CELL = re.compile(r"(?<![\\`])(`+)(?!`)(?:\\\||[^|]){1,2000}?(?<!`)\1(?!`)")
_ENTITY = re.compile(r"&(?=#?\w{1,32};)")


@dataclass(frozen=True, slots=True)
class Block:
    """One code block; `before` is the text that stood in front of it, to find its place when its token was lost."""

    code: str
    language: str = ""
    before: str = ""

    def fenced(self, indent: str = "") -> str:
        """As Markdown, with a fence longer than any run of backticks inside."""
        longest = max((len(run) for run in re.findall(r"`+", self.code)), default=0)
        fence = "`" * max(3, longest + 1)
        lines = [f"{fence}{self.language}", *self.code.split("\n"), fence]
        return "\n".join(indent + line if line else line for line in lines)


@dataclass(slots=True)
class Protected:
    """What was taken out of a tree: blocks by token. `nonce` keeps a page from naming a token itself."""

    nonce: str
    blocks: dict[str, Block] = field(default_factory=dict)

    @property
    def markup(self) -> str:
        return f"Zq{self.nonce}ltqZ"

    @property
    def entity(self) -> str:
        return f"Zq{self.nonce}ampqZ"

    def add(self, block: Block) -> str:
        token = f"Zq{self.nonce}n{len(self.blocks)}qZ"
        self.blocks[token] = block
        return token


def protect(tree: Any, nonce: str) -> Protected:
    """Replace code blocks in `tree` (an lxml element, changed in place) by paragraphs that hold a token."""
    kept = Protected(nonce)
    for table in list(tree.iter("table")):
        _unwrap_numbered(table)
    for figure in tree.iter("figure"):  # taken for images otherwise, and dropped
        if next(figure.iter("pre"), None) is not None:
            figure.tag = "div"
    for code in list(tree.iter("code", "samp", "kbd")):
        if _inside(code, "pre") is None:
            _mend_inline(code)
    for pre in list(tree.iter("pre", "textarea", "listing", "xmp")):
        if pre.getparent() is not None and _inside(pre, "pre") is None:
            _replace(pre, kept)
    _protect_text(tree, kept)
    return kept


def _inside(element: Any, tag: str) -> Any:
    return next(element.iterancestors(tag), None)


def _classes(element: Any) -> str:
    return str(element.get("class") or "")


def _unwrap_numbered(table: Any) -> None:
    """A table that only lays out line numbers beside code becomes the code."""
    pres = [pre for pre in table.iter("pre") if not _is_number(pre)]
    numbers = [cell for cell in table.iter("td") if _is_number(cell)]
    if len(pres) == 1 and numbers and not list(table.iter("th")):
        pre = pres[0]
        pre.set("class", f"{_classes(pre)} {_classes(table)}")
        pre.tail = table.tail
        table.getparent().replace(table, pre)


def _is_number(element: Any) -> bool:
    near = (element, element.getparent())
    return any(each is not None and _NUMBER_CLASS.search(_classes(each)) for each in near)


def _mend_inline(code: Any) -> None:
    """Inline code wrapped in the page's source is one line; with `<br>` inside it is a block in disguise."""
    if next(code.iter("br"), None) is not None:
        code.tag = "pre"
        return
    for element in code.iter():
        if element.text:
            element.text = re.sub(r"\s*\n\s*", " ", element.text)
        if element is not code and element.tail:
            element.tail = re.sub(r"\s*\n\s*", " ", element.tail)


def _replace(pre: Any, kept: Protected) -> None:
    for around in pre.iterancestors("code", "samp", "kbd"):
        around.tag = "span"  # a block inside inline code, as broken pages have it, would open a span it does not close
    code = code_text(pre)
    parent, tail = pre.getparent(), pre.tail
    token = kept.add(Block(code, _language(pre), _text_before(pre))) if code.strip() else ""
    paragraph = parent.makeelement("p")
    paragraph.text = token
    if parent.tag in ("p", "span", "b", "strong", "em", "i", "a", "code"):
        paragraph.tag, paragraph.text = "span", f" {token} "
    paragraph.tail = tail
    parent.replace(pre, paragraph)


def code_text(pre: Any) -> str:
    """The lines of a code block as a reader sees them, without line numbers and buttons."""
    parts: list[str] = []
    _walk(pre, parts)
    text = "".join(parts).replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    return text.removeprefix("\n").rstrip("\n \t")


def _walk(root: Any, parts: list[str]) -> None:
    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack:
        element, closing = stack.pop()
        if closing:
            if element.tag in ("div", "li", "p", "tr") and parts and not parts[-1].endswith("\n"):
                parts.append("\n")
            parts.append(element.tail or "")
            continue
        if not isinstance(element.tag, str) or _hidden(element, root):
            parts.append(element.tail or "" if element is not root else "")
            continue
        parts.append("\n" if element.tag == "br" else element.text or "")
        if element is not root:
            stack.append((element, True))
        stack.extend((child, False) for child in reversed(element))


def _hidden(element: Any, root: Any) -> bool:
    if element is root:
        return False
    return element.tag in ("button", "script", "style", "svg") or bool(_NUMBER_CLASS.search(_classes(element)))


def _language(pre: Any) -> str:
    """The language that the block, its code or what wraps it says it is."""
    codes = [pre, *list(pre.iter("code"))[:1], *list(pre.iterancestors())[:3]]
    for element in codes:
        named = str(element.get("data-lang") or element.get("data-language") or element.get("lang-name") or "")
        classes = _classes(element)
        for match in (named, *_LANGUAGE.findall(classes), *_SOURCE_CODE.findall(classes)):
            language = re.sub(r"[^a-z0-9+#._-]", "", match.lower())
            if language not in _NOT_A_LANGUAGE:
                return language
    return ""


def _text_before(pre: Any) -> str:
    """The end of the text in front of the block, letters and digits only."""
    element = pre
    for _ in range(3):
        previous = element.getprevious()
        while previous is not None:
            text = letters("".join(previous.itertext()) if isinstance(previous.tag, str) else "")
            if text:
                return text[-40:]
            previous = previous.getprevious()
        element = element.getparent()
        if element is None or element.tag in ("body", "html"):
            break
    return ""


def letters(text: str) -> str:
    """`text` without anything but letters and digits, to compare across serialisations."""
    return re.sub(r"[\W_]+", "", text)


def _protect_text(tree: Any, kept: Protected) -> None:
    for element in tree.iter():
        if isinstance(element.tag, str):
            element.text = _shield(element.text, kept)
            element.tail = _shield(element.tail, kept)


def _shield(text: str | None, kept: Protected) -> str | None:
    return _MARKUP.sub(kept.markup, _ENTITY.sub(kept.entity, text)) if text else text


def restore(markdown: str, kept: Protected) -> str:
    """Put the blocks back, at their token or, when the extractor lost it, behind the text that stood before them."""
    lines = markdown.split("\n")
    there = set(re.findall(rf"Zq{kept.nonce}n\d+qZ", markdown))
    lost = [(token, block.before) for token, block in kept.blocks.items() if token not in there and block.before]
    for token, before in lost[:MOST_LOST]:
        _reinsert(lines, token, before)
    shown = [_show(line, kept) if f"Zq{kept.nonce}" in line else line for line in lines]
    restored = [_restore_line(line, kept) if f"Zq{kept.nonce}n" in line else line for line in shown]
    return "\n".join(restored)


def _show(line: str, kept: Protected) -> str:
    """`<` again where it is shown as text: as it is in a code span, behind a backslash elsewhere."""
    span = _SPAN_IN_CELL if line.lstrip().startswith("|") else _SPAN
    line = span.sub(lambda match: match.group(0).replace(kept.markup, "<"), line)
    return line.replace(kept.markup, "\\<").replace(kept.entity, "&")


def _reinsert(lines: list[str], token: str, before: str) -> None:
    """Insert `token` behind the line where `before` ends, wherever its beginning is."""
    read = ""
    for number, line in enumerate(lines):
        here = letters(line)
        read = (read + here)[-len(here) - len(before) :]
        if here and before in read:
            lines[number + 1 : number + 1] = ["", token, ""]
            return


def _restore_line(line: str, kept: Protected) -> str:
    pattern = re.compile(rf"`*(Zq{kept.nonce}n\d+qZ)`*")
    if line.lstrip().startswith("|"):
        return _restore_row(line, pattern, kept)
    marker = re.match(r"(\s*)((?:[-*+]|\d+[.)])\s+)?", line)
    indent = " " * len(marker.group(0)) if marker else ""
    out: list[str] = []
    for index, part in enumerate(pattern.split(line)):
        if index % 2:
            out.append(kept.blocks[part].fenced(indent).lstrip(" ") if not "".join(out).strip(" ") else "")
            if not out[-1]:
                out[-1] = f"\n\n{kept.blocks[part].fenced(indent)}"
        elif part.strip():
            out.append(part.rstrip() if index == 0 else f"\n\n{indent}{part.strip()}")
        elif index == 0:
            out.append(part)
    return "".join(out)


def _span(code: str) -> str:
    """Inline code, between more backticks than it holds in a row."""
    ticks = "`" * (1 + max((len(run) for run in re.findall(r"`+", code)), default=0))
    return f"{ticks} {code} {ticks}" if len(ticks) > 1 else f"`{code}`"


def _restore_row(line: str, pattern: re.Pattern[str], kept: Protected) -> str:
    """A cell holds one line: its first line of code stands there, the whole block below the row's table."""
    below: list[str] = []

    def cell(match: re.Match[str]) -> str:
        block = kept.blocks[match.group(1)]
        first, _, rest = block.code.partition("\n")
        if rest:
            below.append(block.fenced())
        return _span(first.strip()).replace("|", "\\|")

    row = pattern.sub(cell, line)
    return "\n\n".join([row, *below, ""]) if below else row
