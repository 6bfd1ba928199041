"""A due time as arithmetic an officer and a person can follow: "4 giờ thứ Sáu + 4 giờ thứ Hai"."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from desk.calendar import Due, Part

WEEKDAYS = ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật")
LISTED = 7


def name_day(day: dt.date, *, with_date: bool) -> str:
    """The weekday, with the date where a weekday alone could be another one."""
    return f"{WEEKDAYS[day.weekday()]} {day.day:02d}/{day.month}" if with_date else WEEKDAYS[day.weekday()]


def name_amount(amount: dt.timedelta) -> str:
    """Working time in hours and minutes, rounded to the minute."""
    hours, minutes = divmod(round(amount.total_seconds() / 60), 60)
    words = [f"{hours} giờ"] * bool(hours) + [f"{minutes} phút"] * bool(minutes)
    return " ".join(words) or "0 giờ"


def explain(due: Due) -> str:
    """How a due time came about; days off on the way are named."""
    text = _explain_days([part.day for part in due.parts]) if due.in_days else _explain_hours(due.parts)
    if due.skipped:
        off = ", ".join(f"{name_day(day, with_date=True)} ({name})" for day, name in due.skipped)
        text += f"; nghỉ {off}"
    return f"{text} (dự kiến)" if due.is_provisional else text


def _explain_days(days: Sequence[dt.date]) -> str:
    if len(days) > LISTED:
        first, last = (name_day(day, with_date=True) for day in (days[0], days[-1]))
        return f"{len(days)} ngày làm việc, từ {first} đến {last}"
    return f"{len(days)} ngày làm việc: " + " + ".join(name_day(day, with_date=True) for day in days)


def _explain_hours(parts: Sequence[Part]) -> str:
    if not parts:
        return "0 giờ"
    if len(parts) > LISTED:
        total = sum((part.amount for part in parts), dt.timedelta())
        first, last = (name_day(part.day, with_date=True) for part in (parts[0], parts[-1]))
        return f"{name_amount(total)} làm việc, từ {first} đến {last}"
    with_date = (parts[-1].day - parts[0].day).days >= 7
    return " + ".join(f"{name_amount(part.amount)} {name_day(part.day, with_date=with_date)}" for part in parts)
