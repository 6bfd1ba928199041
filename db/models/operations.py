"""What keeps the service going: timed work, leases between processes, the state of channels, the audit log."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, OfDepartment


class Job(OfDepartment, Base):
    """Timed work. ``key`` makes it unique; a periodic job moves its ``due_at`` forward instead of finishing."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("kind", "key"),
        Index("ix_jobs_due", "due_at", sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    key: Mapped[str] = mapped_column(String(128))
    payload: Mapped[dict[str, Any]]
    due_at: Mapped[dt.datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[dt.datetime | None]
    error: Mapped[str | None]


class Lease(Base):
    """Something only one process does at a time, such as polling or sending for a channel."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[dt.datetime]


class ChannelState(OfDepartment, Base):
    """What a channel last did. ``cursor`` is where polling goes on."""

    __tablename__ = "channel_states"
    __table_args__ = (UniqueConstraint("channel", "account"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(16))
    account: Mapped[str] = mapped_column(String(64))
    cursor: Mapped[str | None]
    last_received_at: Mapped[dt.datetime | None]
    last_sent_at: Mapped[dt.datetime | None]
    last_error: Mapped[str | None]
    last_error_at: Mapped[dt.datetime | None]


class SwitchMode(StrEnum):
    """Whether a channel works. A paused one tells each person why, once, and keeps what they write."""

    ON = "on"
    PAUSED = "paused"
    OFF = "off"


class ChannelSwitch(OfDepartment, Base):
    """What an administrator set a channel to; a channel without a row is on.

    ``notice`` is what people are told while it is paused; ``paused_at`` is when this pause began, and a changed notice
    begins no new one.
    """

    __tablename__ = "channel_switches"
    __table_args__ = (UniqueConstraint("department_id", "channel"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(16))
    mode: Mapped[str] = mapped_column(String(8))
    notice: Mapped[str | None]
    paused_at: Mapped[dt.datetime | None]
    changed_at: Mapped[dt.datetime]
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("staff_members.id"))


class Alert(OfDepartment, Base):
    """Something a person must look at, said once: a row a kind and key, open until ``cleared_at``."""

    __tablename__ = "alerts"
    __table_args__ = (UniqueConstraint("department_id", "kind", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    key: Mapped[str] = mapped_column(String(128))
    details: Mapped[dict[str, Any]]
    raised_at: Mapped[dt.datetime]
    cleared_at: Mapped[dt.datetime | None]


class AuditEvent(OfDepartment, Base):
    """Who did what in the console or on the command line."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_member", "department_id", "staff_member_id", "id"),
        Index("ix_audit_events_action", "department_id", "action", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    staff_member_id: Mapped[int | None] = mapped_column(ForeignKey("staff_members.id"))
    action: Mapped[str] = mapped_column(String(64))
    details: Mapped[dict[str, Any]]
    created_at: Mapped[dt.datetime] = mapped_column(index=True)
