"""The department row."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from db.models import Department


def find_department(connection: Connection) -> Row[Any] | None:
    """The first department of the database; None before the first start."""
    return connection.execute(select(Department.__table__).order_by(Department.id).limit(1)).first()


def get_department(connection: Connection, department_id: int) -> Row[Any]:
    """A department by its id."""
    return connection.execute(select(Department.__table__).where(Department.id == department_id)).one()


@dataclass(frozen=True)
class SavedProfile:
    """What an import of the profile did. ``is_conflict``: it was edited in the console, and the file changed too."""

    department_id: int
    is_conflict: bool = False


def save_department(
    connection: Connection, *, profile: dict[str, Any], source_hash: str, now: dt.datetime
) -> SavedProfile:
    """Create the department, or bring it to the profile when its file changed since.

    A profile that was edited in the console stays as it is there, until its file says the same.
    """
    row = find_department(connection)
    values = {**profile, "source_hash": source_hash}
    if row is None:
        statement = insert(Department).values(**values, created_at=now).returning(Department.id)
        return SavedProfile(int(connection.execute(statement).scalar_one()))
    if row.source_hash == source_hash:
        return SavedProfile(row.id)
    same = all(getattr(row, key) == value for key, value in profile.items())
    if row.edited_in_console and not same:
        return SavedProfile(row.id, is_conflict=True)
    changed = {**values, "edited_in_console": False, "version": Department.version + 1}
    connection.execute(update(Department).where(Department.id == row.id).values(**changed))
    return SavedProfile(row.id)


def edit_department(connection: Connection, department_id: int, *, version: int, **profile: Any) -> bool:
    """Change the profile in the console; False when somebody changed it since ``version``."""
    statement = (
        update(Department)
        .where(Department.id == department_id, Department.version == version)
        .values(**profile, edited_in_console=True, version=Department.version + 1)
    )
    return connection.execute(statement).rowcount == 1
