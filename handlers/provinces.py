"""A message that says where a person is, and nothing else."""

from __future__ import annotations

import re

from desk.places import find_places
from knowledge.places import find_province
from knowledge.taxonomy import NATIONAL, load_taxonomy
from knowledge.text import fold

PLACE_READ = 60  # characters
_ABOUT_ONESELF = re.compile(
    r"^(?:(?:da|a|thi|la|nha|toi|tui|em|minh|anh|chi|co|chu|bac|ba con|gia dinh|dang|song|que|dan|nguoi|o|tai)"
    r"\b\s*)+|\s(?:a|nha|nhe|do|day|ne|oi)$"
)


def named_province(words: str, *, asked: bool) -> str | None:
    """The province a message names and nothing else: one whose plans we hold, or elsewhere; None for other messages.

    After the question for it (``asked``), a province among other words counts too.
    """
    if asked and (province := find_province(words)):
        return province
    place = _ABOUT_ONESELF.sub("", words).removeprefix("tinh ").removesuffix(" cu")
    if not 3 <= len(place) <= PLACE_READ:
        return None
    for known in load_taxonomy().provinces.values():
        if known.now and place in (fold(known.name), fold(known.now_name or "")):
            return known.id
    found = find_places(place, limit=1)
    if not found or not found[0].is_sure or found[0].rest or found[0].commune or found[0].former:
        return None  # «báo ai» is a question, although there is a commune of that name
    held = {known.now: known.id for known in load_taxonomy().provinces.values() if known.now}
    return held.get(found[0].province, NATIONAL)
