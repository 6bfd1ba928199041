"""What makes a staff member's one-time codes, and the recovery codes for who lost the device."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from db.models import StaffRecoveryCode, StaffSecondFactor
from db.queries.conversations import insert_new


def find_factor(connection: Connection, member_id: int) -> Row[Any] | None:
    """A member's second factor, its secret sealed; None when they have none."""
    statement = select(StaffSecondFactor.__table__).where(StaffSecondFactor.staff_member_id == member_id)
    return connection.execute(statement).first()


def add_factor(
    connection: Connection, member_id: int, *, department_id: int, sealed_secret: str, last_step: int, now: dt.datetime
) -> bool:
    """Give a member a second factor; False when they have one."""
    statement = insert_new(connection, StaffSecondFactor).values(
        staff_member_id=member_id, department_id=department_id, sealed_secret=sealed_secret, last_step=last_step,
        created_at=now,
    )  # fmt: skip
    return connection.execute(statement).rowcount == 1


def use_step(connection: Connection, member_id: int, *, step: int) -> bool:
    """Take the code of a time step; False when it, or a later one, was taken before."""
    statement = (
        update(StaffSecondFactor)
        .where(StaffSecondFactor.staff_member_id == member_id, StaffSecondFactor.last_step < step)
        .values(last_step=step)
    )
    return connection.execute(statement).rowcount == 1


def remove_factor(connection: Connection, member_id: int) -> bool:
    """Take the second factor and its recovery codes away; False when there was none."""
    connection.execute(delete(StaffRecoveryCode).where(StaffRecoveryCode.staff_member_id == member_id))
    where = StaffSecondFactor.staff_member_id == member_id
    return connection.execute(delete(StaffSecondFactor).where(where)).rowcount == 1


def replace_recovery_codes(
    connection: Connection, member_id: int, hashes: Sequence[str], *, department_id: int
) -> None:  # fmt: skip
    """From now on only these recovery codes are good."""
    connection.execute(delete(StaffRecoveryCode).where(StaffRecoveryCode.staff_member_id == member_id))
    rows = [{"code_hash": one, "staff_member_id": member_id, "department_id": department_id} for one in hashes]
    connection.execute(insert(StaffRecoveryCode), rows)


def use_recovery_code(connection: Connection, member_id: int, code_hash: str, *, now: dt.datetime) -> bool:
    """Take a recovery code; False when there is none like it or it was used."""
    statement = (
        update(StaffRecoveryCode)
        .where(
            StaffRecoveryCode.code_hash == code_hash, StaffRecoveryCode.staff_member_id == member_id,
            StaffRecoveryCode.used_at.is_(None),
        )
        .values(used_at=now)
    )  # fmt: skip
    return connection.execute(statement).rowcount == 1


def count_recovery_codes(connection: Connection, member_id: int) -> int:
    """How many recovery codes are left."""
    statement = select(func.count()).where(
        StaffRecoveryCode.staff_member_id == member_id, StaffRecoveryCode.used_at.is_(None)
    )
    return int(connection.execute(statement).scalar_one())
