"""Text -> about how many tokens it is, without a tokenizer: UTF-8 bytes by 3.5, rather too many than too few for English.

Knows no model; where its tokenizer is at hand, that is passed in instead.
"""

from __future__ import annotations


def estimate(text: str) -> int:
    """Tokens of `text`, at least 1 when it is not empty."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return -(-size * 2 // 7)
