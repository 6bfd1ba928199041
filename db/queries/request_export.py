"""Support requests with everything a list on paper needs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from db.models import Request, StaffMember, Unit
from db.queries.privacy import request_columns


@dataclass(frozen=True)
class ExportFilter:
    """Which requests; None leaves a field open. ``since`` is inclusive, ``until`` exclusive: when they were filed."""

    status: str | None = None
    topic: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None


def _in_full(department_id: int) -> Select[Any]:
    statement: Select[Any] = (
        select(*request_columns(), Unit.name.label("unit"), StaffMember.name.label("assignee"))
        .outerjoin(Unit, Unit.id == Request.unit_id)
        .outerjoin(StaffMember, StaffMember.id == Request.assignee_id)
    )
    return statement.where(Request.department_id == department_id)


def requests_in_full(connection: Connection, ids: Sequence[int], *, department_id: int) -> list[Row[Any]]:
    """The requests of these ids, in the order of the ids, with their ``unit`` and ``assignee`` by name."""
    found = {row.id: row for row in connection.execute(_in_full(department_id).where(Request.id.in_(ids)))}
    return [found[request_id] for request_id in ids if request_id in found]


def list_in_full(
    connection: Connection, wanted: ExportFilter, *, department_id: int, after_id: int = 0, limit: int = 1000
) -> list[Row[Any]]:
    """The requests filed from ``after_id`` on, oldest first."""
    statement = _in_full(department_id).where(Request.id > after_id)
    if wanted.status is not None:
        statement = statement.where(Request.status == wanted.status)
    if wanted.topic is not None:
        statement = statement.where(Request.topic == wanted.topic)
    if wanted.since is not None:
        statement = statement.where(Request.created_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(Request.created_at < wanted.until)
    return list(connection.execute(statement.order_by(Request.id).limit(limit)))
