"""One change of a request: checked, locked, then written with its history, audit row and notice."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from db.models import MessageAuthor, Priority, RequestStatus
from db.queries import conversations, operations, requests
from desk import notices
from desk.errors import FieldMissing, RequestNotFound, StaleRequest
from desk.settings import Desk
from desk.states import ENDED, OPEN, RUNNING, Clock, Transition, Who, find_transition
from desk.targets import Clock as RunningClock
from desk.targets import Target
from desk.text import clean_text

TEXT_LIMIT = 4000


@dataclass(frozen=True)
class Actor:
    """Who acts: ``id`` is the conversation of a person, the member id of an officer, None for a timer."""

    who: Who
    id: int | None = None
    name: str | None = None

    @classmethod
    def person(cls, conversation_id: int) -> Actor:
        """The person of a conversation."""
        return cls(Who.PERSON, conversation_id)

    @classmethod
    def staff(cls, staff_member_id: int, name: str | None = None) -> Actor:
        """A staff member; ``name`` is told to the person."""
        return cls(Who.STAFF, staff_member_id, name)

    @classmethod
    def system(cls) -> Actor:
        """A timer."""
        return cls(Who.SYSTEM)

    @property
    def staff_member_id(self) -> int | None:
        """The staff member's id; None for anybody else."""
        return self.id if self.who is Who.STAFF else None


@dataclass(frozen=True)
class Changed:
    """A request after a change. ``outbox_id`` and ``message_id`` are what was sent or noted, if anything."""

    request_id: int
    code: str
    status: RequestStatus
    version: int
    due_at: dt.datetime
    outbox_id: int | None = None
    message_id: int | None = None


@dataclass(frozen=True)
class Change:
    """An action that may be taken: the locked row and its line of the table."""

    connection: Connection
    desk: Desk
    actor: Actor
    now: dt.datetime
    row: Row[Any]
    transition: Transition


def required(field: str, text: str | None, *, limit: int = TEXT_LIMIT) -> str:
    """The cleaned text.

    Raises:
        FieldMissing: It is empty or longer than ``limit`` characters.
    """
    cleaned = clean_text(text or "")
    if not cleaned:
        raise FieldMissing(field)
    if len(cleaned) > limit:
        raise FieldMissing(field, limit)
    return cleaned


def begin(
    connection: Connection, desk: Desk, action: str, *, request_id: int, actor: Actor, now: dt.datetime,
    version: int | None = None,
) -> Change:  # fmt: skip
    """Lock a request and check that ``actor`` may take ``action`` now.

    Raises:
        RequestNotFound: There is none, or it is not this person's.
        StaleRequest: Its version is not ``version``.
        TransitionRefused: Its status does not allow the action.
    """
    row = requests.find_request(connection, request_id, department_id=desk.department_id)
    if row is None or (actor.who is Who.PERSON and row.conversation_id != actor.id):
        raise RequestNotFound
    if row.conversation_id is not None:
        conversations.lock_conversation(connection, row.conversation_id)
    row = requests.lock_request(connection, request_id, department_id=desk.department_id)
    if row is None:
        raise RequestNotFound
    if version is not None and row.version != version:
        raise StaleRequest(row.code, row.version)
    return Change(connection, desk, actor, now, row, find_transition(action, row.status, actor.who, code=row.code))


def apply(
    change: Change, *, text: str | None = None, author: MessageAuthor | None = None, inbox_id: int | None = None,
    notice: dict[str, Any] | None = None, details: dict[str, Any] | None = None, bump: bool = True, **values: Any,
) -> Changed:  # fmt: skip
    """Write a change.

    Args:
        change: From ``begin``.
        text: What was said, kept as a message of ``author``.
        author: Whose message it is; with a notice but no text it is the bot's.
        inbox_id: The person's message it came in.
        notice: The fields of the transition's notice beside ``code``, ``officer`` and the due time.
        details: For the history; no personal data.
        bump: Whether pages made before are stale from now on.
        values: Further columns to change.
    """
    connection, row, now, transition = change.connection, change.row, change.now, change.transition
    status = RequestStatus(transition.target or row.status)
    values = {**_status_values(change, status), **_clock_values(change), **values}
    written = bump or bool(values)
    changed = requests.change_request(connection, row.id, now=now, bump=bump, **values) if written else row
    outbox_id = None
    if transition.notice is not None and row.conversation_id is not None:
        outbox_id = _notify(change, transition.notice, changed, notice or {})
    message_id = None
    if text is not None or outbox_id is not None:
        message_id = requests.add_message(
            connection, department_id=row.department_id, request_id=row.id, author=author or MessageAuthor.NOTICE,
            staff_member_id=change.actor.staff_member_id, text=text, notice=transition.notice if outbox_id else None,
            outbox_id=outbox_id, inbox_id=inbox_id, created_at=now,
        )  # fmt: skip
    record(connection, changed, action=transition.action, actor=change.actor, now=now, from_status=row.status,
           **(details or {}))  # fmt: skip
    return Changed(row.id, row.code, status, changed.version, changed.due_at, outbox_id, message_id)


def record(
    connection: Connection, row: Row[Any], *, action: str, actor: Actor, now: dt.datetime, from_status: str | None,
    **details: Any,
) -> None:  # fmt: skip
    """The history and the audit log of a change that was just written."""
    requests.add_history(
        connection, department_id=row.department_id, request_id=row.id, action=action, actor=actor.who,
        staff_member_id=actor.staff_member_id, from_status=from_status, to_status=row.status, details=details,
        created_at=now,
    )  # fmt: skip
    operations.audit(
        connection, department_id=row.department_id, action=f"request.{action}", now=now,
        staff_member_id=actor.staff_member_id, request=row.code, actor=str(actor.who), from_status=from_status,
        to_status=row.status, **details,
    )  # fmt: skip


def _notify(change: Change, key: str, row: Row[Any], fields: dict[str, Any]) -> int:
    known: dict[str, Any] = {
        "code": row.code, "officer": change.actor.name, "due_at": row.due_at, "due_provisional": row.due_provisional,
        **fields,
    }  # fmt: skip
    wanted = {name: known[name] for name in notices.NOTICES[key]}
    return notices.queue(change.connection, row.conversation_id, key, now=change.now, **wanted)


def _status_values(change: Change, status: RequestStatus) -> dict[str, Any]:
    row, now = change.row, change.now
    if status == row.status:
        return {}
    values: dict[str, Any] = {"status": status, "is_open": status in OPEN, "is_running": status in RUNNING}
    if status in ENDED:
        values["closed_at"] = now
    if status is RequestStatus.ANSWERED:
        values["answered_at"] = now
    return values


def clock_of(row: Row[Any], *, until: dt.datetime | None = None) -> RunningClock:
    """The clock of a request; ``until`` ends a pause that is on."""
    pauses = [(dt.datetime.fromisoformat(since), dt.datetime.fromisoformat(to)) for since, to in row.pauses]
    if row.paused_at is not None and until is not None:
        pauses.append((row.paused_at, until))
    return RunningClock(row.clock_started_at, Target(row.target_amount, row.target_unit), pauses)


def due_values(desk: Desk, clock: RunningClock) -> dict[str, Any]:
    """The columns that follow from a clock."""
    due = clock.due(desk.calendar)
    return {
        "target_amount": clock.target.amount, "target_unit": clock.target.unit, "due_at": due.at,
        "warn_at": clock.warn_at(desk.calendar), "due_provisional": due.is_provisional,
    }  # fmt: skip


def start_values(desk: Desk, *, topic: str | None, priority: Priority, now: dt.datetime) -> dict[str, Any]:
    """The columns of a clock that starts now."""
    first_stages = {
        "accept_due_at": desk.targets.accept.due(desk.calendar, now).at,
        "reply_due_at": desk.targets.first_reply.due(desk.calendar, now).at,
    }
    clean: dict[str, Any] = {"paused_at": None, "paused_seconds": 0, "pauses": [], "extended_at": None}
    clock = RunningClock(now, desk.targets.of(topic, priority))
    return {"clock_started_at": now, **clean, **first_stages, **due_values(desk, clock)}


def _clock_values(change: Change) -> dict[str, Any]:
    row, now = change.row, change.now
    match change.transition.clock:
        case Clock.PAUSE:
            return {"paused_at": now}
        case Clock.RESUME | Clock.STOP if row.paused_at is not None:
            return {
                "paused_at": None,
                "paused_seconds": row.paused_seconds + round((now - row.paused_at).total_seconds()),
                "pauses": [*row.pauses, [row.paused_at.isoformat(), now.isoformat()]],
                **due_values(change.desk, clock_of(row, until=now)),
            }
        case Clock.RESTART:
            again = start_values(change.desk, topic=row.topic, priority=Priority(row.priority), now=now)
            return {**again, "answered_at": None, "closed_at": None, "accepted_at": None, "replied_at": None}
        case _:
            return {}
