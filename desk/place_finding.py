"""What an address may mean: communes, former districts and provinces that fit together, each with a score.

Ten points for every word explained; a few more or less for the title, the diacritics and what was said before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from desk import place_reading as reading
from desk.place_reading import LEAD, SURE, Mention, ProvinceMention, Words
from desk.place_table import PlaceTable, Unit

MISSPELT = 78.0
MISSPELT_ANYWHERE = 88.0


@dataclass(frozen=True)
class Area:
    """What is known before: today's province, and the former province and district (its code) where they were named."""

    province: str
    old: str | None = None
    district: str | None = None


@dataclass(frozen=True)
class Candidate:
    """One reading. ``explained`` are the words it takes up; ``is_certain``: enough if no other reading comes near."""

    score: float
    province: str
    old: str | None
    commune: str | None
    former: str | None
    explained: frozenset[int]
    is_certain: bool

    @property
    def outcome(self) -> tuple[str | None, ...]:
        """What would be kept: the former name beside a commune makes no difference."""
        return (self.commune,) if self.commune else (self.province, self.old, self.former)


class Finding:
    """One text being read."""

    def __init__(self, words: Words, table: PlaceTable, within: Area | None) -> None:
        self.words = words
        self.table = table
        self.units = reading.find_units(words, table)
        self.mentions = reading.find_provinces(words, table)
        self.guesses: list[tuple[float, ProvinceMention]] = []
        self.area = within
        self.said: frozenset[int] = frozenset()
        last = self.mentions[-1] if self.mentions else None
        if last is not None and within is not None and last.name.province == within.province and any(
            unit.places >= last.places for unit in self.units
        ):  # fmt: skip
            last = None  # «Long An», said of somewhere in Tây Ninh, may be the commune
        if last is None and within is None:
            last = self._guess_province()
        if last is not None:
            self.area, self.said = self._area_of(self._untitled(last))

    def _guess_province(self) -> ProvinceMention | None:
        taken: frozenset[int] = frozenset().union(*(unit.places for unit in self.units))
        self.guesses = reading.guess_provinces(self.words, self.table, taken)
        if not self.guesses or self.guesses[0][0] < SURE:
            return None
        lead = self.guesses[0][0] - (self.guesses[1][0] if len(self.guesses) > 1 else 0)
        return self.guesses[0][1] if lead >= LEAD else None

    def _untitled(self, mention: ProvinceMention) -> ProvinceMention:
        """The mention without its title where that is the end of a name: «xã Sơn Tịnh, Quảng Ngãi»."""
        is_name = any(unit.start < mention.first < unit.end for unit in self.units)
        return mention._replace(first=mention.start) if is_name else mention

    def _area_of(self, last: ProvinceMention) -> tuple[Area, frozenset[int]]:
        """The province that was named last; «Hưng Yên (Thái Bình cũ)» names it twice."""
        said, old = last.places, last.name.old
        for other in self.mentions:
            if other.places & said or other.name.province != last.name.province:
                continue
            if other.first < other.start or (old and not other.name.old):
                said |= other.places
                old = old or other.name.old
        return Area(last.name.province, old), said

    def candidates(self) -> list[Candidate]:
        """Everything the text may mean, each with a score."""
        found = [*self._communes(), *self._districts()]
        if not found and self.area is None and self.guesses:
            return [self._of_province(guess, score) for score, guess in self.guesses]
        if not any(one.commune for one in found) or self._is_unread(found):
            found += self._misspelt(found)
        if self.said:
            found += self._of_area()
        elif not found and self.area is not None:
            found.append(self._candidate(0, None, None, frozenset(), is_certain=True))
        return found

    def _is_unread(self, found: Sequence[Candidate]) -> bool:
        best = max(found, key=lambda one: one.score)
        return best.commune is None and reading.unread_title(self.words, best.explained)

    def _of_province(self, mention: ProvinceMention, score: float) -> Candidate:
        return Candidate(score / 100, mention.name.province, mention.name.old, None, None, mention.places, False)

    def _of_area(self) -> Iterator[Candidate]:
        """The province alone, also by its former name beside it: «Long An, Tây Ninh»."""
        yield self._candidate(10 * len(self.said), None, None, self.said, is_certain=True)
        area = self.area
        for other in self.mentions if area and not area.old else ():
            if area and other.name.province == area.province and other.name.old and not other.places & self.said:
                explained = self.said | other.places
                yield Candidate(
                    10 * len(explained), area.province, other.name.old, None, None, explained, is_certain=True
                )

    def _candidate(
        self, score: float, commune: Unit | None, former: Unit | None, explained: frozenset[int], *, is_certain: bool
    ) -> Candidate:
        unit = former or commune
        province = unit.province if unit else self.area.province if self.area else ""
        old = former.old if former else self.area.old if self.area else None
        return Candidate(
            score,
            province,
            old,
            commune.code if commune else None,
            former.code if former else None,
            explained,
            is_certain,
        )

    # -- exact names

    def _may_be(self, unit: Unit) -> bool:
        if self.area is None:
            return True
        if unit.province != self.area.province:
            return False
        return not (self.area.old and self.said) or self._was_in(unit, self.area.old)

    def _was_in(self, unit: Unit, old: str) -> bool:
        return unit.former == old if unit.former else old in self.table.origins[unit.code].provinces

    def _in_district(self, unit: Unit, district: str) -> bool:
        return unit.district == district if unit.former else district in self.table.origins[unit.code].districts

    def _communes(self) -> Iterator[Candidate]:
        districts = [mention for mention in self.units if mention.unit.is_district]
        for mention in self.units:
            unit = mention.unit
            if unit.is_district or mention.places & self.said or not self._may_be(unit):
                continue
            inside = [
                other for other in districts
                if self._in_district(unit, other.unit.code) and not other.places & (mention.places | self.said)
            ]  # fmt: skip
            district = max(inside, key=lambda other: len(other.places), default=None)
            explained = mention.places | self.said | (district.places if district else frozenset())
            score = 10 * len(explained) + self._fit(mention) + self._penalty(mention, explained)
            if district is not None:
                score += self._fit(district)
            if not self._is_believable(mention, explained):
                continue
            is_certain = bool(district or self.area or self._stands_alone(mention))
            is_certain = is_certain and not self._goes_on(mention, explained)
            former = unit if unit.former else None
            if district is not None and former is not None:
                score += 2  # an address of then: the name of then is kept beside today's
            for code in unit.today:
                yield self._candidate(score, self.table.today[code], former, explained, is_certain=is_certain)

    def _districts(self) -> Iterator[Candidate]:
        for mention in self.units:
            unit = mention.unit
            if not unit.is_district or mention.places & self.said or not self._may_be(unit):
                continue
            explained = mention.places | self.said
            if not self._is_believable(mention, explained):
                continue
            is_certain = bool(mention.kind or self.area or self._stands_alone(mention))
            score = 10 * len(explained) + self._fit(mention)
            only = self.table.today[unit.today[0]] if len(unit.today) == 1 else None
            yield self._candidate(score, only, unit, explained, is_certain=is_certain)

    def _goes_on(self, mention: Mention, explained: frozenset[int]) -> bool:
        """Whether a word stands right behind a name that may belong to it: «Đức Hòa Đôg» is not Đức Hòa."""
        end = mention.end
        is_open = end < len(self.words) and end not in explained and not self.words.is_parted(end)
        return is_open and self.words.folded[end] not in reading.FILLERS

    def _is_believable(self, mention: Mention, explained: frozenset[int]) -> bool:
        """Whether some words are a name at all: with its title, or alone, or several of them with their province."""
        if mention.kind is not None or len(explained) == len(self.words):
            return True
        return self.area is not None and mention.end - mention.start > 1

    def _stands_alone(self, mention: Mention) -> bool:
        """Whether a name needs no province beside it: it has its title, or nothing else was typed."""
        is_whole = len(mention.places) == len(self.words)
        return mention.end - mention.start > 1 and (mention.kind is not None or is_whole)

    def _fit(self, mention: Mention) -> float:
        """How well the title and the diacritics agree, and what was said before."""
        unit, score = mention.unit, 0.0
        if mention.kind is not None:
            score += 4 if mention.kind is unit.kind else -6
        typed = self.words.typed(mention.start, mention.end)
        if reading.is_marked(typed):
            score += 4 if reading.marks(unit.name).endswith(reading.marks(typed)) else -8
        if unit.former is None:
            score += 1
        area = self.area
        if area and area.district and self._in_district(unit, area.district):
            score += 10
        if area and area.old and not self.said and self._was_in(unit, area.old):
            score += 10
        return score

    def _penalty(self, mention: Mention, explained: frozenset[int]) -> float:
        """A commune is not believed beside a district it was not in, or a titled commune that is not it."""
        if any(
            other.unit.is_district and other.kind and not other.places & explained
            and (self.area is None or other.unit.province == self.area.province) for other in self.units
        ):  # fmt: skip
            return -30
        return -30 if mention.kind is None and reading.unread_title(self.words, explained) else 0

    # -- misspelt names

    def _misspelt(self, exact: Sequence[Candidate]) -> Iterator[Candidate]:
        """Communes whose name nearly stands among the words that nothing explains: always to be chosen, never sure."""
        best = max(exact, key=lambda one: one.score, default=None)
        explained = best.explained if best else self.said
        runs = [run for run in self.words.runs(explained) if run[1] > run[0]]
        province = self.area.province if self.area else best.province if best else None
        if not runs or (province is None and len(self.words) > reading.NAME_WORDS + 1):
            return
        keys = self.table.keys_by_province[province] if province else self.table.keys
        least = MISSPELT if province else MISSPELT_ANYWHERE
        district = self.table.former.get(best.former or "") if best else None
        for score, mention in reading.guess_units(self.words, self.table, runs, keys, least=least):
            unit = mention.unit
            if (province and unit.province != province) or not self._may_be(unit) or (unit.is_district and best):
                continue
            if district is not None and not self._in_district(unit, district.code):
                continue
            places = explained | mention.places
            points = 10 * len(places) + self._fit(_loosely(mention)) - (100 - score) / 4
            former = unit if unit.former else None
            codes = unit.today if not unit.is_district or len(unit.today) == 1 else ()
            for code in codes:
                yield self._candidate(points, self.table.today[code], former, places, is_certain=False)
            if not codes:
                yield self._candidate(points, None, unit, places, is_certain=False)


def _loosely(mention: Mention) -> Mention:
    """A misspelt name is not held to its diacritics or its title."""
    return mention._replace(start=mention.end, kind=None)
