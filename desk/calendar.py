"""The working calendar: office hours, days off, make-up days, and how long something takes. Pure.

Moments are aware datetimes; days and hours are Vietnam's, which knows no daylight saving. A due time is never outside
working hours: the last minute of a session still counts as inside.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from desk.holidays import SpecialDay, by_rule

VIETNAM = dt.timezone(dt.timedelta(hours=7), "Asia/Ho_Chi_Minh")
DAY = dt.timedelta(days=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Session = tuple[dt.time, dt.time]
Week = Mapping[int, tuple[Session, ...]]


class SeasonsOverlap(ValueError):  # noqa: N818 - what is wrong with the hours
    """Two seasons hold on one day."""


@dataclass(frozen=True)
class Season:
    """Other hours from one day of the year to another, both included and given as (month, day)."""

    first: tuple[int, int]
    last: tuple[int, int]
    week: Week

    def holds(self, day: dt.date) -> bool:
        """Whether ``day`` is in the season; one may run over the end of the year."""
        today = (day.month, day.day)
        if self.first <= self.last:
            return self.first <= today <= self.last
        return today >= self.first or today <= self.last


@dataclass(frozen=True)
class OfficeHours:
    """When a department works in a week without days off; Monday is 0."""

    week: Week
    seasons: tuple[Season, ...] = ()

    def of(self, day: dt.date, weekday: int) -> tuple[Session, ...]:
        """The sessions that ``weekday`` has at the time of year of ``day``."""
        for season in self.seasons:
            if season.holds(day):
                return season.week.get(weekday, ())
        return self.week.get(weekday, ())


def _parse_week(data: Mapping[str, Any]) -> Week:
    week: dict[int, tuple[Session, ...]] = {}
    for name, sessions in data.items():
        parsed = tuple((dt.time.fromisoformat(start), dt.time.fromisoformat(end)) for start, end in sessions)
        moments = [moment for session in parsed for moment in session]
        if moments != sorted(set(moments)):
            raise ValueError(f"the sessions of {name} overlap or end before they begin")
        week[WEEKDAYS.index(name)] = parsed
    if not any(week.values()):
        raise ValueError("a week without working hours")
    return week


def parse_hours(data: Mapping[str, Any]) -> OfficeHours:
    """Office hours from ``{"week": {"mon": [["07:30", "11:30"], …]}, "seasons": [{"first": "04-16", …, "week": …}]}``.

    Raises:
        ValueError: Not of that shape, sessions that overlap, or a week without any working hour.
        SeasonsOverlap: Two seasons hold on one day.
    """
    try:
        seasons = []
        for season in data.get("seasons", []):
            first, last = (dt.date.fromisoformat(f"2024-{season[key]}") for key in ("first", "last"))
            week = _parse_week(season["week"])
            seasons.append(Season((first.month, first.day), (last.month, last.day), week))
        hours = OfficeHours(_parse_week(data["week"]), tuple(seasons))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"office hours: {error}") from error
    leap_year = (dt.date(2024, 1, 1) + number * DAY for number in range(366))
    if len(seasons) > 1 and any(sum(season.holds(day) for season in seasons) > 1 for day in leap_year):
        raise SeasonsOverlap("two seasons hold on one day")
    return hours


@dataclass(frozen=True)
class Part:
    """How much of a due time falls on one day."""

    day: dt.date
    amount: dt.timedelta


@dataclass(frozen=True)
class Due:
    """When something is due, in UTC, and the arithmetic behind it.

    ``in_days`` says that whole working days were counted. ``skipped`` are the days off on the way, with their names,
    that would otherwise have been worked; ``is_provisional``: a year on the way is not published yet.
    """

    at: dt.datetime
    parts: tuple[Part, ...] = ()
    skipped: tuple[tuple[dt.date, str], ...] = ()
    is_provisional: bool = False
    in_days: bool = False


@dataclass(frozen=True)
class WorkCalendar:
    """A department's working time. ``days`` are the special days of ``published`` years and the department's own."""

    hours: OfficeHours
    days: Mapping[dt.date, SpecialDay]
    published: frozenset[int]
    lunar: Mapping[int, tuple[dt.date, dt.date]] = field(default_factory=dict)
    _ruled: dict[int, Mapping[dt.date, SpecialDay]] = field(default_factory=dict, compare=False, repr=False)

    # -- days -------------------------------------------------------------------------------------------------------

    def special(self, day: dt.date) -> SpecialDay | None:
        """What is special about a day: listed, or by rule in a year that is not published."""
        if (listed := self.days.get(day)) or day.year in self.published:
            return listed
        if day.year not in self._ruled:
            self._ruled[day.year] = by_rule(day.year, self.lunar.get(day.year))
        return self._ruled[day.year].get(day)

    def is_provisional(self, first: dt.date, last: dt.date) -> bool:
        """Whether a year between the two days is not published yet."""
        return not self.published.issuperset(range(first.year, last.year + 1))

    def sessions(self, day: dt.date) -> tuple[tuple[dt.datetime, dt.datetime], ...]:
        """The working sessions of a day, in order; empty for a day off."""
        special = self.special(day)
        if special is not None and not special.is_working:
            return ()
        weekday = day.weekday()
        if special is not None:
            weekday = special.instead_of.weekday() if special.instead_of else 0
        hours = self.hours.of(day, weekday)
        at = dt.datetime.combine
        return tuple((at(day, start, VIETNAM), at(day, end, VIETNAM)) for start, end in hours)

    def is_working_day(self, day: dt.date) -> bool:
        """Whether the department works on a day at all."""
        return bool(self.sessions(day))

    def closing_on_or_before(self, day: dt.date) -> dt.datetime:
        """The end of the last working session on a day or, if it is off, on the nearest one before."""
        while not (sessions := self.sessions(day)):
            day -= DAY
        return sessions[-1][1].astimezone(dt.UTC)

    def _sessions_from(self, day: dt.date) -> Iterator[tuple[dt.datetime, dt.datetime]]:
        last = day.replace(year=day.year + 50) if (day.month, day.day) != (2, 29) else day + 18_000 * DAY
        while day < last:
            yield from self.sessions(day)
            day += DAY
        raise ValueError("no working hours in fifty years")

    # -- moments ----------------------------------------------------------------------------------------------------

    def is_open(self, moment: dt.datetime) -> bool:
        """Whether somebody works at this moment."""
        return any(start <= moment <= end for start, end in self.sessions(local_date(moment)))

    def next_opening(self, moment: dt.datetime) -> dt.datetime:
        """``moment`` itself if the department is open, otherwise when it opens next."""
        for start, end in self._sessions_from(local_date(moment)):
            if moment <= end:
                return max(moment, start).astimezone(dt.UTC)
        raise AssertionError("unreachable")

    def spans(self, since: dt.datetime, until: dt.datetime) -> tuple[Part, ...]:
        """The working time between two moments, day by day."""
        parts: list[Part] = []
        day = local_date(since)
        while day <= local_date(until):
            overlaps = (min(end, until) - max(start, since) for start, end in self.sessions(day))
            amount = sum((overlap for overlap in overlaps if overlap > dt.timedelta()), dt.timedelta())
            if amount:
                parts.append(Part(day, amount))
            day += DAY
        return tuple(parts)

    def working_time(self, since: dt.datetime, until: dt.datetime) -> dt.timedelta:
        """How much is worked between two moments; nothing when the second is the earlier one."""
        return sum((part.amount for part in self.spans(since, until)), dt.timedelta())

    # -- due times --------------------------------------------------------------------------------------------------

    def add_working_time(self, start: dt.datetime, amount: dt.timedelta) -> Due:
        """When ``amount`` of working time after ``start`` is over."""
        at = self._after(start, amount)
        return self.due(at, start, self.spans(start, at))

    def _after(self, start: dt.datetime, amount: dt.timedelta) -> dt.datetime:
        if amount < dt.timedelta():
            raise ValueError("time is added, not taken away")
        for opens, closes in self._sessions_from(local_date(start)):
            if closes < start:
                continue
            begins = max(opens, start)
            if begins + amount <= closes:
                return (begins + amount).astimezone(dt.UTC)
            amount -= closes - begins
        raise AssertionError("unreachable")

    def add_hours(self, start: dt.datetime, hours: float) -> Due:
        """The moment ``hours`` working hours after ``start``."""
        return self.add_working_time(start, dt.timedelta(hours=hours))

    def day_of_receipt(self, start: dt.datetime) -> dt.date:
        """The working day something counts as received on: after closing time it is the next one."""
        for _, closes in self._sessions_from(local_date(start)):
            if start <= closes:
                return closes.date()
        raise AssertionError("unreachable")

    def counted_days(self, start: dt.datetime, days: int) -> list[dt.date]:
        """The ``days`` working days after the day of receipt, which is not counted."""
        counted: list[dt.date] = []
        day = self.day_of_receipt(start)
        for opens, _ in self._sessions_from(day + DAY):
            if len(counted) == days and (not counted or opens.date() != counted[-1]):
                return counted
            if not counted or counted[-1] != opens.date():
                counted.append(opens.date())
        raise AssertionError("unreachable")

    def add_days(self, start: dt.datetime, days: int) -> Due:
        """The end of office hours on the last of ``days`` working days; none means on the day of receipt itself."""
        if days < 0:
            raise ValueError("days are added, not taken away")
        counted = self.counted_days(start, days)
        last = counted[-1] if counted else self.day_of_receipt(start)
        opens = dt.datetime.combine(counted[0] if counted else last, dt.time(), VIETNAM)
        at = self.sessions(last)[-1][1].astimezone(dt.UTC)
        return self.due(at, start, self.spans(opens, at), in_days=True)

    def due(self, at: dt.datetime, start: dt.datetime, parts: Sequence[Part], *, in_days: bool = False) -> Due:
        """A due time with what its explanation needs."""
        first, last = local_date(start), local_date(at)
        skipped = []
        day = first
        while day <= last:
            special = self.special(day)
            if special is not None and not special.is_working and self.hours.of(day, day.weekday()):
                skipped.append((day, special.name))
            day += DAY
        return Due(at, tuple(parts), tuple(skipped), self.is_provisional(first, last), in_days)


def local_date(moment: dt.datetime) -> dt.date:
    """The day in Vietnam."""
    return moment.astimezone(VIETNAM).date()
