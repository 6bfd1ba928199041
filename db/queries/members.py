"""Staff members as an administrator manages them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from db.models import Request, StaffMember, StaffRole, StaffSession, UnitMember


def list_members(connection: Connection, *, department_id: int) -> list[Row[Any]]:
    """Everybody, those who may sign in first, by name; ``has_password`` instead of any hash."""
    statement = select(
        StaffMember.id, StaffMember.login, StaffMember.name, StaffMember.role, StaffMember.is_active,
        StaffMember.password_hash.is_not(None).label("has_password"), StaffMember.link_expires_at,
        StaffMember.last_signed_in_at,
    ).where(StaffMember.department_id == department_id)  # fmt: skip
    return list(connection.execute(statement.order_by(StaffMember.is_active.desc(), StaffMember.name, StaffMember.id)))


def names_of(connection: Connection, *, department_id: int) -> dict[int, str]:
    """Everybody's name by id, also of those who left."""
    statement = select(StaffMember.id, StaffMember.name).where(StaffMember.department_id == department_id)
    return {row.id: row.name for row in connection.execute(statement.order_by(StaffMember.name, StaffMember.id))}


def units_by_member(connection: Connection, *, department_id: int) -> Mapping[int, list[int]]:
    """The ids of each member's units."""
    statement = select(UnitMember.staff_member_id, UnitMember.unit_id).where(UnitMember.department_id == department_id)
    found: dict[int, list[int]] = defaultdict(list)
    for row in connection.execute(statement.order_by(UnitMember.unit_id)):
        found[row.staff_member_id].append(row.unit_id)
    return found


def set_units(connection: Connection, member_id: int, unit_ids: Sequence[int], *, department_id: int) -> None:
    """The units somebody is in from now on."""
    connection.execute(delete(UnitMember).where(UnitMember.staff_member_id == member_id))
    if unit_ids:
        rows = [{"department_id": department_id, "unit_id": unit, "staff_member_id": member_id} for unit in unit_ids]
        connection.execute(insert(UnitMember), rows)


def change_member(connection: Connection, member_id: int, *, department_id: int, **values: Any) -> None:
    """Change ``name``, ``role`` or ``is_active``; who may not sign in any more is signed out everywhere."""
    where = (StaffMember.id == member_id, StaffMember.department_id == department_id)
    connection.execute(update(StaffMember).where(*where).values(**values))
    if values.get("is_active") is False:
        connection.execute(delete(StaffSession).where(StaffSession.staff_member_id == member_id))


def lock_administrators(connection: Connection, *, department_id: int) -> list[int]:
    """Who can administer: active, with a password. Locked, so that two of them cannot shut each other out at once."""
    statement = (
        select(StaffMember.id)
        .where(
            StaffMember.department_id == department_id, StaffMember.role == StaffRole.ADMINISTRATOR,
            StaffMember.is_active.is_(True), StaffMember.password_hash.is_not(None),
        )
        .order_by(StaffMember.id)
        .with_for_update()
    )  # fmt: skip
    return list(connection.execute(statement).scalars())


def count_open_requests(connection: Connection, *, department_id: int) -> Mapping[int, int]:
    """How many open requests each member has."""
    statement = (
        select(Request.assignee_id, func.count())
        .where(
            Request.department_id == department_id, Request.is_open.is_(True), Request.assignee_id.is_not(None)
        )
        .group_by(Request.assignee_id)
    )  # fmt: skip
    return {int(row[0]): row[1] for row in connection.execute(statement) if row[0] is not None}
