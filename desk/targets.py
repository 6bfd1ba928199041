"""How long an answer may take, and the clock that counts it. Pure.

The clock runs from filing, pauses while the department waits for the person, and stops at the answer. Pausing never
makes anything due earlier: what was left of the working time is counted again from the moment of going on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from db.models import Priority
from desk.calendar import Due, Part, WorkCalendar

WARN_AT = 0.7
MAX_AMOUNT = 1000


@dataclass(frozen=True)
class Target:
    """An amount of working time."""

    amount: int
    unit: Literal["hours", "days"]

    def due(self, calendar: WorkCalendar, start: dt.datetime) -> Due:
        """When it is over, counted from ``start``."""
        add = calendar.add_hours if self.unit == "hours" else calendar.add_days
        return add(start, self.amount)

    def to_json(self) -> dict[str, Any]:
        """The shape ``parse_target`` reads."""
        return {"amount": self.amount, "unit": self.unit}


def parse_target(data: Mapping[str, Any]) -> Target:
    """A target from ``{"amount": 5, "unit": "days"}``.

    Raises:
        ValueError: Another shape, or not a whole amount from 1 to 1,000.
    """
    try:
        amount, unit = data["amount"], data["unit"]
    except (KeyError, TypeError) as error:
        raise ValueError(f"a target needs amount and unit: {data!r}") from error
    if not isinstance(amount, int) or isinstance(amount, bool) or not 1 <= amount <= MAX_AMOUNT:
        raise ValueError(f"not an amount of time: {amount!r}")
    if unit not in ("hours", "days"):
        raise ValueError(f"not a unit of time: {unit!r}")
    return Target(amount, unit)


@dataclass(frozen=True)
class Targets:
    """The targets of a department."""

    accept: Target
    first_reply: Target
    answer: Mapping[Priority, Target]
    topics: Mapping[str, Mapping[Priority, Target]]

    def of(self, topic: str | None, priority: Priority) -> Target:
        """How long the answer may take."""
        return self.topics.get(topic or "", {}).get(priority) or self.answer[priority]


def parse_targets(data: Mapping[str, Any]) -> Targets:
    """Targets as ``targets.yaml`` words them; what is missing is taken from there.

    Raises:
        ValueError: A part is not a target, or a priority does not exist.
    """
    merged = {**_shipped(), **data}
    answer = {**_shipped()["answer"], **merged["answer"]}
    return Targets(
        parse_target(merged["accept"]), parse_target(merged["first_reply"]), _by_priority(answer),
        {topic: _by_priority(targets) for topic, targets in merged["topics"].items()},
    )  # fmt: skip


def _by_priority(data: Mapping[str, Any]) -> Mapping[Priority, Target]:
    return {Priority(name): parse_target(target) for name, target in data.items()}


@cache
def _shipped() -> Mapping[str, Any]:
    data: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("targets.yaml").read_text(encoding="utf-8"))
    return data


Pause = tuple[dt.datetime, dt.datetime]


@dataclass(frozen=True)
class Clock:
    """A target counted from ``started_at``, with its ended pauses in order."""

    started_at: dt.datetime
    target: Target
    pauses: Sequence[Pause] = ()

    def due(self, calendar: WorkCalendar) -> Due:
        """When the target is over, its pauses left out, with the arithmetic of what was really counted."""
        due = self.target.due(calendar, self.started_at)
        counted_from = self.counted_from(calendar)
        parts: tuple[Part, ...] = ()
        changed = False
        for paused_at, resumed_at in self.pauses:
            if paused_at >= due.at:
                break  # it was overdue already: a pause changes nothing any more
            since = max(paused_at, counted_from)
            remaining = calendar.working_time(since, due.at)
            parts += calendar.spans(counted_from, since)
            counted_from = max(resumed_at, counted_from)
            due = calendar.add_working_time(counted_from, remaining)
            changed = True
        if not changed:
            return due
        return calendar.due(due.at, self.started_at, _merged([*parts, *calendar.spans(counted_from, due.at)]))

    def counted_from(self, calendar: WorkCalendar) -> dt.datetime:
        """When counting really begins: in days the day of receipt is free."""
        if self.target.unit == "hours":
            return self.started_at
        (first,) = calendar.counted_days(self.started_at, 1)
        return calendar.sessions(first)[0][0].astimezone(dt.UTC)

    def warn_at(self, calendar: WorkCalendar) -> dt.datetime:
        """When 70 % of the time is used up."""
        if self.pauses:
            resumed_at = max(self.pauses[-1][1], self.counted_from(calendar))
            left = calendar.working_time(resumed_at, self.due(calendar).at)
            return calendar.add_working_time(resumed_at, left * WARN_AT).at
        start = self.counted_from(calendar)
        return calendar.add_working_time(start, calendar.working_time(start, self.due(calendar).at) * WARN_AT).at


def _merged(parts: Sequence[Part]) -> list[Part]:
    """Parts with those of one day added up."""
    amounts: dict[dt.date, dt.timedelta] = {}
    for part in parts:
        amounts[part.day] = amounts.get(part.day, dt.timedelta()) + part.amount
    return [Part(day, amount) for day, amount in amounts.items()]
