"""Units, routing, settings, a department's own calendar days, conversations held by officers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, case, delete, insert, or_, select, update

from db.models import CalendarDay, DeskSettings, Handover, RoutingRule, StaffMember, Unit, UnitMember
from db.queries.conversations import insert_new

# -- units and routing --------------------------------------------------------------------------------------------


def add_unit(
    connection: Connection, *, department_id: int, name: str, now: dt.datetime, is_default: bool = False
) -> int:
    """Add a unit; a new default takes the place of the old one."""
    if is_default:
        _no_default(connection, department_id)
    values = {"department_id": department_id, "name": name, "is_default": is_default, "is_active": True}
    statement = insert(Unit).values(**values, created_at=now).returning(Unit.id)
    return int(connection.execute(statement).scalar_one())


def _no_default(connection: Connection, department_id: int) -> None:
    connection.execute(update(Unit).where(Unit.department_id == department_id).values(is_default=False))


def change_unit(connection: Connection, unit_id: int, *, department_id: int, **values: Any) -> bool:
    """Change ``name``, ``is_active`` or ``is_default`` of a unit; False when there is none."""
    if values.get("is_default"):
        _no_default(connection, department_id)
    statement = update(Unit).where(Unit.id == unit_id, Unit.department_id == department_id).values(**values)
    return connection.execute(statement).rowcount == 1


def list_units(connection: Connection, *, department_id: int) -> list[Row[Any]]:
    """Every unit, by name."""
    return list(
        connection.execute(select(Unit.__table__).where(Unit.department_id == department_id).order_by(Unit.name))
    )


def find_unit(connection: Connection, unit_id: int, *, department_id: int) -> Row[Any] | None:
    """A unit that is in use."""
    statement = select(Unit.__table__).where(
        Unit.id == unit_id, Unit.department_id == department_id, Unit.is_active.is_(True)
    )
    return connection.execute(statement).first()


def set_members(connection: Connection, unit_id: int, staff_member_ids: Sequence[int], *, department_id: int) -> None:
    """Who is in a unit from now on."""
    connection.execute(delete(UnitMember).where(UnitMember.unit_id == unit_id))
    if staff_member_ids:
        rows = [
            {"department_id": department_id, "unit_id": unit_id, "staff_member_id": member}
            for member in sorted(set(staff_member_ids))
        ]
        connection.execute(insert(UnitMember), rows)


def units_of(connection: Connection, staff_member_id: int) -> list[int]:
    """The units a staff member is in."""
    statement = select(UnitMember.unit_id).where(UnitMember.staff_member_id == staff_member_id)
    return list(connection.execute(statement.order_by(UnitMember.unit_id)).scalars())


def find_active_staff(connection: Connection, staff_member_id: int, *, department_id: int) -> Row[Any] | None:
    """A staff member who can be given work."""
    statement = select(StaffMember.__table__).where(
        StaffMember.id == staff_member_id, StaffMember.department_id == department_id, StaffMember.is_active.is_(True)
    )
    return connection.execute(statement).first()


def set_rule(
    connection: Connection, *, department_id: int, topic: str | None, province: str | None, unit_id: int | None
) -> None:
    """Route a topic, a province or both to a unit; ``unit_id`` None takes the rule away."""
    where = (
        RoutingRule.department_id == department_id,
        RoutingRule.topic.is_(None) if topic is None else RoutingRule.topic == topic,
        RoutingRule.province.is_(None) if province is None else RoutingRule.province == province,
    )
    connection.execute(delete(RoutingRule).where(*where))
    if unit_id is not None:
        values = {"department_id": department_id, "topic": topic, "province": province, "unit_id": unit_id}
        connection.execute(insert(RoutingRule).values(**values))


def list_rules(connection: Connection, *, department_id: int) -> list[Row[Any]]:
    """Every routing rule."""
    statement = select(RoutingRule.__table__).where(RoutingRule.department_id == department_id)
    return list(connection.execute(statement.order_by(RoutingRule.topic, RoutingRule.province)))


def route(connection: Connection, *, department_id: int, topic: str | None, province: str | None) -> int | None:
    """The unit in use for a request: of the rule that names most (topic before province), else the default unit."""
    weight = case((RoutingRule.topic.is_not(None), 2), else_=0) + case((RoutingRule.province.is_not(None), 1), else_=0)
    statement = (
        select(RoutingRule.unit_id)
        .join(Unit, Unit.id == RoutingRule.unit_id)
        .where(
            RoutingRule.department_id == department_id, Unit.is_active.is_(True),
            or_(RoutingRule.topic.is_(None), RoutingRule.topic == topic),
            or_(RoutingRule.province.is_(None), RoutingRule.province == province),
        )
        .order_by(weight.desc())
        .limit(1)
    )  # fmt: skip
    found = connection.execute(statement).scalar()
    if found is not None:
        return int(found)
    default = select(Unit.id).where(
        Unit.department_id == department_id, Unit.is_default.is_(True), Unit.is_active.is_(True)
    )
    return connection.execute(default).scalar()


# -- settings and calendar ----------------------------------------------------------------------------------------


def find_settings(connection: Connection, *, department_id: int) -> Row[Any] | None:
    """What the department set itself."""
    statement = select(DeskSettings.__table__).where(DeskSettings.department_id == department_id)
    return connection.execute(statement).first()


def lock_settings(connection: Connection, *, department_id: int, now: dt.datetime) -> Row[Any]:
    """The same, to be changed: who comes at the same moment waits for what is saved. The row is made if need be."""
    empty = insert_new(connection, DeskSettings).values(department_id=department_id, updated_at=now)
    connection.execute(empty)
    statement = select(DeskSettings.__table__).where(DeskSettings.department_id == department_id)
    return connection.execute(statement.with_for_update()).one()


def save_settings(connection: Connection, *, department_id: int, now: dt.datetime, **values: Any) -> None:
    """Keep ``hours``, ``targets`` or ``retention``; parse them with ``desk`` first: what is kept must be readable."""
    where = DeskSettings.department_id == department_id
    if connection.execute(update(DeskSettings).where(where).values(**values, updated_at=now)).rowcount == 0:
        connection.execute(insert(DeskSettings).values(department_id=department_id, **values, updated_at=now))


def calendar_days(connection: Connection, *, department_id: int) -> list[Row[Any]]:
    """The days a department added or changed."""
    statement = select(CalendarDay.__table__).where(CalendarDay.department_id == department_id)
    return list(connection.execute(statement.order_by(CalendarDay.day)))


def set_calendar_day(
    connection: Connection, *, department_id: int, day: dt.date, now: dt.datetime, **values: Any
) -> None:
    """Add or change a day: ``kind``, ``name``, ``document``, ``address``, ``instead_of``. Then recompute due times."""
    remove_calendar_day(connection, department_id=department_id, day=day)
    connection.execute(insert(CalendarDay).values(department_id=department_id, day=day, created_at=now, **values))


def remove_calendar_day(connection: Connection, *, department_id: int, day: dt.date) -> None:
    """Take a department's day back: the shipped calendar counts again."""
    connection.execute(delete(CalendarDay).where(CalendarDay.department_id == department_id, CalendarDay.day == day))


# -- handover -----------------------------------------------------------------------------------------------------


def find_handover(connection: Connection, conversation_id: int, *, now: dt.datetime) -> Row[Any] | None:
    """The handover of a conversation that is on."""
    statement = (
        select(Handover.__table__, StaffMember.name.label("officer"))
        .join(StaffMember, StaffMember.id == Handover.staff_member_id)
        .where(
            Handover.conversation_id == conversation_id, Handover.ended_at.is_(None), Handover.expires_at > now
        )
        .order_by(Handover.id.desc())
        .limit(1)
    )  # fmt: skip
    return connection.execute(statement).first()


def add_handover(connection: Connection, **values: Any) -> int:
    """An officer takes a conversation."""
    return int(connection.execute(insert(Handover).values(**values).returning(Handover.id)).scalar_one())


def end_handovers(connection: Connection, conversation_id: int, *, now: dt.datetime, expired_only: bool = False) -> int:
    """End what is on; returns how many ended."""
    where = [Handover.conversation_id == conversation_id, Handover.ended_at.is_(None)]
    if expired_only:
        where.append(Handover.expires_at <= now)
    return connection.execute(update(Handover).where(*where).values(ended_at=now)).rowcount


def prolong_handover(connection: Connection, handover_id: int, *, expires_at: dt.datetime) -> None:
    """The officer did something: the time begins again."""
    connection.execute(update(Handover).where(Handover.id == handover_id).values(expires_at=expires_at))
