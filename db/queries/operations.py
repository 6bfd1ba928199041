"""Leases between processes, the state of channels, timed work."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from db.models import Alert, AuditEvent, ChannelState, Job, Lease
from db.queries.conversations import insert_new


def take_lease(connection: Connection, name: str, *, owner: str, now: dt.datetime, seconds: float) -> bool:
    """Take or keep a lease; False while another live process holds it."""
    expires_at = now + dt.timedelta(seconds=seconds)
    created = connection.execute(insert_new(connection, Lease).values(name=name, owner=owner, expires_at=expires_at))
    if created.rowcount == 1:
        return True
    statement = (
        update(Lease)
        .where(Lease.name == name, or_(Lease.owner == owner, Lease.expires_at < now))
        .values(owner=owner, expires_at=expires_at)
    )
    return connection.execute(statement).rowcount == 1


def release_leases(connection: Connection, *, owner: str) -> None:
    """Give back everything a process holds, at its shutdown."""
    connection.execute(delete(Lease).where(Lease.owner == owner))


def drop_all_leases(connection: Connection) -> None:
    """At the start of the only process of a SQLite file: whoever held a lease is gone."""
    connection.execute(delete(Lease))


def note_channel(connection: Connection, *, department_id: int, channel: str, account: str, **values: Any) -> None:
    """Record what a channel last did (``last_received_at``, ``last_sent_at``, ``last_error``, ``cursor``…)."""
    where = (ChannelState.channel == channel, ChannelState.account == account)
    if connection.execute(update(ChannelState).where(*where).values(**values)).rowcount == 0:
        # another process may have been first: then its note stands
        row = {"department_id": department_id, "channel": channel, "account": account, **values}
        connection.execute(insert_new(connection, ChannelState).values(**row))


def channel_states(connection: Connection, *, department_id: int) -> list[Row[Any]]:
    """Every channel's state."""
    return list(connection.execute(select(ChannelState.__table__).where(ChannelState.department_id == department_id)))


def channel_cursor(connection: Connection, *, channel: str, account: str) -> str | None:
    """Where polling of a channel goes on."""
    statement = select(ChannelState.cursor).where(ChannelState.channel == channel, ChannelState.account == account)
    return connection.execute(statement).scalar()


def raise_alert(
    connection: Connection, *, department_id: int, kind: str, key: str, now: dt.datetime, **details: Any
) -> bool:
    """Open an alert; False when it is open already, so that it is said once."""
    values = {"details": details, "raised_at": now, "cleared_at": None}
    created = connection.execute(
        insert_new(connection, Alert).values(department_id=department_id, kind=kind, key=key, **values)
    )
    if created.rowcount == 1:
        return True
    where = (Alert.department_id == department_id, Alert.kind == kind, Alert.key == key)
    reopened = connection.execute(update(Alert).where(*where, Alert.cleared_at.is_not(None)).values(**values))
    return reopened.rowcount == 1


def clear_alert(connection: Connection, *, department_id: int, kind: str, key: str, now: dt.datetime) -> bool:
    """Close an alert whose reason is gone; whether one was open."""
    where = (Alert.department_id == department_id, Alert.kind == kind, Alert.key == key)
    return (
        connection.execute(update(Alert).where(*where, Alert.cleared_at.is_(None)).values(cleared_at=now)).rowcount == 1
    )


def open_alerts(connection: Connection, *, department_id: int) -> list[Row[Any]]:
    """What a person must look at now, oldest first."""
    statement = select(Alert.__table__).where(Alert.department_id == department_id, Alert.cleared_at.is_(None))
    return list(connection.execute(statement.order_by(Alert.raised_at)))


def plan_job(
    connection: Connection, *, department_id: int, kind: str, key: str, due_at: dt.datetime,
    payload: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Add a piece of timed work once; an existing one keeps its time."""
    connection.execute(
        insert_new(connection, Job).values(
            department_id=department_id, kind=kind, key=key, due_at=due_at, payload=payload or {}, attempts=0
        )
    )


def move_jobs(connection: Connection, *, kind: str, keys: Sequence[str], due_at: dt.datetime) -> None:
    """Give timed work that is still to be done another time."""
    where = (Job.kind == kind, Job.key.in_(keys), Job.done_at.is_(None))
    connection.execute(update(Job).where(*where).values(due_at=due_at))


def due_jobs(connection: Connection, *, now: dt.datetime, limit: int = 20) -> list[Row[Any]]:
    """Timed work whose time has come, oldest first."""
    statement = select(Job.__table__).where(Job.done_at.is_(None), Job.due_at <= now).order_by(Job.due_at).limit(limit)
    return list(connection.execute(statement))


def finish_job(
    connection: Connection, job_id: int, *, again_at: dt.datetime | None, done_at: dt.datetime, error: str | None
) -> None:
    """A job ran: again at ``again_at`` (a periodic one, or one that failed), or done for good when that is None.

    ``attempts`` counts failures in a row.
    """
    values: dict[str, Any] = {"error": error, "attempts": Job.attempts + 1 if error else 0}
    values |= {"due_at": again_at} if again_at else {"done_at": done_at}
    connection.execute(update(Job).where(Job.id == job_id).values(**values))


def audit(
    connection: Connection, *, department_id: int, action: str, now: dt.datetime, staff_member_id: int | None = None,
    **details: Any,
) -> None:  # fmt: skip
    """Record who did what."""
    connection.execute(
        insert(AuditEvent).values(
            department_id=department_id, staff_member_id=staff_member_id, action=action, details=details,
            created_at=now,
        )
    )  # fmt: skip
