"""Consent receipts, tasks about personal data, and taking personal data out of rows."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, delete, func, insert, select, update
from sqlalchemy.orm import aliased

from db.models import (
    Consent,
    ConsentChoice,
    Conversation,
    DataTask,
    DataTaskStatus,
    Handover,
    Request,
    RequestHistory,
    RequestMessage,
    StaffMember,
)
from db.queries.conversations import insert_new

HANDLE_REQUEST = "handle_request"  # the purpose of consent that a request stands on

# -- consents -----------------------------------------------------------------------------------------------------


def add_consent(connection: Connection, **values: Any) -> int:
    """Add a receipt; returns its id."""
    return int(connection.execute(insert(Consent).values(**values).returning(Consent.id)).scalar_one())


def latest_consent(connection: Connection, conversation_id: int, *, purpose: str) -> Row[Any] | None:
    """The person's last choice for a purpose."""
    statement = (
        select(Consent.__table__)
        .where(Consent.conversation_id == conversation_id, Consent.purpose == purpose)
        .order_by(Consent.id.desc())
        .limit(1)
    )
    return connection.execute(statement).first()


def withdrew() -> ColumnElement[bool]:
    """Whether the person of a request withdrew their consent last, as a condition of a statement about requests."""
    last = (
        select(Consent.choice)
        .where(Consent.conversation_id == Request.conversation_id, Consent.purpose == HANDLE_REQUEST)
        .order_by(Consent.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return last.is_not_distinct_from(ConsentChoice.WITHDRAWN)


def usable_phone() -> ColumnElement[str | None]:
    """The phone of a request, as a column of a statement about requests; NULL once its person withdrew.

    The chat promises that the number is not used any more. Whatever shows or lists phones takes this column and not
    the one of the table; only the copy of their own data a person gets has the number as it is kept. A search for a
    number still finds its request: who calls in must be found.
    """
    return case((withdrew(), None), else_=Request.phone)


def request_columns() -> list[ColumnElement[Any]]:
    """Every column of a request for the staff: with ``usable_phone`` as its ``phone``."""
    kept = [column for column in Request.__table__.columns if column.name != "phone"]
    return [*kept, usable_phone().label("phone")]


def consents_of(connection: Connection, conversation_id: int) -> list[Row[Any]]:
    """Every choice of a person, in order."""
    statement = select(Consent.__table__).where(Consent.conversation_id == conversation_id)
    return list(connection.execute(statement.order_by(Consent.id)))


def find_consent(connection: Connection, consent_id: int) -> Row[Any] | None:
    """A receipt by its id."""
    return connection.execute(select(Consent.__table__).where(Consent.id == consent_id)).first()


def delete_consent(connection: Connection, consent_id: int) -> None:
    """Forget a receipt whose period is over."""
    connection.execute(delete(Consent).where(Consent.id == consent_id))


def processes_data(connection: Connection, conversation_id: int) -> bool:
    """Whether requests of a conversation are still kept with what is about the person."""
    statement = select(func.count()).where(Request.conversation_id == conversation_id)
    return bool(connection.execute(statement).scalar())


# -- tasks --------------------------------------------------------------------------------------------------------


def add_task(connection: Connection, **values: Any) -> int | None:
    """Open a task; None when one of its kind is open in the conversation."""
    statement = insert_new(connection, DataTask).values(**values).returning(DataTask.id)
    return connection.execute(statement).scalar()


def find_open_task(connection: Connection, conversation_id: int, *, right: str) -> Row[Any] | None:
    """The open task of a kind of a conversation."""
    statement = select(DataTask.__table__).where(
        DataTask.conversation_id == conversation_id, DataTask.right == right, DataTask.status == DataTaskStatus.OPEN
    )
    return connection.execute(statement).first()


def lock_task(connection: Connection, task_id: int, *, department_id: int) -> Row[Any] | None:
    """A task, kept from other writers until the transaction ends."""
    statement = select(DataTask.__table__).where(DataTask.id == task_id, DataTask.department_id == department_id)
    return connection.execute(statement.with_for_update()).first()


def change_task(connection: Connection, task_id: int, **values: Any) -> None:
    """Change columns of a task."""
    connection.execute(update(DataTask).where(DataTask.id == task_id).values(**values))


def find_task(connection: Connection, task_id: int, *, department_id: int) -> Row[Any] | None:
    """A task with the ``channel`` of its person."""
    statement = (
        select(DataTask.__table__, Conversation.channel)
        .outerjoin(Conversation, Conversation.id == DataTask.conversation_id)
        .where(DataTask.id == task_id, DataTask.department_id == department_id)
    )
    return connection.execute(statement).first()


def tasks_with_people(connection: Connection, *, department_id: int, is_open: bool, limit: int) -> list[Row[Any]]:
    """Open tasks, the most urgent first, or ended ones, the last first.

    With the person's ``channel``, the ``code``, ``name`` and ``organisation`` of their newest request, and ``member``:
    who ended the task.
    """
    other = aliased(Request)
    newest = select(func.max(other.id)).where(other.conversation_id == DataTask.conversation_id).scalar_subquery()
    statement = (
        select(
            DataTask.__table__, Conversation.channel, Request.code, Request.name, Request.organisation,
            StaffMember.name.label("member"),
        )
        .outerjoin(Conversation, Conversation.id == DataTask.conversation_id)
        .outerjoin(Request, Request.id == newest)
        .outerjoin(StaffMember, StaffMember.id == DataTask.staff_member_id)
        .where(DataTask.department_id == department_id)
    )  # fmt: skip
    if is_open:
        statement = statement.where(DataTask.status == DataTaskStatus.OPEN).order_by(DataTask.due_at, DataTask.id)
    else:
        statement = statement.where(DataTask.status != DataTaskStatus.OPEN).order_by(
            DataTask.finished_at.desc(), DataTask.id.desc()
        )
    return list(connection.execute(statement.limit(limit)))


def count_open_tasks(connection: Connection, *, department_id: int) -> tuple[int, dt.datetime | None]:
    """How many tasks are open, and when the first of them is due."""
    statement = select(func.count(), func.min(DataTask.due_at)).where(
        DataTask.department_id == department_id, DataTask.status == DataTaskStatus.OPEN
    )
    count, due_at = connection.execute(statement).one()
    return int(count), due_at


def tasks_of(connection: Connection, conversation_id: int) -> list[Row[Any]]:
    """The tasks a person opened, in order."""
    statement = select(DataTask.__table__).where(DataTask.conversation_id == conversation_id)
    return list(connection.execute(statement.order_by(DataTask.id)))


def delete_task(connection: Connection, task_id: int) -> None:
    """Forget a task whose record has been kept long enough."""
    connection.execute(delete(DataTask).where(DataTask.id == task_id))


def detach_tasks(connection: Connection, conversation_id: int) -> None:
    """Finished tasks stay as a record, but of nobody in particular."""
    connection.execute(
        update(DataTask)
        .where(DataTask.conversation_id == conversation_id, DataTask.status != DataTaskStatus.OPEN)
        .values(conversation_id=None)
    )


# -- taking personal data out -------------------------------------------------------------------------------------


def deidentify_request(connection: Connection, request_id: int, *, now: dt.datetime) -> None:
    """Remove from a request everything that is, or in free words may be, about a person. What it counts for stays."""
    connection.execute(
        update(Request)
        .where(Request.id == request_id)
        .values(
            idempotency_key=None, conversation_id=None, question=None, description=None, name=None, organisation=None,
            tax_code=None, phone=None, commune=None, former_unit=None, place=None, result=None, rating_comment=None,
            deidentified_at=now, version=Request.version + 1,
        )
    )  # fmt: skip
    connection.execute(
        update(RequestMessage)
        .where(RequestMessage.request_id == request_id)
        .values(text=None, outbox_id=None, inbox_id=None)
    )
    connection.execute(update(Handover).where(Handover.request_id == request_id).values(request_id=None))


def closed_request_ids(connection: Connection, conversation_id: int) -> list[int]:
    """The requests of a conversation that are not open, oldest first."""
    statement = select(Request.id).where(Request.conversation_id == conversation_id, Request.is_open.is_(False))
    return list(connection.execute(statement.order_by(Request.id)).scalars())


def history_rows(connection: Connection, request_id: int) -> list[Row[Any]]:
    """The history of a request without names, for what a person is shown about their own data."""
    statement = select(
        RequestHistory.action, RequestHistory.actor, RequestHistory.to_status, RequestHistory.created_at
    ).where(RequestHistory.request_id == request_id)
    return list(connection.execute(statement.order_by(RequestHistory.id)))
