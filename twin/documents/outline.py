"""An HTML tree of any size and depth -> rough Markdown in one pass: headings, list items, rows, paragraphs, all text.

For pages that are too large for a faithful conversion; knows nothing of main content.
"""

from __future__ import annotations

import re
from typing import Any

_STARTS = {**{f"h{level}": "\n\n" + "#" * level + " " for level in range(1, 7)}, "li": "\n- ", "tr": "\n", "br": "\n"}
_BLOCKS = "p div section article blockquote ul ol table dl dt dd figure pre main header footer body form h1 h2 h3 h4 h5 h6"
_PARAGRAPHS = frozenset(_BLOCKS.split())
_CELLS = frozenset(("td", "th"))


def outline(tree: Any) -> str:
    """All text below `tree`; time and memory grow with its size alone."""
    parts: list[str] = []
    stack: list[tuple[Any, bool]] = [(tree, False)]
    while stack:
        element, left = stack.pop()
        tag = element.tag if isinstance(element.tag, str) else ""
        if left:
            parts.append(" | " if tag in _CELLS else "\n\n" if tag in _PARAGRAPHS else "")
            parts.append(_flat(element.tail) if element is not tree else "")
            continue
        parts.append(_STARTS.get(tag, "\n\n" if tag in _PARAGRAPHS else ""))
        parts.append(_flat(element.text) if tag else "")
        stack.append((element, True))
        stack.extend((child, False) for child in reversed(element))
    return re.sub(r"[ \t]*\n[ \t]*\n\s*", "\n\n", "".join(parts)).strip()


def _flat(text: str | None) -> str:
    return re.sub(r"\s+", " ", text) if text else ""
