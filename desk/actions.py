"""What may be done to a request, by the person, an officer or a timer: one function each.

Each checks the transition, then writes request, history, audit row and notice in the caller's transaction. They raise
what ``change.begin`` raises, before anything is written; ``version`` is the one of the page an officer acted from.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from db.models import MessageAuthor, Priority
from db.queries import desk as desk_queries
from db.queries import operations, requests
from desk import consent, files, handover
from desk.change import Actor, Change, Changed, apply, begin, clock_of, due_values, required
from desk.errors import ConsentMissing, ExtendedAlready, FieldMissing, TooLate, UnknownTarget
from desk.filing import Filed, Filing, Requester, file
from desk.lookup import find_own
from desk.settings import Desk
from desk.states import Who
from desk.targets import Clock, Target
from desk.text import clean_text

__all__ = [
    "Actor", "Changed", "Filed", "Filing", "Requester", "accept", "answer", "ask_for_more", "assign", "close",
    "extend", "file", "find_own", "forward", "forward_outside", "mark_called", "mark_read", "note",
    "person_wrote", "rate", "reject", "reopen", "reply", "resume", "set_priority", "set_topic", "withdraw",
]  # fmt: skip

REOPEN_DAYS = 7
AUTO_CLOSE_DAYS = 7
RATING_REMINDER_DAYS = 2
DAY = dt.timedelta(days=1)


# -- officers -----------------------------------------------------------------------------------------------------


def accept(
    connection: Connection, desk: Desk, *, request_id: int, actor: Actor, now: dt.datetime, version: int | None = None
) -> Changed:
    """Take a request; whoever accepts one that nobody has becomes its officer."""
    change = begin(connection, desk, "accept", request_id=request_id, actor=actor, now=now, version=version)
    return apply(change, **_taken(change), unread_at=None)


def assign(
    connection: Connection, desk: Desk, *, request_id: int, assignee_id: int | None, actor: Actor, now: dt.datetime,
    version: int | None = None,
) -> Changed:  # fmt: skip
    """Give a request to a staff member in service, or to nobody.

    Raises:
        UnknownTarget: There is no such staff member.
    """
    change = begin(connection, desk, "assign", request_id=request_id, actor=actor, now=now, version=version)
    if assignee_id is not None:
        member = desk_queries.find_active_staff(connection, assignee_id, department_id=desk.department_id)
        if member is None:
            raise UnknownTarget("assignee")
    return apply(change, assignee_id=assignee_id, details={"assignee_id": assignee_id})


def reply(
    connection: Connection, desk: Desk, *, request_id: int, text: str, actor: Actor, now: dt.datetime,
    version: int | None = None,
) -> Changed:  # fmt: skip
    """Write to the person without ending anything; work on the request has begun."""
    change = begin(connection, desk, "reply", request_id=request_id, actor=actor, now=now, version=version)
    return _say(change, text)


def ask_for_more(
    connection: Connection, desk: Desk, *, request_id: int, text: str, actor: Actor, now: dt.datetime,
    version: int | None = None,
) -> Changed:  # fmt: skip
    """Ask the person for something and wait for it: the clock pauses."""
    change = begin(connection, desk, "ask_for_more", request_id=request_id, actor=actor, now=now, version=version)
    return _say(change, text)


def resume(
    connection: Connection, desk: Desk, *, request_id: int, actor: Actor, now: dt.datetime, version: int | None = None
) -> Changed:
    """Stop waiting for the person without their having written (they called, say): the clock goes on."""
    change = begin(connection, desk, "resume", request_id=request_id, actor=actor, now=now, version=version)
    return apply(change)


def answer(
    connection: Connection, desk: Desk, *, request_id: int, text: str, actor: Actor, now: dt.datetime,
    version: int | None = None,
) -> Changed:  # fmt: skip
    """Answer: the clock stops, and the request closes by itself when the person is silent for seven days."""
    change = begin(connection, desk, "answer", request_id=request_id, actor=actor, now=now, version=version)
    closes_at = now + AUTO_CLOSE_DAYS * DAY
    changed = _say(change, text, auto_close_at=closes_at)
    operations.plan_job(
        connection, department_id=desk.department_id, kind="desk_auto_close", key=f"{request_id}:{changed.version}",
        due_at=closes_at, payload={"request_id": request_id, "answered_at": now.isoformat()},
    )  # fmt: skip
    return changed


def close(
    connection: Connection, desk: Desk, *, request_id: int, actor: Actor, now: dt.datetime, result: str | None = None,
    version: int | None = None,
) -> Changed:  # fmt: skip
    """Close with a result. The person may close what was answered, and need not say why."""
    change = begin(connection, desk, "close", request_id=request_id, actor=actor, now=now, version=version)
    said = required("result", result) if actor.who is Who.STAFF else None
    author = MessageAuthor.OFFICER if said else None
    kept: dict[str, Any] = {"result": said} if said else {}
    changed = apply(change, text=said, author=author, notice={"result": said}, unread_at=None, **kept)
    plan_end(change, rate=True)
    return changed


def reject(
    connection: Connection, desk: Desk, *, request_id: int, reason: str, actor: Actor, now: dt.datetime,
    version: int | None = None,
) -> Changed:  # fmt: skip
    """Decline a request, with the reason the person is told."""
    change = begin(connection, desk, "reject", request_id=request_id, actor=actor, now=now, version=version)
    said = required("reason", reason)
    changed = apply(
        change, text=said, author=MessageAuthor.OFFICER, notice={"reason": said}, result=said, unread_at=None
    )
    plan_end(change, rate=False)
    return changed


def forward(
    connection: Connection, desk: Desk, *, request_id: int, unit_id: int, actor: Actor, now: dt.datetime,
    reason: str | None = None, version: int | None = None,
) -> Changed:  # fmt: skip
    """Hand a request to another unit of the department; its officer is found there. The reason stays inside.

    Raises:
        UnknownTarget: There is no such unit in use.
    """
    change = begin(connection, desk, "forward", request_id=request_id, actor=actor, now=now, version=version)
    unit = desk_queries.find_unit(connection, unit_id, department_id=desk.department_id)
    if unit is None or unit_id == change.row.unit_id:
        raise UnknownTarget("unit")
    if reason:
        _note(change, required("reason", reason))
    details = {"from_unit_id": change.row.unit_id, "unit_id": unit_id}
    return apply(change, notice={"unit": unit.name}, details=details, unit_id=unit_id, assignee_id=None)


def forward_outside(
    connection: Connection, desk: Desk, *, request_id: int, agency: str, where: str, actor: Actor, now: dt.datetime,
    data_shared: bool = False, version: int | None = None,
) -> Changed:  # fmt: skip
    """Point the person to another body, by name and with its address, and close.

    Args:
        connection: Open; the caller commits.
        desk: The department's.
        request_id: Which.
        agency: The body's name.
        where: How to reach it.
        actor: The officer.
        now: Aware.
        data_shared: Whether the department itself passes the case on, for which the person must have agreed.
        version: Of the page.

    Raises:
        ConsentMissing: The case is to be passed on without the person's consent to that.
    """
    change = begin(connection, desk, "forward_outside", request_id=request_id, actor=actor, now=now, version=version)
    body, address = required("agency", agency, limit=200), required("where", where, limit=500)
    purpose = consent.Purpose.SHARE_OUTSIDE
    if data_shared and not consent.is_granted(connection, conversation_id=change.row.conversation_id, purpose=purpose):
        raise ConsentMissing(purpose)
    changed = apply(
        change, text=f"{body}: {address}", author=MessageAuthor.OFFICER, details={"data_shared": data_shared},
        notice={"agency": body, "where": address, "data_shared": data_shared}, result=f"{body}: {address}",
        unread_at=None,
    )  # fmt: skip
    plan_end(change, rate=True)
    return changed


def note(connection: Connection, desk: Desk, *, request_id: int, text: str, actor: Actor, now: dt.datetime) -> Changed:
    """Write something down that never leaves the department."""
    change = begin(connection, desk, "note", request_id=request_id, actor=actor, now=now)
    return apply(change, text=required("text", text), author=MessageAuthor.NOTE, bump=False)


def set_priority(
    connection: Connection, desk: Desk, *, request_id: int, priority: Priority, actor: Actor, now: dt.datetime,
    version: int | None = None,
) -> Changed:  # fmt: skip
    """Change the priority; what is due when is counted anew from the same start."""
    change = begin(connection, desk, "set_priority", request_id=request_id, actor=actor, now=now, version=version)
    values = _retarget(change, change.row.topic, priority)
    return apply(change, priority=priority, details={"priority": str(priority)}, **values)


def set_topic(
    connection: Connection, desk: Desk, *, request_id: int, topic: str | None, actor: Actor, now: dt.datetime,
    version: int | None = None,
) -> Changed:  # fmt: skip
    """Correct the topic; while the clock runs, its target follows."""
    change = begin(connection, desk, "set_topic", request_id=request_id, actor=actor, now=now, version=version)
    values = _retarget(change, topic, Priority(change.row.priority)) if change.row.is_open else {}
    return apply(change, topic=topic, details={"topic": topic}, **values)


def extend(
    connection: Connection, desk: Desk, *, request_id: int, reason: str, actor: Actor, now: dt.datetime,
    version: int | None = None,
) -> Changed:  # fmt: skip
    """Take the target once more, once, before it is over, with a reason the person is told.

    Raises:
        ExtendedAlready: It was extended before, or is overdue.
    """
    change = begin(connection, desk, "extend", request_id=request_id, actor=actor, now=now, version=version)
    row = change.row
    if row.extended_at is not None or (row.paused_at is None and now > row.due_at):
        raise ExtendedAlready(row.code)
    said = required("reason", reason)
    clock = clock_of(row)
    longer = Clock(clock.started_at, Target(clock.target.amount * 2, clock.target.unit), clock.pauses)
    return apply(
        change, text=said, author=MessageAuthor.OFFICER, notice={"reason": said}, extended_at=now,
        **due_values(desk, longer),
    )  # fmt: skip


def mark_read(connection: Connection, desk: Desk, *, request_id: int, actor: Actor, now: dt.datetime) -> Changed:
    """What the person wrote was read. Pages made before stay good."""
    change = begin(connection, desk, "mark_read", request_id=request_id, actor=actor, now=now)
    return apply(change, bump=False, unread_at=None)


def mark_called(
    connection: Connection, desk: Desk, *, request_id: int, message_id: int, actor: Actor, now: dt.datetime
) -> Changed:
    """A message that could not be delivered was told by phone.

    Raises:
        UnknownTarget: The request has no such message.
    """
    change = begin(connection, desk, "mark_called", request_id=request_id, actor=actor, now=now)
    member = change.actor.staff_member_id
    assert member is not None  # the table lets only staff do it
    if not requests.mark_called(connection, message_id, request_id=request_id, staff_member_id=member, now=now):
        raise UnknownTarget("message")
    return apply(change, bump=False, details={"message_id": message_id})


# -- the person ---------------------------------------------------------------------------------------------------


def person_wrote(
    connection: Connection, desk: Desk, *, request_id: int, actor: Actor, now: dt.datetime, text: str = "",
    inbox_id: int | None = None, new_files: Sequence[files.NewFile] = (),
) -> Changed:  # fmt: skip
    """The person added words or files; if that was waited for, the clock goes on.

    Raises:
        FieldMissing: Neither words nor files, or too many words.
        TooManyFiles: The request has its fill of files.
    """
    change = begin(connection, desk, "person_wrote", request_id=request_id, actor=actor, now=now)
    said = required("text", text) if text.strip() or not new_files else ""
    changed = apply(
        change, text=said, author=MessageAuthor.PERSON, inbox_id=inbox_id, unread_at=change.row.unread_at or now
    )
    for new in new_files:
        files.add(connection, desk, new, request_id=request_id, message_id=changed.message_id, now=now)
    return changed


def withdraw(connection: Connection, desk: Desk, *, request_id: int, actor: Actor, now: dt.datetime) -> Changed:
    """The person needs it no more."""
    change = begin(connection, desk, "withdraw", request_id=request_id, actor=actor, now=now)
    changed = apply(change)
    plan_end(change, rate=False)
    return changed


def reopen(
    connection: Connection, desk: Desk, *, request_id: int, actor: Actor, now: dt.datetime, reason: str | None = None,
    version: int | None = None,
) -> Changed:  # fmt: skip
    """Take an answered or closed request up again, within seven days of closing; the clock starts anew.

    Raises:
        TooLate: It was closed more than seven days ago.
    """
    change = begin(connection, desk, "reopen", request_id=request_id, actor=actor, now=now, version=version)
    closed_at = change.row.closed_at
    if closed_at is not None and now > closed_at + REOPEN_DAYS * DAY:
        raise TooLate("reopen", change.row.code, REOPEN_DAYS)
    said = required("reason", reason) if reason and reason.strip() else None
    author = MessageAuthor.NOTE if actor.who is Who.STAFF else MessageAuthor.PERSON
    if said:
        _message(change, said, author)
    return apply(change, unread_at=now if actor.who is Who.PERSON else None, result=None)


def rate(
    connection: Connection, desk: Desk, *, request_id: int, stars: int, actor: Actor, now: dt.datetime,
    comment: str | None = None,
) -> Changed:  # fmt: skip
    """The person rates from 1 to 5 what was done; the last rating counts.

    Raises:
        FieldMissing: Not a number from 1 to 5.
    """
    change = begin(connection, desk, "rate", request_id=request_id, actor=actor, now=now)
    if stars not in range(1, 6):
        raise FieldMissing("stars")
    said = clean_text(comment or "")[:500] or None
    return apply(change, bump=False, rating=stars, rating_comment=said, rated_at=now, details={"stars": stars})


# -- shared -------------------------------------------------------------------------------------------------------


def _taken(change: Change) -> dict[str, Any]:
    """Whoever works on a request first has accepted it and, if nobody has it, gets it."""
    row, member = change.row, change.actor.staff_member_id
    values: dict[str, Any] = {} if row.accepted_at else {"accepted_at": change.now}
    return values if row.assignee_id is not None else {**values, "assignee_id": member}


def _say(change: Change, text: str, **fields: Any) -> Changed:
    said = required("text", text)
    first: dict[str, Any] = {} if change.row.replied_at else {"replied_at": change.now}
    if change.row.conversation_id is not None:
        handover.prolong(change.connection, conversation_id=change.row.conversation_id, now=change.now)
    return apply(
        change, text=said, author=MessageAuthor.OFFICER, notice={"text": said, **fields}, unread_at=None,
        **_taken(change), **first,
    )  # fmt: skip


def _message(change: Change, text: str, author: MessageAuthor) -> int:
    return requests.add_message(
        change.connection, department_id=change.row.department_id, request_id=change.row.id, author=author,
        staff_member_id=change.actor.staff_member_id, text=text, created_at=change.now,
    )  # fmt: skip


def _note(change: Change, text: str) -> int:
    return _message(change, text, MessageAuthor.NOTE)


def _retarget(change: Change, topic: str | None, priority: Priority) -> dict[str, Any]:
    target = change.desk.targets.of(topic, priority)
    if change.row.extended_at is not None:
        target = Target(target.amount * 2, target.unit)
    clock = clock_of(change.row)
    return due_values(change.desk, Clock(clock.started_at, target, clock.pauses))


def plan_end(change: Change, *, rate: bool) -> None:
    """The due rows that follow from the end of a request: its files and its personal data go, a rating is asked for."""
    row, periods = change.row, change.desk.periods
    plans = [("desk_files", periods.files), ("desk_request", periods.request)]
    if rate:
        plans.append(("desk_rating", RATING_REMINDER_DAYS))
    for kind, days in plans:
        operations.plan_job(
            change.connection, department_id=row.department_id, kind=kind, key=str(row.id),
            due_at=change.now + days * DAY, payload={"request_id": row.id},
        )  # fmt: skip
