"""The days that are not like others of their weekday: the shipped table, and the law's rules for other years."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DAY = dt.timedelta(days=1)
RULE = "Bộ luật Lao động 45/2019/QH14, Điều 111 và 112"
SATURDAY, SUNDAY = 5, 6
# the day beside Quốc khánh that makes the longer rest, by the weekday of 02/9
NATIONAL_DAY_BESIDE = {0: 1, 1: -1, 2: -1, 3: 1, 4: -1, 5: -1, 6: 1}


@dataclass(frozen=True)
class SpecialDay:
    """A day off, or a working day in place of one (``instead_of``, whose weekday's hours it has)."""

    day: dt.date
    is_working: bool
    name: str
    document: str
    address: str | None = None
    instead_of: dt.date | None = None


@dataclass(frozen=True)
class Shipped:
    """What ``holidays.yaml`` holds: special days, the years they are complete for, mùng một Tết and Giỗ Tổ by year."""

    days: Mapping[dt.date, SpecialDay]
    published: frozenset[int]
    lunar: Mapping[int, tuple[dt.date, dt.date]]


@cache
def shipped() -> Shipped:
    """The table of the product."""
    data = yaml.safe_load(Path(__file__).with_name("holidays.yaml").read_text(encoding="utf-8"))
    days = {row["day"]: _special(row, data["documents"][row["document"]]) for row in data["days"]}
    lunar = {year: (tet, ancestors) for year, (tet, ancestors) in data["lunar"].items()}
    return Shipped(days, frozenset(data["published"]), lunar)


def _special(row: Mapping[str, Any], document: Mapping[str, str]) -> SpecialDay:
    return SpecialDay(
        row["day"], row["kind"] == "working", row["name"], f"{document['issuer']} {document['number']}",
        document["address"], row.get("instead_of"),
    )  # fmt: skip


def by_rule(year: int, lunar: tuple[dt.date, dt.date] | None) -> Mapping[dt.date, SpecialDay]:
    """The days off of a year nobody has published yet, weekends compensated.

    ``lunar`` is mùng một Tết and Giỗ Tổ; without it only the solar days are known.
    """
    fixed = [(dt.date(year, 1, 1), "Tết Dương lịch"), (dt.date(year, 4, 30), "Ngày Chiến thắng"),
             (dt.date(year, 5, 1), "Quốc tế Lao động"), (dt.date(year, 9, 2), "Quốc khánh")]  # fmt: skip
    if year >= 2026:
        fixed.append((dt.date(year, 11, 24), "Ngày Văn hóa Việt Nam"))
    national = dt.date(year, 9, 2)
    off = {national + NATIONAL_DAY_BESIDE[national.weekday()] * DAY: "Quốc khánh"}
    if lunar is not None:
        tet, ancestors = lunar
        off |= {tet + offset * DAY: "Tết Nguyên đán" for offset in range(-1, 4)}
        fixed.append((ancestors, "Giỗ Tổ Hùng Vương"))
    off |= dict(fixed)
    for day in [day for day, name in off.items() if name == "Tết Nguyên đán"]:
        step = {SATURDAY: -1, SUNDAY: 1}.get(day.weekday())
        if step is not None:
            off[_next_free(day, step, off)] = "Nghỉ bù Tết Nguyên đán"
    for day, name in sorted(fixed):
        if day.weekday() >= SATURDAY:
            off[_next_free(day, 1, off)] = f"Nghỉ bù {name}"
    return {day: SpecialDay(day, is_working=False, name=name, document=RULE) for day, name in off.items()}


def _next_free(day: dt.date, step: int, off: Mapping[dt.date, str]) -> dt.date:
    while day.weekday() >= SATURDAY or day in off:
        day += step * DAY
    return day
