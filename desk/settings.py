"""What a department's desk works by: its calendar, targets and periods, shipped defaults overlaid by its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row

from db.queries import desk as queries
from desk.calendar import WEEKDAYS, OfficeHours, WorkCalendar, parse_hours
from desk.holidays import SpecialDay, shipped
from desk.targets import Targets, parse_targets

# until a department says otherwise; not law
DEFAULT_HOURS = {"week": {day: [["07:30", "11:30"], ["13:30", "17:00"]] for day in WEEKDAYS[:5]}}


@dataclass(frozen=True)
class Periods:
    """For how many days what is kept, as the consent notice says; never longer than the months it names."""

    draft: int = 7
    files: int = 180  # six months after closing
    request: int = 730  # two years after closing, then without anything about the person
    consent: int = 1095  # three years after the last processing
    task: int = 1825  # five years: the record, without personal data, that data was erased

    def to_json(self) -> dict[str, int]:
        """The shape ``parse_periods`` reads."""
        return dict(self.__dict__)


def parse_periods(data: Mapping[str, Any]) -> Periods:
    """Periods from ``{"files": 90}``; what is missing keeps its default.

    Raises:
        ValueError: An unknown name, or not a whole number of days of at least one.
    """
    for name, days in data.items():
        if name not in Periods.__dataclass_fields__ or type(days) is not int or days < 1:
            raise ValueError(f"not a period: {name}={days!r}")
    return replace(Periods(), **data)


@dataclass(frozen=True)
class Desk:
    """Everything the rules need to know of a department."""

    department_id: int
    calendar: WorkCalendar
    targets: Targets
    periods: Periods


def calendar_of(hours: OfficeHours, own: list[Row[Any]]) -> WorkCalendar:
    """The shipped calendar with a department's own days laid over it."""
    table = shipped()
    days = dict(table.days)
    for row in own:
        days[row.day] = SpecialDay(
            row.day, row.kind == "working", row.name, row.document, row.address, row.instead_of
        )  # fmt: skip
    return WorkCalendar(hours, days, table.published, table.lunar)


def load_desk(connection: Connection, *, department_id: int) -> Desk:
    """The desk of a department, as it is set now."""
    row = queries.find_settings(connection, department_id=department_id)
    hours = parse_hours((row and row.hours) or DEFAULT_HOURS)
    calendar = calendar_of(hours, queries.calendar_days(connection, department_id=department_id))
    targets = parse_targets((row and row.targets) or {})
    return Desk(department_id, calendar, targets, parse_periods((row and row.retention) or {}))
