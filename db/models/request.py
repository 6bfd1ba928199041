"""Support requests: the request, its messages, files, history, words to be found by, drafts and private links."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, OfDepartment


class RequestStatus(StrEnum):
    """Where a request stands; the moves between are one table in ``desk.states``."""

    NEW = "new"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"  # for the person
    ANSWERED = "answered"
    CLOSED = "closed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    REOPENED = "reopened"


class Priority(StrEnum):
    """How soon a request is to be answered."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Request(OfDepartment, Base):
    """What a person asks the department for.

    ``version`` grows with every change, so that a stale page cannot overwrite. Everything about the person is NULL
    when they declined, and again after ``deidentified_at``, as is ``conversation_id`` then. ``is_open`` and
    ``is_running`` (the clock is neither paused nor stopped) follow from the status and are kept for the indexes.
    ``pauses`` lists the ended pauses of the clock as pairs of ISO times; ``paused_seconds`` is their length.
    """

    __tablename__ = "requests"
    __table_args__ = (
        UniqueConstraint("department_id", "code"),
        UniqueConstraint("department_id", "idempotency_key"),
        Index("ix_requests_open_due", "department_id", "is_open", "due_at", "id"),
        Index("ix_requests_unit_due", "unit_id", "is_open", "due_at", "id"),
        Index("ix_requests_assignee_due", "assignee_id", "is_open", "due_at", "id"),
        Index("ix_requests_status_id", "department_id", "status", "id"),
        Index("ix_requests_topic_id", "department_id", "topic", "id"),
        Index("ix_requests_province_id", "department_id", "province", "id"),
        Index("ix_requests_channel_id", "department_id", "channel", "id"),
        Index("ix_requests_conversation_id_id", "conversation_id", "id"),
        Index("ix_requests_assignee_id_id", "department_id", "assignee_id", "id"),
        Index("ix_requests_unit_id_id", "department_id", "unit_id", "id"),
        Index("ix_requests_phone", "department_id", "phone"),
        Index("ix_requests_tax_code", "department_id", "tax_code"),
        Index("ix_requests_unread", "department_id", "unread_at", sqlite_where=text("unread_at IS NOT NULL"),
              postgresql_where=text("unread_at IS NOT NULL")),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(16))
    idempotency_key: Mapped[str | None] = mapped_column(String(64))
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversations.id"))
    channel: Mapped[str] = mapped_column(String(16))

    topic: Mapped[str | None] = mapped_column(String(64))
    question: Mapped[str | None]
    description: Mapped[str | None]

    requester_kind: Mapped[str | None] = mapped_column(String(32))
    name: Mapped[str | None] = mapped_column(String(160))
    organisation: Mapped[str | None] = mapped_column(String(240))
    tax_code: Mapped[str | None] = mapped_column(String(20))
    phone: Mapped[str | None] = mapped_column(String(20))
    province: Mapped[str | None] = mapped_column(String(32))
    old_province: Mapped[str | None] = mapped_column(String(32))
    commune: Mapped[str | None] = mapped_column(String(8))
    former_unit: Mapped[str | None] = mapped_column(String(8))
    place: Mapped[str | None] = mapped_column(String(240))
    legal_basis: Mapped[str] = mapped_column(String(16))

    status: Mapped[str] = mapped_column(String(16))
    is_open: Mapped[bool]
    is_running: Mapped[bool]
    priority: Mapped[str] = mapped_column(String(16), default=Priority.NORMAL)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("staff_members.id"))
    version: Mapped[int] = mapped_column(default=1)
    unread_at: Mapped[dt.datetime | None]

    clock_started_at: Mapped[dt.datetime]
    target_amount: Mapped[int]
    target_unit: Mapped[str] = mapped_column(String(8))
    accept_due_at: Mapped[dt.datetime]
    reply_due_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime]
    warn_at: Mapped[dt.datetime]
    due_provisional: Mapped[bool] = mapped_column(default=False)
    paused_at: Mapped[dt.datetime | None]
    paused_seconds: Mapped[int] = mapped_column(default=0)
    pauses: Mapped[list[Any]]
    extended_at: Mapped[dt.datetime | None]

    created_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]
    accepted_at: Mapped[dt.datetime | None]
    replied_at: Mapped[dt.datetime | None]
    answered_at: Mapped[dt.datetime | None]
    closed_at: Mapped[dt.datetime | None]
    result: Mapped[str | None]
    rating: Mapped[int | None]
    rating_comment: Mapped[str | None]
    rated_at: Mapped[dt.datetime | None]
    deidentified_at: Mapped[dt.datetime | None]


class RequestWord(Base):
    """A word, without diacritics, that a request is found by; ``db.queries.request_search`` reads it."""

    __tablename__ = "request_words"
    __table_args__ = (Index("ix_request_words_found", "department_id", "word", "request_id"),)

    request_id: Mapped[int] = mapped_column(ForeignKey("requests.id"), primary_key=True)
    # byte order on PostgreSQL too, whatever the database's own: a prefix is a range of it
    word: Mapped[str] = mapped_column(
        String(40).with_variant(String(40, collation="C"), "postgresql"), primary_key=True
    )
    department_id: Mapped[int] = mapped_column(ForeignKey("departments.id"))


class MessageAuthor(StrEnum):
    """Who a message of a request is from. A ``notice`` is the bot's, a ``note`` never leaves the department."""

    PERSON = "person"
    OFFICER = "officer"
    NOTE = "note"
    NOTICE = "notice"


class RequestMessage(OfDepartment, Base):
    """Something said in a request. ``outbox_id`` tells how its delivery stands; ``called_at``: told by phone."""

    __tablename__ = "request_messages"
    __table_args__ = (Index("ix_request_messages_request_id_id", "request_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("requests.id"))
    author: Mapped[str] = mapped_column(String(16))
    staff_member_id: Mapped[int | None] = mapped_column(ForeignKey("staff_members.id"))
    text: Mapped[str | None]
    notice: Mapped[str | None] = mapped_column(String(64))
    outbox_id: Mapped[int | None] = mapped_column(ForeignKey("outbox_messages.id"), index=True)
    inbox_id: Mapped[int | None] = mapped_column(ForeignKey("inbox_messages.id"))
    created_at: Mapped[dt.datetime]
    called_at: Mapped[dt.datetime | None]
    called_by: Mapped[int | None] = mapped_column(ForeignKey("staff_members.id"))


class RequestFile(OfDepartment, Base):
    """A file a person sent, of a request or still of a draft; kept on disk once per ``content_hash``.

    ``removed_at`` is set when it must go; the hash is NULL once the disk holds it no more.
    """

    __tablename__ = "request_files"
    __table_args__ = (Index("ix_request_files_request_id_id", "request_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int | None] = mapped_column(ForeignKey("requests.id"))
    draft_id: Mapped[int | None] = mapped_column(ForeignKey("request_drafts.id"), index=True)
    message_id: Mapped[int | None] = mapped_column(ForeignKey("request_messages.id"))
    content_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    media_type: Mapped[str] = mapped_column(String(80))
    size: Mapped[int]
    name: Mapped[str | None] = mapped_column(String(200))
    is_reencoded: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[dt.datetime]
    removed_at: Mapped[dt.datetime | None]


class RequestHistory(OfDepartment, Base):
    """What was done to a request, by whom; ``details`` never holds personal data."""

    __tablename__ = "request_history"
    __table_args__ = (Index("ix_request_history_request_id_id", "request_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("requests.id"))
    action: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(16))
    staff_member_id: Mapped[int | None] = mapped_column(ForeignKey("staff_members.id"))
    from_status: Mapped[str | None] = mapped_column(String(16))
    to_status: Mapped[str | None] = mapped_column(String(16))
    details: Mapped[dict[str, Any]]
    created_at: Mapped[dt.datetime]


class RequestDraft(OfDepartment, Base):
    """A form being filled in, one per conversation. ``key`` is the idempotency key of the request it becomes."""

    __tablename__ = "request_drafts"

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"), unique=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    data: Mapped[dict[str, Any]]
    created_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime] = mapped_column(index=True)


class LinkPurpose(StrEnum):
    """What a private link opens: the conversation of a request, or the web form of a draft (once)."""

    REQUEST = "request"
    FORM = "form"


class PrivateLink(OfDepartment, Base):
    """A long random token shown once; only its hash is kept."""

    __tablename__ = "private_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    purpose: Mapped[str] = mapped_column(String(16))
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"), index=True)
    request_id: Mapped[int | None] = mapped_column(ForeignKey("requests.id"), index=True)
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]
