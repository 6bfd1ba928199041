"""Moments and periods in words, in Vietnam's time."""

from __future__ import annotations

import datetime as dt

from desk.calendar import VIETNAM, WorkCalendar
from handlers.texts import say


def show_day(moment: dt.datetime, *, provisional: bool = False) -> str:
    """``thứ Hai 23/11/2026``, with a word where the year's calendar is not published yet."""
    local = moment.astimezone(VIETNAM)
    text = say("time.day", weekday=say(f"weekday.{local.isoweekday()}"), date=local.strftime("%d/%m/%Y"))
    return say("time.provisional", day=text) if provisional else text


def show_moment(moment: dt.datetime) -> str:
    """``7 giờ 30 thứ Hai 23/11/2026``."""
    local = moment.astimezone(VIETNAM)
    clock = say("time.clock", hour=local.hour, minute=f"{local.minute:02d}") if local.minute else None
    return say("time.moment", clock=clock or say("time.hour", hour=local.hour), day=show_day(moment))


def show_months(days: int) -> str:
    """A period a notice names: whole months where there are any, never fewer days than are kept."""
    months = -(-days * 12 // 365)
    return say("time.months", months=months) if days >= 30 else show_days(days)


def show_days(days: int) -> str:
    """``7 ngày``."""
    return say("time.days", days=days)


def reading_time(calendar: WorkCalendar, now: dt.datetime) -> str:
    """When somebody will read what is written now."""
    if calendar.is_open(now):
        return say("reading.now")
    return say("reading.later", when=show_moment(calendar.next_opening(now)))
