"""The table of places, read once when first needed: today's provinces and communes, and every former unit.

``places.json.gz`` is made by ``desk.build_places``; codes are those of the statistics office.
"""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from desk.text import fold

WORD = re.compile(r"[^\W_]+")
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10, "xi": 11}


class Kind(Enum):
    """What a unit calls itself: the title in front of its name, without diacritics."""

    PHUONG = "phuong"
    XA = "xa"
    THI_TRAN = "thi tran"
    DAC_KHU = "dac khu"
    HUYEN = "huyen"
    QUAN = "quan"
    THI_XA = "thi xa"
    THANH_PHO = "thanh pho"
    TINH = "tinh"


COMMUNE_KINDS = frozenset({Kind.PHUONG, Kind.XA, Kind.THI_TRAN, Kind.DAC_KHU})
_BY_TITLE = {kind.value: kind for kind in Kind}


@dataclass(frozen=True)
class Province:
    """A province of today with the former ones it holds (id, name), its own former self left out."""

    id: str
    name: str
    was: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ProvinceName:
    """What a name of a province stands for; ``old`` is set for a former province that has another name today."""

    province: str
    old: str | None
    label: str


class Unit(NamedTuple):
    """A commune of today, a former commune or a former district.

    ``province`` is today's, ``former`` the id of the former province (None: a unit of today), ``district`` the code of
    the former district that a former commune was in. ``today`` are the codes of today's communes that hold it; for a
    unit of today itself.
    """

    code: str
    name: str
    kind: Kind
    province: str
    former: str | None
    district: str | None
    today: tuple[str, ...]

    @property
    def is_district(self) -> bool:
        """Whether it is a former district."""
        return self.former is not None and self.district is None

    @property
    def old(self) -> str | None:
        """The former province where that has another name today."""
        return self.former if self.former != self.province else None


@dataclass(frozen=True)
class Origin:
    """The former provinces and districts that a commune of today was made of."""

    provinces: frozenset[str]
    districts: frozenset[str]


class PlaceTable:
    """Every unit by its code and by its name written together without diacritics."""

    def __init__(self, provinces: Mapping[str, Province], names: Mapping[tuple[str, ...], ProvinceName]) -> None:
        self.provinces = provinces
        self.province_names = names
        self.today: dict[str, Unit] = {}
        self.former: dict[str, Unit] = {}
        self.named: dict[str, list[Unit]] = {}
        self.origins: dict[str, Origin] = {}

    @cached_property
    def keys_by_province(self) -> Mapping[str, Sequence[str]]:
        """The names in each of today's provinces, numbers left out."""
        keys: dict[str, list[str]] = {province: [] for province in self.provinces}
        for key, units in self.named.items():
            for province in {unit.province for unit in units} if not key.isdigit() else ():
                keys[province].append(key)
        return keys

    @cached_property
    def provinces_together(self) -> Mapping[str, ProvinceName]:
        """The names of provinces written together, those that are long enough to be told from other words."""
        return {"".join(words): name for words, name in self.province_names.items() if len("".join(words)) > 3}

    @cached_property
    def keys(self) -> Sequence[str]:
        """All names that are long enough to be told apart when misspelt."""
        return [key for key in self.named if len(key) >= 6]

    def find(self, code: str | None) -> Unit | None:
        """A unit by its code: of today, or former where ``today`` does not have it."""
        return self.today.get(code or "") or self.former.get(code or "")


def key_of(words: Sequence[str]) -> str:
    """Words without diacritics as one key; a number without leading noughts, whether Roman or not."""
    if len(words) == 1:
        word = words[0]
        return str(_ROMAN.get(word, int(word) if word.isascii() and word.isdecimal() else word))
    return "".join(words)


def split_title(name: str) -> tuple[Kind, str]:
    """«Thị trấn Thủ Thừa» as its kind and «Thủ Thừa»."""
    first, _, rest = name.partition(" ")
    kind = _kind(first)
    if kind is None:
        second, _, rest = rest.partition(" ")
        kind = _kind(f"{first} {second}")
    if kind is None or not rest:
        raise ValueError(f"no title in «{name}»")
    return kind, rest


@cache
def _kind(title: str) -> Kind | None:
    return _BY_TITLE.get(fold(title))


@cache
def load_provinces() -> tuple[Mapping[str, Province], Mapping[tuple[str, ...], ProvinceName]]:
    """Today's provinces by id, and what each name of one stands for, by its words without diacritics."""
    data = yaml.safe_load(Path(__file__).with_name("provinces.yaml").read_text(encoding="utf-8"))
    provinces: dict[str, Province] = {}
    names: dict[tuple[str, ...], ProvinceName] = {}
    for row in data:
        was = row.get("was", [])
        provinces[row["id"]] = Province(row["id"], row["name"], tuple((old["id"], old["name"]) for old in was))
        for entry, old in [(row, None), *((old, old["id"]) for old in was)]:
            for name in (entry["name"], *entry.get("aliases", [])):
                names[tuple(WORD.findall(fold(name)))] = ProvinceName(row["id"], old, entry["name"])
    return provinces, names


@cache
def load_table() -> PlaceTable:
    """The whole table; some tens of milliseconds the first time."""
    provinces, names = load_provinces()
    table = PlaceTable(provinces, names)
    with gzip.open(Path(__file__).with_name("places.json.gz"), "rb") as file:
        data = json.load(file)
    for province, communes in data["today"].items():
        for code, name in communes:
            table.today[code] = Unit(code, name, split_title(name)[0], province, None, None, (code,))
    now = {old: province.id for province in provinces.values() for old, _ in province.was}
    for former, districts in data["former"].items():
        for district in districts:
            _add_district(table, now.get(former, former), former, *district)
    came: dict[str, tuple[set[str], set[str]]] = {code: (set(), set()) for code in table.today}
    for unit in table.former.values():
        for code in unit.today if unit.is_district else ():
            came[code][0].add(unit.former or "")
            came[code][1].add(unit.code)
    table.origins = {code: Origin(frozenset(olds), frozenset(old)) for code, (olds, old) in came.items()}
    units = [*table.today.values(), *table.former.values()]
    for unit, key in zip(units, _keys([split_title(unit.name)[1] for unit in units]), strict=True):
        table.named.setdefault(key, []).append(unit)
    districts = {(unit.former, unit.name): unit for unit in table.former.values() if unit.is_district}
    for former, bygone, successor in data["bygone"]:
        unit = districts[former, successor]
        (key,) = _keys([split_title(bygone)[1]])
        table.named.setdefault(key, []).append(unit)
    return table


def _add_district(
    table: PlaceTable, province: str, former: str, code: str, name: str, communes: list[Any], island: list[str]
) -> None:
    targets = set(island)
    for commune, commune_name, today in communes:
        targets.update(today)
        kind, _ = split_title(commune_name)
        table.former[commune] = Unit(commune, commune_name, kind, province, former, code, tuple(today))
    table.former[code] = Unit(code, name, split_title(name)[0], province, former, None, tuple(sorted(targets)))


def _keys(names: Sequence[str]) -> list[str]:
    """The keys of many names in one go: folding them one by one would take most of the time of loading."""
    decomposed = unicodedata.normalize("NFKD", "\n".join(names).lower().replace("đ", "d"))
    folded = re.sub(r"[^a-z0-9\n]+", "", decomposed.encode("ascii", "ignore").decode())
    return [key_of([key]) if len(key) <= 4 else key for key in folded.split("\n")]
