"""When the desk works: the hours of the week, other hours in a season, a department's own days."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.models import DayKind
from db.queries import desk as queries
from db.queries import operations
from desk import timers
from desk.calendar import WEEKDAYS, SeasonsOverlap, parse_hours
from desk.holidays import SpecialDay
from desk.settings import DEFAULT_HOURS, Desk, load_desk
from staff.access import Console, Page, Right, Visit
from staff.clock import local
from staff.forms import FormFault, Typed, need_line, read_line
from staff.texts import word

CALENDAR_PATH = "/staff/lich"
SESSIONS = ("sang", "chieu")
SHOWN_DAYS = dt.timedelta(days=400)
LINE_LIMIT = 160


@dataclass(frozen=True)
class ListedDay:
    """A day that is not like others of its weekday. ``is_own``: the department added or changed it."""

    special: SpecialDay
    is_own: bool


def _listed(desk: Desk, own: list[Row[Any]], today: dt.date) -> list[ListedDay]:
    """The special days to come, and every one of the department's own."""
    mine = {row.day for row in own}
    found: dict[dt.date, SpecialDay] = {}
    day = today
    while day <= today + SHOWN_DAYS:
        if special := desk.calendar.special(day):
            found[day] = special
        day += dt.timedelta(days=1)
    found |= {day: desk.calendar.days[day] for day in mine}
    return [ListedDay(special, day in mine) for day, special in sorted(found.items())]


async def show_calendar(console: Console, request: Request, visit: Visit) -> Response:
    """Office hours and the days off to come."""
    return await _calendar(console, visit, done=request.query_params.get("xong", ""))


async def _calendar(console: Console, visit: Visit, *, typed: Typed | None = None, done: str = "") -> Response:
    def read(connection: Connection) -> tuple[Desk, dict[str, Any], list[Row[Any]]]:
        row = queries.find_settings(connection, department_id=console.department_id)
        return (
            load_desk(connection, department_id=console.department_id), (row and row.hours) or DEFAULT_HOURS,
            queries.calendar_days(connection, department_id=console.department_id),
        )  # fmt: skip

    desk, hours, own = await console.database.read(read)
    seasons, typed = hours.get("seasons", []), typed or Typed()
    if typed.slug.startswith("mua-") and typed.slug not in {f"mua-{season['first']}" for season in seasons}:
        typed = replace(typed, slug="mua-")  # the season it was about is gone: the form for a new one keeps it
    days = _listed(desk, own, local(console.now()).date())
    return await console.page(
        "calendar.html", visit, status=400 if typed.fault else 200, days=days,
        week=hours["week"], seasons=seasons, weekdays=WEEKDAYS, sessions=SESSIONS, typed=typed, done=done,
        published=desk.calendar.published, named=_named, as_typed=_as_typed,
    )  # fmt: skip


def _week(form: Mapping[str, str]) -> dict[str, list[list[str]]]:
    """The week typed: two sessions a day, each empty or with both ends. Raises FormFault."""
    week: dict[str, list[list[str]]] = {}
    for day in WEEKDAYS:
        sessions = []
        for session in SESSIONS:
            ends = [form.get(f"{day}-{session}-{end}", "").strip() for end in ("tu", "den")]
            if any(ends):
                try:
                    sessions.append([dt.time.fromisoformat(end).strftime("%H:%M") for end in ends])
                except ValueError:
                    raise FormFault("time") from None
        week[day] = sessions
    if not any(week.values()):
        raise FormFault("no_hours")
    return week


async def save_hours(console: Console, request: Request, visit: Visit) -> Response:
    """The hours of an ordinary week; what is due moves with them."""
    del request
    form, now = visit.form, console.now()

    def write(connection: Connection) -> None:
        week = _week(form)
        _save(connection, console, {**_hours(connection, console, now), "week": week}, now)
        _recompute(connection, console, visit, "calendar.hours_set", now, week=week)

    return await _change(console, visit, "gio", write)


async def _change(console: Console, visit: Visit, slug: str, write: Callable[[Connection], None]) -> Response:
    """Write and show the calendar anew; where something is wrong, with what was typed into the form ``slug``."""
    try:
        await console.database.write(write)
    except FormFault as fault:
        return await _calendar(console, visit, typed=Typed(slug, str(fault), visit.form))
    return RedirectResponse(f"{CALENDAR_PATH}?xong=tinh-lai", 303)


def _hours(connection: Connection, console: Console, now: dt.datetime) -> dict[str, Any]:
    """The hours as they are set, kept from other writers."""
    row = queries.lock_settings(connection, department_id=console.department_id, now=now)
    return dict(row.hours or DEFAULT_HOURS)


def _save(connection: Connection, console: Console, hours: dict[str, Any], now: dt.datetime) -> None:
    """Raises FormFault."""
    try:
        parse_hours(hours)
    except SeasonsOverlap:
        raise FormFault("season_overlaps") from None
    except ValueError:
        raise FormFault("time") from None
    queries.save_settings(connection, department_id=console.department_id, now=now, hours=hours)


def _day_of_year(form: Mapping[str, str], name: str) -> str:
    """A day typed as 16/04, as it is kept: 04-16. Raises FormFault."""
    match = re.fullmatch(r"(\d{1,2})\s*[/.-]\s*(\d{1,2})", form.get(name, "").strip(), re.ASCII)
    if match is None:
        raise FormFault("day_of_year")
    try:
        return dt.date(2024, int(match[2]), int(match[1])).strftime("%m-%d")
    except ValueError:
        raise FormFault("day_of_year") from None


async def save_season(console: Console, request: Request, visit: Visit) -> Response:
    """Other hours from one day of the year to another: new ones, or in place of those that began on ``season``."""
    del request
    form, now = visit.form, console.now()
    replaced = form.get("season", "")

    def write(connection: Connection) -> None:
        hours = _hours(connection, console, now)
        kept = [season for season in hours.get("seasons", []) if season["first"] != replaced]
        if replaced and len(kept) == len(hours.get("seasons", [])):
            raise FormFault("stale")  # somebody moved it or took it away
        season = {"first": _day_of_year(form, "first"), "last": _day_of_year(form, "last"), "week": _week(form)}
        seasons = sorted([*kept, season], key=lambda one: str(one["first"]))
        _save(connection, console, {**hours, "seasons": seasons}, now)
        _recompute(connection, console, visit, "calendar.season_set", now, season=_named(season), week=season["week"])

    return await _change(console, visit, f"mua-{replaced}", write)


async def remove_season(console: Console, request: Request, visit: Visit) -> Response:
    """The hours of the ordinary week count again in a season."""
    del request
    form, now = visit.form, console.now()

    def write(connection: Connection) -> None:
        hours = _hours(connection, console, now)
        seasons = hours.get("seasons", [])
        gone = [season for season in seasons if season["first"] == form.get("season")]
        if gone:
            _save(connection, console, {**hours, "seasons": [one for one in seasons if one not in gone]}, now)
            _recompute(connection, console, visit, "calendar.season_removed", now, season=_named(gone[0]))

    return await _change(console, visit, "mua-", write)


def _as_typed(day: str) -> str:
    """04-16 as people here write it: 16/04."""
    month, _, number = day.partition("-")
    return f"{number}/{month}"


def _named(season: Mapping[str, Any]) -> str:
    return f"{_as_typed(season['first'])}–{_as_typed(season['last'])}"


def _recompute(
    connection: Connection, console: Console, visit: Visit, action: str, now: dt.datetime, **details: Any
) -> None:
    desk = load_desk(connection, department_id=console.department_id)
    moved = timers.recompute(connection, desk, now=now)
    operations.audit(
        connection, department_id=console.department_id, action=action, now=now,
        staff_member_id=visit.signed_in.id, requests_moved=moved, **details,
    )  # fmt: skip


def _day(form: Mapping[str, str], name: str = "day", *, today: dt.date) -> dt.date:
    """Raises FormFault."""
    try:
        day = dt.date.fromisoformat(form.get(name, ""))
    except ValueError:
        raise FormFault("date") from None
    if not 2024 <= day.year <= today.year + 3:
        raise FormFault("date")
    return day


async def set_day(console: Console, request: Request, visit: Visit) -> Response:
    """A day off, or a working day in place of one, with the document that says so."""
    del request
    form, now = visit.form, console.now()

    def write(connection: Connection) -> None:
        today = local(now).date()
        day, kind = _day(form, today=today), form.get("kind", "")
        if kind not in set(DayKind):
            raise FormFault("choose", label=word("field.day"))
        instead = _day(form, "instead_of", today=today) if kind == DayKind.WORKING and form.get("instead_of") else None
        queries.set_calendar_day(
            connection, department_id=console.department_id, day=day, now=now, kind=kind, instead_of=instead,
            name=need_line(form, "name", limit=LINE_LIMIT, label=word("field.day_name")),
            document=need_line(form, "document", limit=LINE_LIMIT, label=word("field.document")),
            address=read_line(form, "address", limit=500, label=word("field.document_address")),
        )  # fmt: skip
        _recompute(connection, console, visit, "calendar.day_set", now, day=day.isoformat(), kind=kind)

    return await _change(console, visit, "ngay", write)


async def remove_day(console: Console, request: Request, visit: Visit) -> Response:
    """Take a department's own day back."""
    del request
    form, now = visit.form, console.now()

    def write(connection: Connection) -> None:
        day = _day(form, today=local(now).date())
        queries.remove_calendar_day(connection, department_id=console.department_id, day=day)
        _recompute(connection, console, visit, "calendar.day_removed", now, day=day.isoformat())

    return await _change(console, visit, "bo", write)


PAGES = (
    Page("GET", CALENDAR_PATH, show_calendar, Right.SEE_SETTINGS),
    Page("POST", CALENDAR_PATH + "/gio", save_hours, Right.MANAGE_DESK),
    Page("POST", CALENDAR_PATH + "/mua", save_season, Right.MANAGE_DESK),
    Page("POST", CALENDAR_PATH + "/bo-mua", remove_season, Right.MANAGE_DESK),
    Page("POST", CALENDAR_PATH + "/ngay", set_day, Right.MANAGE_DESK),
    Page("POST", CALENDAR_PATH + "/bo-ngay", remove_day, Right.MANAGE_DESK),
)
