"""How long the desk may take, and when it works: targets, office hours, a department's own days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.models import DayKind, Priority
from db.queries import desk as queries
from db.queries import operations, turns
from desk import timers
from desk.calendar import WEEKDAYS, parse_hours
from desk.explain import explain
from desk.holidays import SpecialDay
from desk.settings import DEFAULT_HOURS, Desk, load_desk
from desk.targets import MAX_AMOUNT, Target, parse_targets
from knowledge.taxonomy import load_taxonomy
from staff.access import Console, Page, Right, Visit
from staff.clock import local
from staff.forms import FormFault, Typed, need_line, read_amount, read_line
from staff.questions import topic_fields
from staff.texts import word

TARGETS_PATH = "/staff/thoi-han"
CALENDAR_PATH = "/staff/lich"
SESSIONS = ("sang", "chieu")
UNITS = ("hours", "days")
STAGES = ("accept", "first_reply")
SHOWN_DAYS = dt.timedelta(days=400)
LINE_LIMIT = 160


# -- targets ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Example:
    """A target with when it would be over for a request that is filed now, and the arithmetic of it."""

    key: str
    target: Target
    due: dt.datetime
    explained: str


def _example(desk: Desk, key: str, target: Target, now: dt.datetime) -> Example:
    due = target.due(desk.calendar, now)
    return Example(key, target, due.at, explain(due))


async def show_targets(console: Console, request: Request, visit: Visit) -> Response:
    """Every target, each with an example of today."""
    return await _targets(console, visit, done=request.query_params.get("xong", ""))


async def _targets(console: Console, visit: Visit, *, typed: Typed | None = None, done: str = "") -> Response:
    def read(connection: Connection) -> tuple[Desk, dict[str, str]]:
        return load_desk(connection, department_id=console.department_id), turns.topic_labels(
            connection, department_id=console.department_id
        )

    desk, labels = await console.database.read(read)
    now, targets = console.now(), desk.targets
    stages = [_example(desk, "accept", targets.accept, now), _example(desk, "first_reply", targets.first_reply, now)]
    own = [
        (topic, labels.get(topic, topic), priority, _example(desk, priority, target, now))
        for topic, by_priority in sorted(targets.topics.items())
        for priority, target in by_priority.items()
    ]
    return await console.page(
        "targets.html", visit, status=400 if typed else 200, stages=stages, own=own, typed=typed or Typed(), done=done,
        answers=[_example(desk, priority, targets.answer[priority], now) for priority in Priority], units=UNITS,
        fields=topic_fields(labels), most=MAX_AMOUNT,
    )  # fmt: skip


def _target(form: Mapping[str, str], name: str, label: str) -> dict[str, Any]:
    """The shape ``parse_target`` reads. Raises FormFault."""
    unit = form.get(f"{name}-unit", "")
    if unit not in UNITS:
        raise FormFault("choose", label=label)
    return {"amount": read_amount(form, f"{name}-amount", most=MAX_AMOUNT, label=label), "unit": unit}


def _save_targets(connection: Connection, console: Console, visit: Visit, change: dict[str, Any], action: str) -> None:
    """Lay ``change`` over what the department set, check the whole, keep it."""
    now = console.now()
    row = queries.lock_settings(connection, department_id=console.department_id, now=now)
    targets = {**(row.targets or {}), **change}
    parse_targets(targets)
    queries.save_settings(connection, department_id=console.department_id, now=now, targets=targets)
    operations.audit(
        connection, department_id=console.department_id, action=action, now=now,
        staff_member_id=visit.signed_in.id, **change,
    )  # fmt: skip


async def save_targets(console: Console, request: Request, visit: Visit) -> Response:
    """The targets that hold for every topic."""
    del request
    form = visit.form

    def write(connection: Connection) -> None:
        change: dict[str, Any] = {name: _target(form, name, word(f"stage.{name}")) for name in STAGES}
        change["answer"] = {
            priority.value: _target(form, priority.value, word(f"priority.{priority.value}")) for priority in Priority
        }
        _save_targets(connection, console, visit, change, "targets.set")

    try:
        await console.database.write(write)
    except FormFault as fault:
        return await _targets(console, visit, typed=Typed("chung", str(fault), form))
    return RedirectResponse(f"{TARGETS_PATH}?xong=luu", 303)


def _own_topics(connection: Connection, console: Console) -> dict[str, dict[str, Any]]:
    row = queries.lock_settings(connection, department_id=console.department_id, now=console.now())
    kept = (row.targets or {}).get("topics", {})
    return {topic: dict(targets) for topic, targets in kept.items()}


def _topic_and_priority(form: Mapping[str, str]) -> tuple[str, str]:
    """Raises FormFault."""
    topic, priority = form.get("topic", ""), form.get("priority", "")
    if topic not in load_taxonomy().topics:
        raise FormFault("choose", label=word("field.topic"))
    if priority not in set(Priority):
        raise FormFault("choose", label=word("field.priority"))
    return topic, priority


async def set_topic_target(console: Console, request: Request, visit: Visit) -> Response:
    """A target of one topic and priority."""
    del request
    form = visit.form

    def write(connection: Connection) -> None:
        topic, priority = _topic_and_priority(form)
        topics = _own_topics(connection, console)
        topics.setdefault(topic, {})[priority] = _target(form, "topic", word("field.amount"))
        _save_targets(connection, console, visit, {"topics": topics}, "targets.topic_set")

    try:
        await console.database.write(write)
    except FormFault as fault:
        return await _targets(console, visit, typed=Typed("rieng", str(fault), form))
    return RedirectResponse(f"{TARGETS_PATH}?xong=luu", 303)


async def remove_topic_target(console: Console, request: Request, visit: Visit) -> Response:
    """The general target counts again for a topic and priority."""
    del request
    form = visit.form

    def write(connection: Connection) -> None:
        topic, priority = _topic_and_priority(form)
        topics = _own_topics(connection, console)
        topics.get(topic, {}).pop(priority, None)
        kept = {name: targets for name, targets in topics.items() if targets}
        _save_targets(connection, console, visit, {"topics": kept}, "targets.topic_removed")

    try:
        await console.database.write(write)
    except FormFault as fault:
        return await _targets(console, visit, typed=Typed("bo", str(fault), form))
    return RedirectResponse(f"{TARGETS_PATH}?xong=xoa", 303)


# -- hours and days -----------------------------------------------------------------------------------------------


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
    return await console.page(
        "calendar.html", visit, status=400 if typed else 200, days=_listed(desk, own, local(console.now()).date()),
        week=hours["week"], seasons=hours.get("seasons", []), weekdays=WEEKDAYS, sessions=SESSIONS,
        typed=typed or Typed(), done=done, published=desk.calendar.published,
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
        row = queries.lock_settings(connection, department_id=console.department_id, now=now)
        hours = {**(row.hours or DEFAULT_HOURS), "week": _week(form)}
        try:
            parse_hours(hours)
        except ValueError:
            raise FormFault("time") from None
        queries.save_settings(connection, department_id=console.department_id, now=now, hours=hours)
        _recompute(connection, console, visit, "calendar.hours_set", now, week=hours["week"])

    try:
        await console.database.write(write)
    except FormFault as fault:
        return await _calendar(console, visit, typed=Typed("gio", str(fault), form))
    return RedirectResponse(f"{CALENDAR_PATH}?xong=tinh-lai", 303)


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

    try:
        await console.database.write(write)
    except FormFault as fault:
        return await _calendar(console, visit, typed=Typed("ngay", str(fault), form))
    return RedirectResponse(f"{CALENDAR_PATH}?xong=tinh-lai", 303)


async def remove_day(console: Console, request: Request, visit: Visit) -> Response:
    """Take a department's own day back."""
    del request
    form, now = visit.form, console.now()

    def write(connection: Connection) -> None:
        day = _day(form, today=local(now).date())
        queries.remove_calendar_day(connection, department_id=console.department_id, day=day)
        _recompute(connection, console, visit, "calendar.day_removed", now, day=day.isoformat())

    try:
        await console.database.write(write)
    except FormFault as fault:
        return await _calendar(console, visit, typed=Typed("bo", str(fault), form))
    return RedirectResponse(f"{CALENDAR_PATH}?xong=tinh-lai", 303)


PAGES = (
    Page("GET", TARGETS_PATH, show_targets, Right.SEE_SETTINGS),
    Page("POST", TARGETS_PATH, save_targets, Right.MANAGE_DESK),
    Page("POST", TARGETS_PATH + "/rieng", set_topic_target, Right.MANAGE_DESK),
    Page("POST", TARGETS_PATH + "/bo", remove_topic_target, Right.MANAGE_DESK),
    Page("GET", CALENDAR_PATH, show_calendar, Right.SEE_SETTINGS),
    Page("POST", CALENDAR_PATH + "/gio", save_hours, Right.MANAGE_DESK),
    Page("POST", CALENDAR_PATH + "/ngay", set_day, Right.MANAGE_DESK),
    Page("POST", CALENDAR_PATH + "/bo-ngay", remove_day, Right.MANAGE_DESK),
)
