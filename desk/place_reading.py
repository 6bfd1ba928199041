"""What the words of an address name: provinces, former districts, communes, each with the title in front of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rapidfuzz import fuzz, process

from desk.place_table import COMMUNE_KINDS, Kind, PlaceTable, ProvinceName, Unit, key_of
from desk.text import clean_line, fold

TEXT_LIMIT = 300
NAME_WORDS = 5
SURE = 88.0
POSSIBLE = 70.0
LEAD = 8.0
_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_EDGE = " ,.;:-–—/()"
_TITLES: dict[tuple[str, ...], Kind] = {
    ("phuong",): Kind.PHUONG, ("p",): Kind.PHUONG, ("f",): Kind.PHUONG, ("xa",): Kind.XA, ("x",): Kind.XA,
    ("thi", "tran"): Kind.THI_TRAN, ("tt",): Kind.THI_TRAN, ("ttr",): Kind.THI_TRAN, ("dac", "khu"): Kind.DAC_KHU,
    ("huyen",): Kind.HUYEN, ("h",): Kind.HUYEN, ("quan",): Kind.QUAN, ("q",): Kind.QUAN, ("thi", "xa"): Kind.THI_XA,
    ("tx",): Kind.THI_XA, ("thanh", "pho"): Kind.THANH_PHO, ("tp",): Kind.THANH_PHO, ("tinh",): Kind.TINH,
    ("t",): Kind.TINH,
}  # fmt: skip
_MUNICIPALITIES = frozenset({"ha-noi", "hue", "hai-phong", "da-nang", "ho-chi-minh", "can-tho"})
# what a name after one of these is not: a commune or a district
_SMALLER = frozenset({
    "duong", "pho", "so", "ap", "thon", "xom", "ban", "buon", "lang", "khom", "kp", "khu", "hem", "ngo", "ngach", "to",
    "doi", "cho", "ql", "tl", "dt", "soc", "bon",
})  # fmt: skip
FILLERS = frozenset(
    {"cu", "o", "tai", "thuoc", "truoc", "truoc la", "nay la", "nay", "vn", "viet nam", "minh o", "toi o"}
)


@dataclass(frozen=True)
class Words:
    """A text with its words: where each stands, and each without diacritics."""

    text: str
    spans: Sequence[tuple[int, int]]
    folded: Sequence[str]

    def __len__(self) -> int:
        return len(self.folded)

    def typed(self, start: int, end: int) -> str:
        """The words from ``start`` to ``end`` as they were typed."""
        return self.text[self.spans[start][0] : self.spans[end - 1][1]] if end > start else ""

    def is_parted(self, index: int) -> bool:
        """Whether a comma stands before a word."""
        return any(mark in self.text[self.spans[index - 1][1] : self.spans[index][0]] for mark in ",;(")

    def runs(self, explained: frozenset[int]) -> Iterator[tuple[int, int]]:
        """Where the words lie that nothing explains."""
        start = None
        for index in range(len(self) + 1):
            is_open = index < len(self) and index not in explained
            if is_open and start is None:
                start = index
            elif not is_open and start is not None:
                yield start, index
                start = None

    def rest(self, explained: frozenset[int]) -> str:
        """What nothing explains: house, street, hamlet, and names we do not know."""
        parts = (self.typed(start, end).strip(_EDGE) for start, end in self.runs(explained))
        return ", ".join(part for part in parts if part and fold(part) not in FILLERS)


class Mention(NamedTuple):
    """A unit named by the words ``start`` to ``end``; with its title from ``first`` on."""

    unit: Unit
    first: int
    start: int
    end: int
    kind: Kind | None

    @property
    def places(self) -> frozenset[int]:
        """The words it explains."""
        return frozenset(range(self.first, self.end))


class ProvinceMention(NamedTuple):
    """A province named by the words ``start`` to ``end``; with its title from ``first`` on."""

    name: ProvinceName
    first: int
    start: int
    end: int

    @property
    def places(self) -> frozenset[int]:
        """The words it explains."""
        return frozenset(range(self.first, self.end))


def read_words(text: str) -> Words:
    """The words of a text; letters and digits part, so that «p3» is «p» and «3»."""
    cleaned = clean_line(unicodedata.normalize("NFC", text))[:TEXT_LIMIT]
    spans = [match.span() for match in _TOKEN.finditer(cleaned)]
    return Words(cleaned, spans, [fold(cleaned[start:end]) for start, end in spans])


def title_before(words: Words, start: int) -> tuple[Kind | None, int]:
    """The title in front of a name and where it begins; a letter or two stand for one only with a name after them."""
    for length in (2, 1):
        first = start - length
        if first >= 0 and (kind := _TITLES.get(tuple(words.folded[first:start]))):
            return kind, first
    return None, start


def find_units(words: Words, table: PlaceTable) -> list[Mention]:
    """Every commune and district that some of the words spell, exactly but for diacritics and spaces."""
    found = []
    for start in range(len(words)):
        kind, first = title_before(words, start)
        for end in range(start + 1, min(len(words), start + NAME_WORDS) + 1):
            if end - start > 1 and words.is_parted(end - 1):
                break
            key = key_of(words.folded[start:end])
            units = table.named.get(key, ())
            if not units or (kind is None and (len(key) < 3 or key.isdigit() or _is_smaller(words, start))):
                continue
            found += [Mention(unit, first, start, end, kind) for unit in units if suits(unit, kind)]
    return found


def suits(unit: Unit, kind: Kind | None) -> bool:
    """Whether a unit may be called so: a commune by any title of communes, a district by any of districts."""
    if kind is None:
        return True
    return kind is not Kind.TINH and unit.is_district is not (kind in COMMUNE_KINDS)


def _is_smaller(words: Words, start: int) -> bool:
    """Whether a name belongs to a street or a hamlet: «đường Trần Phú», «12 Trần Phú», but not «phường 3 Tân An»."""
    before = words.folded[start - 1] if start else ""
    if before.isdecimal():
        return title_before(words, start - 1)[0] is None
    return before in _SMALLER


def find_provinces(words: Words, table: PlaceTable) -> list[ProvinceMention]:
    """Every province the words spell, in their order; «Phường Long An» and «TP Bến Tre» are none."""
    found: list[ProvinceMention] = []
    end = len(words)
    while end > 0:
        mention = next(
            filter(None, (_province(words, table, start, end) for start in range(max(0, end - 5), end))), None
        )
        if mention is not None:
            found.insert(0, mention)
        end = mention.first if mention is not None else end - 1
    return found


def _province(words: Words, table: PlaceTable, start: int, end: int) -> ProvinceMention | None:
    spelt = tuple(words.folded[start:end])
    name = table.province_names.get(spelt) or table.provinces_together.get("".join(spelt))
    if name is None:
        return None
    kind, first = title_before(words, start)
    if kind in (None, Kind.TINH) or (kind is Kind.THANH_PHO and name.province in _MUNICIPALITIES and not name.old):
        return ProvinceMention(name, first, start, end)
    return None


def guess_provinces(words: Words, table: PlaceTable, taken: frozenset[int]) -> list[tuple[float, ProvinceMention]]:
    """Provinces whose misspelt name may stand at the end, best first with a score to 100.

    ``taken`` are words that spell something else.
    """
    joined = table.provinces_together
    best: dict[tuple[str, str | None], tuple[float, ProvinceMention]] = {}
    for start in range(max(0, len(words) - NAME_WORDS), len(words)):
        if taken & set(range(start, len(words))):
            continue
        kind, first = title_before(words, start)
        if kind not in (None, Kind.TINH, Kind.THANH_PHO):
            continue
        said = "".join(words.folded[start:])
        if len(said) < 5:
            continue  # too short to be told from another word
        for label, score, _ in process.extract(said, joined.keys(), scorer=fuzz.ratio, score_cutoff=POSSIBLE, limit=5):
            name = joined[label]
            if (name.province, name.old) not in best or best[name.province, name.old][0] < score:
                best[name.province, name.old] = (score, ProvinceMention(name, first, start, len(words)))
    return sorted(best.values(), key=lambda found: -found[0])


def guess_units(
    words: Words, table: PlaceTable, runs: Sequence[tuple[int, int]], keys: Sequence[str], *, least: float
) -> list[tuple[float, Mention]]:
    """Units whose misspelt name may stand among words nothing explains; a run with a title counts alone."""
    spans = [span for run in runs for span in _titled(words, *run)]
    if not spans:
        spans = [(None, start, start, run[1]) for run in runs[-2:] for start in range(max(run[0], run[1] - 4), run[1])
                 if not _is_smaller(words, start)]  # fmt: skip
    found: dict[str, tuple[float, Mention]] = {}
    for kind, first, start, end in spans:
        said = "".join(words.folded[start:end])
        if len(said) < 4 or said.isdigit():
            continue
        for key, score, _ in process.extract(said, keys, scorer=fuzz.ratio, score_cutoff=least, limit=6):
            for unit in table.named[key]:
                if suits(unit, kind) and (unit.code not in found or found[unit.code][0] < score):
                    found[unit.code] = (score, Mention(unit, first, start, end, kind))
    return sorted(found.values(), key=lambda item: -item[0])


def _titled(words: Words, first: int, last: int) -> Iterator[tuple[Kind | None, int, int, int]]:
    for start in range(first + 1, last):
        kind, begins = title_before(words, start)
        if kind is not None and begins >= first and (len(words.folded[begins]) > 1 or start - begins > 1):
            for end in range(start + 1, min(last, start + 4) + 1):
                yield kind, begins, start, end


def unread_title(words: Words, explained: frozenset[int]) -> bool:
    """Whether a commune is named by its title that nothing explains."""
    for start, end in words.runs(explained):
        for index in range(start + 1, end):
            kind, first = title_before(words, index)
            if kind in COMMUNE_KINDS and first >= start:
                return True
    return False


def marks(text: str) -> str:
    """A text for comparing with its diacritics, wherever the tone is put: «hòa» is «hoà»."""
    words = unicodedata.normalize("NFD", text.lower()).split()
    return " ".join("".join(sorted(word, key=unicodedata.combining)) for word in words)


def is_marked(text: str) -> bool:
    """Whether a text was typed with diacritics."""
    return fold(text) != text.lower()
