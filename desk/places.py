"""Places however typed: today's provinces and communes, by today's names and by all that were used before 1/7/2025.

Without diacritics, abbreviated, misspelt, inside an address. Nothing is guessed silently: what may mean several places
comes back as several, none of them sure; what is not known stays in ``rest`` as it was typed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from desk.place_finding import Area, Candidate, Finding
from desk.place_reading import read_words
from desk.place_table import Province, Unit, load_provinces, load_table, split_title
from desk.text import fold

__all__ = [
    "Area", "PlaceMatch", "Province", "communes_of", "find_places", "place_names", "place_of", "province_name",
    "provinces", "show_place", "today_of",
]  # fmt: skip

CHOICES = 4
TOLERANCE = 9  # less than what one more word explained counts for


@dataclass(frozen=True)
class PlaceMatch:
    """A place a text may mean.

    ``commune`` is the code of today's commune, None when the text names none that is known. ``old`` is the former
    province and ``former`` the code of the former commune or district, where the text names one. ``rest`` is what else
    was typed: house, street, hamlet. ``is_sure`` means that nothing else comes close; otherwise let the person choose.
    """

    province: str
    old: str | None
    commune: str | None
    former: str | None
    rest: str
    score: float
    is_sure: bool

    @property
    def name(self) -> str:
        """Today's province."""
        return load_provinces()[0][self.province].name

    @property
    def old_name(self) -> str | None:
        """The former province, where it has another name today."""
        return dict(load_provinces()[0][self.province].was).get(self.old or "")

    @property
    def is_district(self) -> bool:
        """Whether it is a former district of which no commune is known."""
        return self.commune is None and self.former is not None

    @property
    def former_name(self) -> str | None:
        """The former commune or district as it was called: ``Xã Tân Trạch, huyện Cần Đước``."""
        unit = load_table().former.get(self.former or "")
        return _former_name(unit) if unit else None

    @property
    def label(self) -> str:
        """For a person to choose by: the place of today, and what it was."""
        return show_place(self.province, self.old, self.commune, self.former)


def provinces() -> Sequence[Province]:
    """Today's provinces, in the order of their names."""
    return sorted(load_provinces()[0].values(), key=lambda province: fold(province.name))


def province_name(province: str | None, old: str | None = None) -> str:
    """How a kept place is shown: ``Vĩnh Long (Bến Tre cũ)``; empty when it is not known."""
    found = load_provinces()[0].get(province or "")
    if found is None:
        return ""
    former = dict(found.was).get(old or "")
    return f"{found.name} ({former} cũ)" if former else found.name


@cache
def _today() -> Mapping[str, Area]:
    """Every province's id, former ones too, as an area."""
    return {
        id_: Area(row.id, None if id_ == row.id else id_)
        for row in load_provinces()[0].values() for id_ in (row.id, *(old for old, _ in row.was))
    }  # fmt: skip


def today_of(province: str | None) -> str | None:
    """The id of today's province for an id of today or before; None for anything else."""
    area = _today().get(province or "")
    return area.province if area else None


def communes_of(district: str | None) -> Sequence[PlaceMatch]:
    """Today's communes that a former district went to, by its code; empty when it is not known."""
    unit = load_table().former.get(district or "")
    if unit is None or not unit.is_district:
        return []
    found = [PlaceMatch(unit.province, unit.old, code, unit.code, "", 100.0, is_sure=False) for code in unit.today]
    return sorted(found, key=lambda match: fold(load_table().today[match.commune or ""].name))


def place_of(code: str, former: str | None = None) -> PlaceMatch | None:
    """The place of a code that was chosen: a commune of today, with the former unit it was named by, or a district.

    None when there is no such unit, or the former one did not go to that commune.
    """
    table = load_table()
    unit, old = table.find(code), table.former.get(former or "")
    if unit is None or (former and old is None):
        return None
    if unit.former is None:
        if old is not None and unit.code not in old.today:
            return None
        return PlaceMatch(
            unit.province, old.old if old else None, unit.code, old.code if old else None, "", 100.0, is_sure=True
        )
    if not unit.is_district or old is not None:
        return None
    return PlaceMatch(unit.province, unit.old, None, unit.code, "", 100.0, is_sure=True)


def show_place(
    province: str | None, old: str | None = None, commune: str | None = None, former: str | None = None,
    rest: str | None = None, *, in_sentence: bool = False,
) -> str:  # fmt: skip
    """A kept place: ``Ấp 3, xã Mỹ Lệ, Tây Ninh (Long An cũ), trước là xã Tân Trạch, huyện Cần Đước``.

    ``in_sentence``: other words stand before it, so that it does not begin with a capital title.
    """
    table = load_table() if commune or former else None
    today = table.today.get(commune or "") if table else None
    unit = table.former.get(former or "") if table else None
    named = today.name if today else f"{unit.name} cũ" if unit else None
    if named and (rest or in_sentence):
        named = _small_title(named)
    parts = [rest, named, province_name(province, old)]
    if unit is not None and today is not None:
        parts.append(f"trước là {_small_title(_former_name(unit))}")
    return ", ".join(part for part in parts if part)


def place_names(commune: str | None, former: str | None) -> Sequence[str]:
    """The names, without titles, that a kept place may be looked for by: of today, of then, of its district then."""
    table = load_table() if commune or former else None
    if table is None:
        return []
    unit = table.former.get(former or "")
    units = (table.today.get(commune or ""), unit, table.former.get(unit.district or "") if unit else None)
    return [split_title(found.name)[1] for found in units if found is not None]


def _former_name(unit: Unit) -> str:
    district = load_table().former.get(unit.district or "")
    return f"{unit.name}, {_small_title(district.name)}" if district else unit.name


# Nghị định 30/2020/NĐ-CP, Phụ lục II, mục III: «xã Tân Trạch», but «Phường 3» and «Quận 1» with a number.
_TITLE = re.compile(r"(?:Phường|Xã|Thị [Tt]rấn|Đặc khu|Huyện|Quận|Thị [Xx]ã|Thành [Pp]hố)\b(?!\s+\d)")


def _small_title(name: str) -> str:
    """A unit's name as it is written after other words."""
    return _TITLE.sub(lambda title: title.group().lower(), name, count=1) if _TITLE.match(name) else name


# -- finding --------------------------------------------------------------------------------------------------------


def find_places(
    text: str, province: str | None = None, *, within: Area | None = None, limit: int = CHOICES
) -> Sequence[PlaceMatch]:
    """The places a text may mean, best first; empty when none comes near.

    ``province`` (an id of today or before) is where the person probably is: it only ranks. ``within`` is what they
    said before: the text is read as lying there, unless it names another province itself.
    The last province of an address counts: ``Phường Long An, Tây Ninh`` is in Tây Ninh.
    """
    words = read_words(text)
    if not words:
        return []
    found = Finding(words, load_table(), within).candidates()
    near = today_of(province)
    best = max((candidate.score for candidate in found), default=0)
    kept: dict[tuple[str | None, ...], Candidate] = {}
    for candidate in sorted(found, key=lambda one: (-one.score, one.commune or "", one.former or "")):
        if candidate.score > best - TOLERANCE:
            kept.setdefault(candidate.outcome, candidate)
    ranked = sorted(kept.values(), key=lambda one: one.province != near)
    if within is not None:
        ranked.sort(key=lambda one: one.province != within.province)
    is_sure = len(ranked) == 1 and ranked[0].is_certain
    return [
        PlaceMatch(one.province, one.old, one.commune, one.former, words.rest(one.explained), one.score, is_sure)
        for one in ranked[:limit]
    ]
