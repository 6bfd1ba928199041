"""Provinces however typed: today's 34 by today's and the 63 old names, without diacritics, misspelt, inside an address.

Below the province nothing is looked up: commune and street are kept as typed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from rapidfuzz import fuzz, process

from desk.text import clean_line, fold

SURE = 88.0
POSSIBLE = 70.0
LEAD = 8.0
WORDS = 5
_WORD = re.compile(r"[^\W_]+")
_TITLES = {("tinh",), ("tp",), ("thanh", "pho"), ("t",)}
_EDGE = " ,.;:-–—/()"


@dataclass(frozen=True)
class Province:
    """A province of today with the former ones it holds (id, name), its own former self left out."""

    id: str
    name: str
    was: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PlaceMatch:
    """A province a text may mean.

    ``old`` and ``old_name`` are set when a former province was named. ``rest`` is the text without the province: the
    commune and street. ``is_sure`` means that nothing else comes close; otherwise let the person choose.
    """

    province: str
    name: str
    old: str | None
    old_name: str | None
    rest: str
    score: float
    is_sure: bool


@dataclass(frozen=True)
class _Name:
    province: str
    old: str | None
    label: str


@cache
def _table() -> tuple[Mapping[str, Province], Mapping[tuple[str, ...], _Name]]:
    data = yaml.safe_load(Path(__file__).with_name("provinces.yaml").read_text(encoding="utf-8"))
    provinces: dict[str, Province] = {}
    names: dict[tuple[str, ...], _Name] = {}
    for row in data:
        was = row.get("was", [])
        provinces[row["id"]] = Province(row["id"], row["name"], tuple((old["id"], old["name"]) for old in was))
        for entry, old in [(row, None), *((old, old["id"]) for old in was)]:
            for name in (entry["name"], *entry.get("aliases", [])):
                names[_words(name)] = _Name(row["id"], old, entry["name"])
    return provinces, names


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(fold(text)))


def provinces() -> Sequence[Province]:
    """Today's provinces, in the order of their names."""
    return sorted(_table()[0].values(), key=lambda province: fold(province.name))


def province_name(province: str | None, old: str | None = None) -> str:
    """How a kept place is shown: ``Vĩnh Long (Bến Tre cũ)``; empty when it is not known."""
    found = _table()[0].get(province or "")
    if found is None:
        return ""
    former = dict(found.was).get(old or "")
    return f"{found.name} ({former} cũ)" if former else found.name


def find_places(text: str, *, limit: int = 3) -> Sequence[PlaceMatch]:
    """The provinces a text may mean, best first; empty when none comes near.

    The last name in an address counts: ``Phường Long An, Tây Ninh`` is in Tây Ninh.
    """
    cleaned = clean_line(unicodedata.normalize("NFC", text))[:300]
    spans = [(match.start(), match.end()) for match in _WORD.finditer(cleaned)]
    folded = [fold(cleaned[start:end]) for start, end in spans]
    if not folded:
        return []
    _, names = _table()
    for end in range(len(folded), 0, -1):
        for start in range(max(0, end - WORDS), end):
            if name := names.get(tuple(folded[start:end])):
                return [_match(name, cleaned, spans, folded, (start, end), 100.0, is_sure=True)]
    return _fuzzy(cleaned, spans, folded, limit)


def _fuzzy(cleaned: str, spans: list[tuple[int, int]], folded: list[str], limit: int) -> Sequence[PlaceMatch]:
    _, names = _table()
    joined = {"".join(words): name for words, name in names.items() if len("".join(words)) > 3}
    best: dict[tuple[str, str | None], tuple[float, _Name, tuple[int, int]]] = {}
    for start in range(max(0, len(folded) - WORDS), len(folded)):
        said = "".join(folded[start:])
        for label, score, _ in process.extract(said, joined.keys(), scorer=fuzz.ratio, score_cutoff=POSSIBLE, limit=5):
            name = joined[label]
            key = (name.province, name.old)
            if key not in best or best[key][0] < score:
                best[key] = (score, name, (start, len(folded)))
    ranked = sorted(best.values(), key=lambda found: -found[0])[:limit]
    second = ranked[1][0] if len(ranked) > 1 else 0.0
    return [
        _match(name, cleaned, spans, folded, span, score,
               is_sure=number == 0 and score >= SURE and score - second >= LEAD)
        for number, (score, name, span) in enumerate(ranked)
    ]  # fmt: skip


def _match(
    name: _Name, cleaned: str, spans: list[tuple[int, int]], folded: list[str], span: tuple[int, int], score: float, *,
    is_sure: bool,
) -> PlaceMatch:  # fmt: skip
    first, last = span
    for title in _TITLES:
        if tuple(folded[max(0, first - len(title)) : first]) == title:
            first -= len(title)
            break
    before, after = cleaned[: spans[first][0]].strip(_EDGE), cleaned[spans[last - 1][1] :].strip(_EDGE)
    rest = ", ".join(part for part in (before, after) if part and fold(part) != "cu")
    today = _table()[0][name.province]
    return PlaceMatch(name.province, today.name, name.old, name.label if name.old else None, rest, score, is_sure)
