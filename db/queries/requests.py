"""Support requests with their messages and history."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from db.models import OutboxMessage, Request, RequestHistory, RequestMessage, StaffMember

# -- one request --------------------------------------------------------------------------------------------------


def add_request(connection: Connection, **values: Any) -> int:
    """Store a new request; returns its id."""
    return int(connection.execute(insert(Request).values(**values).returning(Request.id)).scalar_one())


def find_request(connection: Connection, request_id: int, *, department_id: int) -> Row[Any] | None:
    """A request by its id."""
    statement = select(Request.__table__).where(Request.id == request_id, Request.department_id == department_id)
    return connection.execute(statement).first()


def lock_request(connection: Connection, request_id: int, *, department_id: int) -> Row[Any] | None:
    """A request, kept from other writers until the transaction ends; lock its conversation first."""
    statement = select(Request.__table__).where(Request.id == request_id, Request.department_id == department_id)
    return connection.execute(statement.with_for_update()).first()


def find_by_code(connection: Connection, code: str, *, department_id: int) -> Row[Any] | None:
    """A request by its code in the written form."""
    statement = select(Request.__table__).where(Request.code == code, Request.department_id == department_id)
    return connection.execute(statement).first()


def find_by_key(connection: Connection, key: str, *, department_id: int) -> Row[Any] | None:
    """The request that a form with this idempotency key became."""
    statement = select(Request.__table__).where(Request.idempotency_key == key, Request.department_id == department_id)
    return connection.execute(statement).first()


def change_request(
    connection: Connection, request_id: int, *, now: dt.datetime, bump: bool = True, **values: Any
) -> Row[Any]:
    """Change columns of a request and, with ``bump``, advance its version; returns the row as it is then."""
    if bump:
        values |= {"updated_at": now, "version": Request.version + 1}
    statement = update(Request).where(Request.id == request_id).values(**values).returning(*Request.__table__.columns)
    return connection.execute(statement).one()


def open_codes(connection: Connection, conversation_id: int) -> list[str]:
    """The codes of a conversation's open requests, oldest first."""
    statement = select(Request.code).where(Request.conversation_id == conversation_id, Request.is_open.is_(True))
    return list(connection.execute(statement.order_by(Request.id)).scalars())


def of_conversation(
    connection: Connection, conversation_id: int, *, limit: int = 20, open_only: bool = False
) -> list[Row[Any]]:
    """The requests a conversation filed, newest first."""
    statement = select(Request.__table__).where(Request.conversation_id == conversation_id)
    if open_only:
        statement = statement.where(Request.is_open.is_(True))
    return list(connection.execute(statement.order_by(Request.id.desc()).limit(limit)))


def running_requests(
    connection: Connection, *, department_id: int, after_id: int = 0, limit: int = 500
) -> list[Row[Any]]:
    """Open requests from ``after_id`` on, for recomputing what is due when."""
    statement = (
        select(Request.__table__)
        .where(Request.department_id == department_id, Request.is_open.is_(True), Request.id > after_id)
        .order_by(Request.id)
        .limit(limit)
    )
    return list(connection.execute(statement))


# -- messages -----------------------------------------------------------------------------------------------------


def add_message(connection: Connection, **values: Any) -> int:
    """Store something said in a request; returns its id."""
    return int(connection.execute(insert(RequestMessage).values(**values).returning(RequestMessage.id)).scalar_one())


def messages_of(connection: Connection, request_id: int, *, limit: int = 500) -> list[Row[Any]]:
    """What was said, in order, the latest ``limit``, with the state of delivery and the officer's name.

    Beside the columns of the message: ``delivery`` (an outbox status), ``delivery_error``, ``sent_at``,
    ``delivered_at``, ``seen_at``, ``officer``.
    """
    statement = (
        select(
            RequestMessage.__table__, OutboxMessage.status.label("delivery"),
            OutboxMessage.error.label("delivery_error"), OutboxMessage.sent_at, OutboxMessage.delivered_at,
            OutboxMessage.seen_at, StaffMember.name.label("officer"),
        )
        .outerjoin(OutboxMessage, OutboxMessage.id == RequestMessage.outbox_id)
        .outerjoin(StaffMember, StaffMember.id == RequestMessage.staff_member_id)
        .where(RequestMessage.request_id == request_id)
        .order_by(RequestMessage.id.desc())
        .limit(limit)
    )  # fmt: skip
    return list(reversed(connection.execute(statement).all()))


def mark_called(
    connection: Connection, message_id: int, *, request_id: int, staff_member_id: int, now: dt.datetime
) -> bool:
    """Note that a message was told by phone instead; False when there is no such message."""
    statement = (
        update(RequestMessage)
        .where(RequestMessage.id == message_id, RequestMessage.request_id == request_id)
        .values(called_at=now, called_by=staff_member_id)
    )
    return connection.execute(statement).rowcount == 1


# -- history ------------------------------------------------------------------------------------------------------


def add_history(connection: Connection, **values: Any) -> None:
    """Record what was done to a request."""
    connection.execute(insert(RequestHistory).values(**values))


def history_of(connection: Connection, request_id: int, *, limit: int = 500) -> list[Row[Any]]:
    """What was done to a request, in order, with the officer's name as ``officer``."""
    statement = (
        select(RequestHistory.__table__, StaffMember.name.label("officer"))
        .outerjoin(StaffMember, StaffMember.id == RequestHistory.staff_member_id)
        .where(RequestHistory.request_id == request_id)
        .order_by(RequestHistory.id.desc())
        .limit(limit)
    )
    return list(reversed(connection.execute(statement).all()))
