"""Questions day by day as stacked bars, drawn as SVG without script or inline style."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from staff.texts import names_of

WIDTH, HEIGHT, GAP = 720, 200, 4
LABEL_EVERY = 7


@dataclass(frozen=True)
class Piece:
    """The part of a bar that is of one outcome, in the units of the drawing."""

    outcome: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Bar:
    """One day. ``label`` stands under some bars only."""

    day: dt.date
    counts: Mapping[str, int]
    total: int
    pieces: tuple[Piece, ...]
    middle: float
    label: str | None


@dataclass(frozen=True)
class Chart:
    """All days, and what each outcome adds up to, most frequent first as in the texts."""

    bars: tuple[Bar, ...]
    totals: Mapping[str, int]
    highest: int
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def total(self) -> int:
        """All questions."""
        return sum(self.totals.values())


def draw(counts: Mapping[tuple[dt.date, str], int], *, first: dt.date, last: dt.date) -> Chart:
    """Bars for every day from ``first`` to ``last``; what is no known outcome is left out."""
    days = [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]
    outcomes = list(names_of("outcome"))
    by_day = {day: {name: counts.get((day, name), 0) for name in outcomes} for day in days}
    highest = max((sum(found.values()) for found in by_day.values()), default=0)
    step = WIDTH / len(days)
    bars = []
    for number, day in enumerate(days):
        x, y, pieces = number * step + GAP / 2, float(HEIGHT), []
        for name, count in by_day[day].items():
            if count:
                height = HEIGHT * count / highest
                y -= height
                pieces.append(Piece(name, round(x, 2), round(y, 2), round(step - GAP, 2), round(height, 2)))
        label = f"{day:%d/%m}" if (last - day).days % LABEL_EVERY == 0 else None
        bars.append(
            Bar(day, by_day[day], sum(by_day[day].values()), tuple(pieces), round(x + (step - GAP) / 2, 2), label)
        )
    totals = {name: sum(by_day[day][name] for day in days) for name in outcomes}
    return Chart(tuple(bars), {name: count for name, count in totals.items() if count}, highest)
