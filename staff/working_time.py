"""How long the desk may take: the targets of every topic and priority, each with its arithmetic."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.models import Priority
from db.queries import desk as queries
from db.queries import operations, turns
from desk.explain import explain
from desk.settings import Desk, load_desk
from desk.targets import MAX_AMOUNT, Target, parse_targets
from knowledge.taxonomy import load_taxonomy
from staff.access import Console, Page, Right, Visit
from staff.forms import FormFault, Typed, read_amount
from staff.questions import topic_fields
from staff.texts import word

TARGETS_PATH = "/staff/thoi-han"
UNITS = ("hours", "days")
STAGES = ("accept", "first_reply")


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


async def _change(
    console: Console, visit: Visit, slug: str, write: Callable[[Connection], None], *, done: str
) -> Response:
    """Write and show the targets anew; where something is wrong, with what was typed into the form ``slug``."""
    try:
        await console.database.write(write)
    except FormFault as fault:
        return await _targets(console, visit, typed=Typed(slug, str(fault), visit.form))
    return RedirectResponse(f"{TARGETS_PATH}?xong={done}", 303)


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

    return await _change(console, visit, "chung", write, done="luu")


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

    return await _change(console, visit, "rieng", write, done="luu")


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

    return await _change(console, visit, "bo", write, done="xoa")


PAGES = (
    Page("GET", TARGETS_PATH, show_targets, Right.SEE_SETTINGS),
    Page("POST", TARGETS_PATH, save_targets, Right.MANAGE_DESK),
    Page("POST", TARGETS_PATH + "/rieng", set_topic_target, Right.MANAGE_DESK),
    Page("POST", TARGETS_PATH + "/bo", remove_topic_target, Right.MANAGE_DESK),
)
