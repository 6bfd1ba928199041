"""Provinces in a message: today's 34 and the old names whose plans the knowledge base holds."""

from __future__ import annotations

import re

from knowledge.taxonomy import load_taxonomy
from knowledge.text import fold


def _patterns() -> list[tuple[re.Pattern[str], str]]:
    taxonomy = load_taxonomy()
    found = []
    for province in taxonomy.provinces.values():
        if province.now is None:
            continue
        names = {fold(name) for name in (province.name, province.now_name) if name}
        found.append((re.compile(rf"\b(?:{'|'.join(sorted(names))})\b"), province.id))
    return found


_PATTERNS = _patterns()


def find_province(folded: str) -> str | None:
    """The taxonomy's id of the first province named in a text without diacritics; None when there is none."""
    first: tuple[int, str] | None = None
    for pattern, province in _PATTERNS:
        match = pattern.search(folded)
        if match and (first is None or match.start() < first[0]):
            first = (match.start(), province)
    return first[1] if first else None
