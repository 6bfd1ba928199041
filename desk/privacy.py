"""People's rights over their data: dated tasks with the law's clocks, what is shown, what is erased.

Nghị định 356/2025/NĐ-CP, Điều 5: acknowledged within two working days; done within 10, 15 or 20 days, later when
another body must act too; extended once. The days are counted as calendar days and end at the last working moment
within them: the stricter reading of what the decree leaves open.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from db.models import DataRight, DataTaskStatus
from db.queries import conversations, operations, privacy, reach, request_files, request_search, requests, zalo
from db.queries import drafts as draft_queries
from desk import notices
from desk.calendar import local_date
from desk.change import Actor, required
from desk.errors import ExtendedAlready, OpenRequestsRemain, RequestNotFound, TaskNotFound
from desk.places import show_place
from desk.settings import Desk

ACKNOWLEDGE_DAYS = 2
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Clocks:
    """Days to carry a right out: by the department, when another body must act too, and the one extension."""

    own: int
    with_processor: int
    extension: int
    article: str


_SEEING, _STOPPING = Clocks(10, 15, 10, "khoản 3"), Clocks(15, 20, 15, "khoản 2")
CLOCKS = {
    DataRight.VIEW: _SEEING, DataRight.COPY: _SEEING, DataRight.CORRECT: _SEEING,
    DataRight.WITHDRAW_CONSENT: _STOPPING, DataRight.RESTRICT: _STOPPING, DataRight.OBJECT: _STOPPING,
    DataRight.ERASE: Clocks(20, 30, 20, "khoản 4"),
    # how long another body may take for protective measures is not stated: no longer than the department itself
    DataRight.PROTECT: Clocks(15, 15, 15, "khoản 5"),
}  # fmt: skip


@dataclass(frozen=True)
class Task:
    """A task as it stands; ``is_new`` is false when asking again found the open one."""

    id: int
    right: DataRight
    acknowledge_due_at: dt.datetime
    due_at: dt.datetime
    is_new: bool = True


def open_task(
    connection: Connection, desk: Desk, *, conversation_id: int, right: DataRight, now: dt.datetime,
    with_processor: bool = False,
) -> Task:  # fmt: skip
    """Open a dated task, and acknowledge it at once with what happens by when. Asking twice is asking once.

    Raises:
        RequestNotFound: No such conversation here.
    """
    conversation = conversations.lock_conversation(connection, conversation_id)
    if conversation is None or conversation.department_id != desk.department_id:
        raise RequestNotFound
    found = privacy.find_open_task(connection, conversation_id, right=right)
    if found is not None:
        return Task(found.id, right, found.acknowledge_due_at, found.due_at, is_new=False)
    clocks = CLOCKS[right]
    acknowledge_due_at = desk.calendar.add_days(now, ACKNOWLEDGE_DAYS).at
    due_at = _last_moment(desk, now, clocks.with_processor if with_processor else clocks.own)
    task_id = privacy.add_task(
        connection, department_id=desk.department_id, conversation_id=conversation_id, right=right,
        status=DataTaskStatus.OPEN, with_processor=with_processor, opened_at=now,
        acknowledge_due_at=acknowledge_due_at, acknowledged_at=now, due_at=due_at, details={},
    )  # fmt: skip
    assert task_id is not None  # the conversation is locked
    # once everything is erased nobody can be told any more
    key = "privacy.erase_opened" if right is DataRight.ERASE else "privacy.task_opened"
    notices.queue(
        connection, conversation_id, key, now=now, right=right, due_at=due_at,
        acknowledge_due_at=acknowledge_due_at,
    )  # fmt: skip
    _audit(connection, desk, "open", task_id, right, Actor.person(conversation_id), now)
    return Task(task_id, right, acknowledge_due_at, due_at)


def _last_moment(desk: Desk, start: dt.datetime, days: int) -> dt.datetime:
    """The last working moment within ``days`` calendar days of ``start``'s day, which is not counted."""
    return desk.calendar.closing_on_or_before(local_date(start) + days * DAY)


def extend(
    connection: Connection, desk: Desk, *, task_id: int, reason: str, actor: Actor, now: dt.datetime
) -> dt.datetime:
    """Take the one extension, before the time is over, with a reason the person is told; returns the new due time.

    Raises:
        TaskNotFound: No open task.
        ExtendedAlready: Extended before, or too late.
    """
    row = _open_row(connection, desk, task_id)
    if row.extended_at is not None or now > row.due_at:
        raise ExtendedAlready(str(task_id))
    said = required("reason", reason)
    clocks = CLOCKS[DataRight(row.right)]
    first = clocks.with_processor if row.with_processor else clocks.own
    due_at = _last_moment(desk, row.opened_at, first + clocks.extension)
    privacy.change_task(connection, task_id, due_at=due_at, extended_at=now)
    notices.queue(
        connection, row.conversation_id, "privacy.task_extended", now=now, right=row.right, due_at=due_at, reason=said
    )
    _audit(connection, desk, "extend", task_id, row.right, actor, now)
    return due_at


def finish(connection: Connection, desk: Desk, *, task_id: int, actor: Actor, now: dt.datetime) -> None:
    """The right was carried out. Erasing is finished by ``erase``.

    Raises:
        TaskNotFound: No open task, or one to erase.
    """
    row = _open_row(connection, desk, task_id)
    if row.right == DataRight.ERASE:
        raise TaskNotFound
    _end(connection, desk, row, DataTaskStatus.DONE, actor, now)
    notices.queue(connection, row.conversation_id, "privacy.task_done", now=now, right=row.right)


def refuse(connection: Connection, desk: Desk, *, task_id: int, reason: str, actor: Actor, now: dt.datetime) -> None:
    """The right cannot be carried out, for a reason the person is told (an open case, a duty to archive).

    Raises:
        TaskNotFound: No open task.
    """
    row = _open_row(connection, desk, task_id)
    said = required("reason", reason)
    _end(connection, desk, row, DataTaskStatus.REFUSED, actor, now)
    notices.queue(connection, row.conversation_id, "privacy.task_refused", now=now, right=row.right, reason=said)


def _open_row(connection: Connection, desk: Desk, task_id: int) -> Row[Any]:
    row = privacy.lock_task(connection, task_id, department_id=desk.department_id)
    if row is None or row.status != DataTaskStatus.OPEN:
        raise TaskNotFound
    return row


def _end(
    connection: Connection, desk: Desk, row: Row[Any], status: DataTaskStatus, actor: Actor, now: dt.datetime,
    **details: Any,
) -> None:  # fmt: skip
    privacy.change_task(
        connection, row.id, status=status, finished_at=now, staff_member_id=actor.staff_member_id, details=details
    )
    operations.plan_job(
        connection, department_id=desk.department_id, kind="desk_task", key=str(row.id),
        due_at=now + dt.timedelta(days=desk.periods.task), payload={"task_id": row.id},
    )  # fmt: skip
    _audit(connection, desk, str(status), row.id, row.right, actor, now, **details)


def _audit(
    connection: Connection, desk: Desk, action: str, task_id: int, right: str, actor: Actor, now: dt.datetime,
    **details: Any,
) -> None:  # fmt: skip
    operations.audit(
        connection, department_id=desk.department_id, action=f"privacy.{action}", now=now,
        staff_member_id=actor.staff_member_id, actor=str(actor.who), task_id=task_id, right=right, **details,
    )  # fmt: skip


# -- showing and erasing ------------------------------------------------------------------------------------------

_SHOWN = (
    "code", "created_at", "status", "topic", "question", "description", "requester_kind", "name", "organisation",
    "tax_code", "phone", "province", "place", "result", "rating", "rating_comment", "closed_at",
)  # fmt: skip


def collect(connection: Connection, desk: Desk, *, conversation_id: int) -> dict[str, Any]:
    """Everything the desk holds about the person of a conversation, as plain JSON, for them alone.

    What officers noted among themselves is left out. The chat's own messages are not in it.

    Raises:
        RequestNotFound: No such conversation here.
    """
    conversation = conversations.lock_conversation(connection, conversation_id)
    if conversation is None or conversation.department_id != desk.department_id:
        raise RequestNotFound
    draft = draft_queries.find_draft(connection, conversation_id)
    filed = requests.of_conversation(connection, conversation_id, limit=500)
    return {
        "requests": [_shown(connection, row) for row in filed],
        "draft": draft.data if draft is not None else None,
        "consents": [
            {"purpose": row.purpose, "choice": row.choice, "text_version": row.text_version, "channel": row.channel,
             "at": row.created_at.isoformat()}
            for row in privacy.consents_of(connection, conversation_id)
        ],
        "tasks": [
            {"right": row.right, "status": row.status, "opened_at": row.opened_at.isoformat(),
             "due_at": row.due_at.isoformat()}
            for row in privacy.tasks_of(connection, conversation_id)
        ],
    }  # fmt: skip


def read_for_task(
    connection: Connection, desk: Desk, *, task: Row[Any], actor: Actor, now: dt.datetime
) -> dict[str, Any] | None:
    """What ``collect`` gives about the person of a task, for a member of the staff: the log says who read it when.

    None where the person was erased: then nothing was read.
    """
    if task.conversation_id is None:
        return None
    held = collect(connection, desk, conversation_id=task.conversation_id)
    _audit(connection, desk, "read", task.id, task.right, actor, now)
    return held


def _shown(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in _SHOWN}
    shown = {name: value.isoformat() if isinstance(value, dt.datetime) else value for name, value in plain.items()}
    shown["place"] = show_place(row.province, row.old_province, row.commune, row.former_unit, row.place) or None
    return {
        **shown,
        "messages": [
            {"from": message.author, "text": message.text, "at": message.created_at.isoformat()}
            for message in requests.messages_of(connection, row.id)
            if message.author in ("person", "officer")
        ],
        "files": [
            {"name": file.name, "kind": file.kind, "size": file.size}
            for file in request_files.files_of(connection, request_id=row.id)
        ],
        "history": [
            {"action": entry.action, "by": entry.actor, "at": entry.created_at.isoformat()}
            for entry in privacy.history_rows(connection, row.id)
        ],
    }


@dataclass(frozen=True)
class Erased:
    """What was erased; no personal data in it."""

    requests: int
    files: int
    rows: int


def erase(
    connection: Connection, desk: Desk, *, conversation_id: int, now: dt.datetime, actor: Actor,
    asked_at: dt.datetime | None = None,
) -> Erased:  # fmt: skip
    """Really erase everything about the person of a conversation, and finish their task to do so.

    Ended requests keep what they count for (topic, times, status, rating, province) and nothing about anybody. Files go
    from the disk with the next ``retention.sweep_blobs``. Consent receipts stay until their own period ends: they prove
    what was agreed. The last message the person gets is the chat's: say it before calling, for afterwards the
    conversation cannot be written to. ``asked_at``: the messenger's late events of before bring nothing back.

    Raises:
        RequestNotFound: No such conversation here.
        OpenRequestsRemain: Requests are open: they must be withdrawn or ended first.
    """
    conversation = conversations.lock_conversation(connection, conversation_id)
    if conversation is None or conversation.department_id != desk.department_id:
        raise RequestNotFound
    codes = requests.open_codes(connection, conversation_id)
    if codes:
        raise OpenRequestsRemain(codes)
    ids = privacy.closed_request_ids(connection, conversation_id)
    files = sum(forget_request(connection, request_id, now=now) for request_id in ids)
    draft = draft_queries.find_draft(connection, conversation_id)
    if draft is not None:
        draft_queries.delete_draft(connection, draft.id, now=now)
    draft_queries.delete_links(connection, conversation_id=conversation_id)
    task = privacy.find_open_task(connection, conversation_id, right=DataRight.ERASE)
    if task is not None:
        _end(connection, desk, task, DataTaskStatus.DONE, actor, now, requests=len(ids), files=files)
    privacy.detach_tasks(connection, conversation_id)
    if conversation.channel == "zalo":
        zalo.forget_person(
            connection, department_id=desk.department_id, account=conversation.account,
            user_id=conversation.external_id, conversation_id=conversation_id, at=asked_at or now, now=now,
        )  # fmt: skip
    rows = reach.erase_conversation(connection, conversation_id, now=now)
    keep_consents(connection, desk, conversation_id, now=now)
    return Erased(len(ids), files, rows)


def forget_request(connection: Connection, request_id: int, *, now: dt.datetime) -> int:
    """Take a request's person out of it, its files and the search; returns how many files go."""
    files = request_files.remove_files(connection, request_id=request_id, now=now)
    request_search.clear_words(connection, request_id)
    draft_queries.delete_links(connection, request_id=request_id)
    privacy.deidentify_request(connection, request_id, now=now)
    return files


def keep_consents(connection: Connection, desk: Desk, conversation_id: int, *, now: dt.datetime) -> None:
    """Processing has just ended: the receipts' own period begins."""
    if privacy.processes_data(connection, conversation_id):
        return
    keys = [str(row.id) for row in privacy.consents_of(connection, conversation_id)]
    until = now + dt.timedelta(days=desk.periods.consent)
    operations.move_jobs(connection, kind="desk_consent", keys=keys, due_at=until)
