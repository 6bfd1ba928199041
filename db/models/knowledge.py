"""The published state of the knowledge base, with every version it ever had."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, OfDepartment


class RecordStatus(StrEnum):
    """Only published records are answered from."""

    PUBLISHED = "published"
    RETIRED = "retired"


class KnowledgeRecord(OfDepartment, Base):
    """A topic, entry, document or referral. ``file_hash`` is that of the file version it came from.

    ``edited_in_console`` rows are left alone by an import; their conflict is listed.
    """

    __tablename__ = "knowledge_records"
    __table_args__ = (UniqueConstraint("department_id", "kind", "record_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    record_id: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]
    data: Mapped[dict[str, Any]]
    file_hash: Mapped[str | None] = mapped_column(String(64))
    edited_in_console: Mapped[bool] = mapped_column(default=False)
    updated_at: Mapped[dt.datetime]


class KnowledgeVersion(OfDepartment, Base):
    """What a record said in one of its versions."""

    __tablename__ = "knowledge_versions"
    __table_args__ = (UniqueConstraint("knowledge_record_id", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    knowledge_record_id: Mapped[int] = mapped_column(ForeignKey("knowledge_records.id"))
    version: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))
    data: Mapped[dict[str, Any]]
    created_at: Mapped[dt.datetime]


class KnowledgeState(Base):
    """The number every process watches: it grows with each change of the published state."""

    __tablename__ = "knowledge_states"

    department_id: Mapped[int] = mapped_column(ForeignKey("departments.id"), primary_key=True)
    version: Mapped[int]
    updated_at: Mapped[dt.datetime]
