"""The audit log, read page by page."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from db.models import AuditEvent, StaffMember

NOBODY = 0  # no staff member has this id: what the system, the command line and people did


@dataclass(frozen=True)
class AuditFilter:
    """Which events to list; None leaves a field open.

    ``staff_member_id`` may be ``NOBODY``. ``family`` is the first part of an action's name, ``action`` all of it.
    ``since`` is inclusive, ``until`` exclusive. ``before_id`` continues after an earlier page.
    """

    staff_member_id: int | None = None
    family: str | None = None
    action: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    before_id: int | None = None


def list_events(connection: Connection, wanted: AuditFilter, *, department_id: int, limit: int) -> list[Row[Any]]:
    """The newest events that match, with the staff member's name and login as ``who`` and ``login``."""
    clauses: list[Any] = [AuditEvent.department_id == department_id]
    if wanted.staff_member_id is not None:
        member = AuditEvent.staff_member_id
        clauses.append(member.is_(None) if wanted.staff_member_id == NOBODY else member == wanted.staff_member_id)
    if wanted.family is not None:
        start = f"{wanted.family}."
        clauses.append(AuditEvent.action.startswith(start, autoescape=True))
    if wanted.action is not None:
        clauses.append(AuditEvent.action == wanted.action)
    if wanted.since is not None:
        clauses.append(AuditEvent.created_at >= wanted.since)
    if wanted.until is not None:
        clauses.append(AuditEvent.created_at < wanted.until)
    if wanted.before_id is not None:
        clauses.append(AuditEvent.id < wanted.before_id)
    statement = (
        select(AuditEvent.__table__, StaffMember.name.label("who"), StaffMember.login)
        .outerjoin(StaffMember, StaffMember.id == AuditEvent.staff_member_id)
        .where(*clauses)
    )
    return list(connection.execute(statement.order_by(AuditEvent.id.desc()).limit(limit)))
