"""Texts that officers send often, of a unit or of the whole department."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from db.models import CannedReply, Unit


def list_replies(
    connection: Connection, *, department_id: int, of_units: Sequence[int] | None = None
) -> list[Row[Any]]:
    """Every text by its title, with its unit's name as ``unit``; with ``of_units`` only theirs and everybody's."""
    statement = (
        select(CannedReply.__table__, Unit.name.label("unit"))
        .outerjoin(Unit, Unit.id == CannedReply.unit_id)
        .where(CannedReply.department_id == department_id)
    )
    if of_units is not None:
        statement = statement.where(or_(CannedReply.unit_id.is_(None), CannedReply.unit_id.in_(of_units)))
    return list(connection.execute(statement.order_by(CannedReply.title, CannedReply.id)))


def add_reply(
    connection: Connection, *, department_id: int, unit_id: int | None, title: str, text: str, by: int,
    now: dt.datetime,
) -> int:  # fmt: skip
    """Store a new text; returns its id."""
    statement = insert(CannedReply).values(
        department_id=department_id, unit_id=unit_id, title=title, text=text, updated_by=by, updated_at=now
    )
    return int(connection.execute(statement.returning(CannedReply.id)).scalar_one())


def change_reply(
    connection: Connection, reply_id: int, *, department_id: int, unit_id: int | None, title: str, text: str, by: int,
    now: dt.datetime,
) -> bool:  # fmt: skip
    """Put another text in its place; False when it is gone."""
    statement = (
        update(CannedReply)
        .where(CannedReply.id == reply_id, CannedReply.department_id == department_id)
        .values(unit_id=unit_id, title=title, text=text, updated_by=by, updated_at=now)
    )
    return connection.execute(statement).rowcount == 1


def remove_reply(connection: Connection, reply_id: int, *, department_id: int) -> bool:
    """Take a text away; False when it is gone already."""
    where = (CannedReply.id == reply_id, CannedReply.department_id == department_id)
    return connection.execute(delete(CannedReply).where(*where)).rowcount == 1
