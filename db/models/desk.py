"""How a department's desk works: units and their people, routing, settings, calendar days, conversations held."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, OfDepartment


class Unit(OfDepartment, Base):
    """A unit of the department that takes requests. At most one is the default, for what no rule routes."""

    __tablename__ = "units"
    __table_args__ = (UniqueConstraint("department_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(160))
    is_default: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[dt.datetime]


class UnitMember(OfDepartment, Base):
    """A staff member of a unit."""

    __tablename__ = "unit_members"

    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"), primary_key=True)
    staff_member_id: Mapped[int] = mapped_column(ForeignKey("staff_members.id"), primary_key=True, index=True)


class RoutingRule(OfDepartment, Base):
    """Which unit a request goes to; None matches anything, the rule that names more wins."""

    __tablename__ = "routing_rules"
    __table_args__ = (UniqueConstraint("department_id", "topic", "province"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    topic: Mapped[str | None] = mapped_column(String(64))
    province: Mapped[str | None] = mapped_column(String(32))
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))


class DeskSettings(OfDepartment, Base):
    """What a department set itself; NULL is the shipped default. Shapes: ``desk.settings``."""

    __tablename__ = "desk_settings"
    __table_args__ = (UniqueConstraint("department_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    hours: Mapped[dict[str, Any] | None]
    targets: Mapped[dict[str, Any] | None]
    retention: Mapped[dict[str, Any] | None]
    updated_at: Mapped[dt.datetime]


class DayKind(StrEnum):
    """What a day of the calendar is, against its weekday."""

    OFF = "off"
    WORKING = "working"


class CalendarDay(OfDepartment, Base):
    """A day a department added to, or changed in, the shipped calendar, with the document that says so."""

    __tablename__ = "calendar_days"
    __table_args__ = (UniqueConstraint("department_id", "day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[dt.date]
    kind: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(160))
    instead_of: Mapped[dt.date | None]
    document: Mapped[str] = mapped_column(String(160))
    address: Mapped[str | None]
    created_at: Mapped[dt.datetime]


class CannedReply(OfDepartment, Base):
    """A text officers send often, with ``{placeholders}``; of one unit, or of all when ``unit_id`` is None."""

    __tablename__ = "canned_replies"

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    title: Mapped[str] = mapped_column(String(120))
    text: Mapped[str]
    updated_by: Mapped[int | None] = mapped_column(ForeignKey("staff_members.id"))
    updated_at: Mapped[dt.datetime]


class Handover(OfDepartment, Base):
    """An officer holds a conversation: until ``ended_at`` or ``expires_at`` the bot is silent in it."""

    __tablename__ = "handovers"
    __table_args__ = (Index("ix_handovers_conversation", "conversation_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"))
    request_id: Mapped[int | None] = mapped_column(ForeignKey("requests.id"))
    staff_member_id: Mapped[int] = mapped_column(ForeignKey("staff_members.id"))
    started_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
