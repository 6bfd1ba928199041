"""The department row."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from db.models import Department


def find_department(connection: Connection) -> Row[Any] | None:
    """The first department of the database; None before the first start."""
    return connection.execute(select(Department.__table__).order_by(Department.id).limit(1)).first()


def save_department(connection: Connection, *, profile: dict[str, Any], source_hash: str, now: dt.datetime) -> int:
    """Create the department, or bring it to the profile when its file changed since; returns its id."""
    row = find_department(connection)
    values = {**profile, "source_hash": source_hash}
    if row is None:
        result = connection.execute(insert(Department).values(**values, created_at=now).returning(Department.id))
        return int(result.scalar_one())
    if row.source_hash != source_hash:
        connection.execute(update(Department).where(Department.id == row.id).values(**values))
    return int(row.id)
