"""Messages that did not reach their person: kept until they write again, or given up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, literal_column, or_, select, update

from db.models import Conversation, OutboxMessage, OutboxStatus, Request, RequestMessage
from db.queries.privacy import usable_phone
from db.queries.request_queue import Viewer, visible

COUNTED_AT_MOST = 1000
ERASED = "withdrawn"  # what ``reach.erase_conversation`` leaves: there is nobody and nothing left to send

# a literal, so that both databases see that the index over unsent rows will do
IS_UNSENT = OutboxMessage.status.in_(
    [literal_column(f"'{OutboxStatus.WAITING_WINDOW}'"), literal_column(f"'{OutboxStatus.UNDELIVERABLE}'")]
)
NOT_ERASED = or_(OutboxMessage.error.is_(None), OutboxMessage.error != ERASED)


@dataclass(frozen=True)
class UndeliveredFilter:
    """Which messages to list; None leaves a field open. ``before_id`` continues after an earlier page."""

    status: str | None = None
    channel: str | None = None
    called: bool | None = None
    before_id: int | None = None


def _base(viewer: Viewer, wanted: UndeliveredFilter, *, department_id: int, columns: Sequence[Any]) -> Select[Any]:
    """The messages a staff member may see: those of their requests; without a request, who sees everything."""
    statement = (
        select(*columns)
        .select_from(OutboxMessage)
        .join(Conversation, Conversation.id == OutboxMessage.conversation_id)
        .outerjoin(RequestMessage, RequestMessage.outbox_id == OutboxMessage.id)
        .outerjoin(Request, Request.id == RequestMessage.request_id)
    )
    return statement.where(*_where(viewer, wanted, department_id))


def _where(viewer: Viewer, wanted: UndeliveredFilter, department_id: int) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = [OutboxMessage.department_id == department_id, IS_UNSENT, NOT_ERASED]
    if not viewer.sees_all:
        clauses += [Request.id.is_not(None), *visible(viewer)]
    if wanted.status is not None:
        clauses.append(OutboxMessage.status == wanted.status)
    if wanted.channel is not None:
        clauses.append(OutboxMessage.channel == wanted.channel)
    if wanted.called is not None:
        called = RequestMessage.called_at
        clauses.append(called.is_not(None) if wanted.called else called.is_(None))
    if wanted.before_id is not None:
        clauses.append(OutboxMessage.id < wanted.before_id)
    return clauses


def list_undelivered(
    connection: Connection, viewer: Viewer, wanted: UndeliveredFilter, *, department_id: int, limit: int
) -> list[Row[Any]]:
    """The newest that match; with the request they belong to (``code``, ``name``, ``phone``…) where there is one."""
    columns: tuple[Any, ...] = (
        OutboxMessage.id, OutboxMessage.channel, OutboxMessage.status, OutboxMessage.error, OutboxMessage.reply,
        OutboxMessage.created_at, OutboxMessage.attempts, OutboxMessage.conversation_id,
        Conversation.unreachable_at, RequestMessage.id.label("message_id"), RequestMessage.text,
        RequestMessage.notice, RequestMessage.called_at, Request.id.label("request_id"), Request.code, Request.name,
        Request.organisation, usable_phone().label("phone"),
    )  # fmt: skip
    statement = _base(viewer, wanted, department_id=department_id, columns=columns)
    return list(connection.execute(statement.order_by(OutboxMessage.id.desc()).limit(limit)))


def count_undelivered(connection: Connection, viewer: Viewer, wanted: UndeliveredFilter, *, department_id: int) -> int:
    """How many match, counted up to ``COUNTED_AT_MOST`` + 1."""
    whole = replace(wanted, before_id=None)
    matching = _base(viewer, whole, department_id=department_id, columns=(OutboxMessage.id,))
    few = matching.limit(COUNTED_AT_MOST + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(few)).scalar_one())


def resend(connection: Connection, outbox_ids: Sequence[int], *, department_id: int, now: dt.datetime) -> int:
    """Queue messages again; returns how many. Those that hold nothing any more, or went meanwhile, stay as they are.

    What is sent again to one person at one time goes out as one message.
    """
    kept = or_(
        OutboxMessage.reply["body"].as_string() != "", OutboxMessage.reply["notice"].as_string().is_not(None)
    )  # fmt: skip
    statement = (
        update(OutboxMessage)
        .where(
            OutboxMessage.id.in_(outbox_ids), OutboxMessage.department_id == department_id, IS_UNSENT, NOT_ERASED, kept,
        )
        .values(status=OutboxStatus.QUEUED, not_before=now, released_at=now, attempts=0, error=None)
    )  # fmt: skip
    return int(connection.execute(statement).rowcount)
