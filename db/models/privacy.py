"""Consent receipts and the dated tasks that people's rights over their data open."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, OfDepartment


class ConsentChoice(StrEnum):
    """What a person decided about one purpose. Silence is none of them."""

    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Consent(OfDepartment, Base):
    """One decision about one purpose; rows are only added, and the latest counts."""

    __tablename__ = "consents"
    __table_args__ = (Index("ix_consents_conversation_purpose", "conversation_id", "purpose", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"))
    purpose: Mapped[str] = mapped_column(String(32))
    choice: Mapped[str] = mapped_column(String(16))
    text_version: Mapped[str] = mapped_column(String(32))
    text_hash: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(16))
    inbox_id: Mapped[int | None] = mapped_column(ForeignKey("inbox_messages.id"))
    created_at: Mapped[dt.datetime]


class DataRight(StrEnum):
    """What a person may ask about their data; clocks of Nghị định 356/2025/NĐ-CP, Điều 5."""

    VIEW = "view"
    COPY = "copy"
    CORRECT = "correct"
    ERASE = "erase"
    WITHDRAW_CONSENT = "withdraw_consent"
    RESTRICT = "restrict"
    OBJECT = "object"
    PROTECT = "protect"


class DataTaskStatus(StrEnum):
    """Where a task stands."""

    OPEN = "open"
    DONE = "done"
    REFUSED = "refused"


class DataTask(OfDepartment, Base):
    """A person's request about their own data, with the law's clock. ``details`` holds no personal data."""

    __tablename__ = "data_tasks"
    __table_args__ = (
        Index("ix_data_tasks_status_due", "department_id", "status", "due_at"),
        # asking twice is asking once: one open task of a kind per conversation
        Index("uq_data_tasks_open", "conversation_id", "right", unique=True, sqlite_where=text("status = 'open'"),
              postgresql_where=text("status = 'open'")),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversations.id"))
    right: Mapped[str] = mapped_column("right", String(24), quote=True)
    status: Mapped[str] = mapped_column(String(16), default=DataTaskStatus.OPEN)
    with_processor: Mapped[bool] = mapped_column(default=False)
    opened_at: Mapped[dt.datetime]
    acknowledge_due_at: Mapped[dt.datetime]
    acknowledged_at: Mapped[dt.datetime | None]
    due_at: Mapped[dt.datetime]
    extended_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
    staff_member_id: Mapped[int | None] = mapped_column(ForeignKey("staff_members.id"))
    details: Mapped[dict[str, Any]]
