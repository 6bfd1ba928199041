"""Plain text for messengers with a limit: normalised, without control characters, split where a reader would."""

from __future__ import annotations

import re
import unicodedata

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_BREAKS = ("\n\n", "\n", ". ", "! ", "? ", "… ", "; ", ", ", " ")
SMALLEST_PART = 0.4  # a break before that much of the limit is used would leave a stub


def plain(text: str) -> str:
    """``text`` in NFC without control characters, except line ends."""
    return _CONTROL.sub("", unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\t", " ")))


def split_text(text: str, limit: int) -> list[str]:
    """``text`` in parts of at most ``limit`` code points: at a paragraph, a line, a sentence, a word, in that order.

    Nothing but the white space at the seams is lost.
    """
    parts: list[str] = []
    rest = text.strip()
    while len(rest) > limit:
        cut = _cut(rest, limit)
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    if rest:
        parts.append(rest)
    return parts


def _cut(text: str, limit: int) -> int:
    window = text[: limit + 1]
    for mark in _BREAKS:
        found = window.rfind(mark)
        cut = found + len(mark.rstrip())
        if found >= limit * SMALLEST_PART and cut <= limit:
            return cut
    return limit
