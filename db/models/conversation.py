"""One conversation: what came in, what was decided, what goes out."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, OfDepartment


class Conversation(OfDepartment, Base):
    """A person on one channel. ``version`` grows by one with every turn and orders whoever writes.

    ``last_interaction_at`` is the messenger's own time of the last thing that lets us write to the person, on channels
    with such a window. Until ``paused_until`` a human answers and the assistant is silent. ``pause_told_at`` is when
    the person was last told that the whole channel is paused.
    """

    __tablename__ = "conversations"
    __table_args__ = (UniqueConstraint("channel", "account", "external_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(16))
    account: Mapped[str] = mapped_column(String(64))
    external_id: Mapped[str] = mapped_column(String(128))
    state: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(default=0)
    next_seq: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[dt.datetime]
    last_inbound_at: Mapped[dt.datetime]
    unreachable_at: Mapped[dt.datetime | None]
    last_interaction_at: Mapped[dt.datetime | None]
    paused_until: Mapped[dt.datetime | None]
    pause_told_at: Mapped[dt.datetime | None]


class InboxStatus(StrEnum):
    """Where an incoming message stands."""

    NEW = "new"
    DONE = "done"
    SET_ASIDE = "set_aside"


class InboxMessage(OfDepartment, Base):
    """An incoming message, stored once. ``due_at`` is when its turn may begin at the earliest.

    ``occurred_at`` orders messages that wait together: the messenger's time where updates may arrive swapped, otherwise
    the time of arrival.
    """

    __tablename__ = "inbox_messages"
    __table_args__ = (
        UniqueConstraint("channel", "account", "external_id"),
        Index("ix_inbox_messages_new", "conversation_id", "id", sqlite_where=text("status = 'new'"),
              postgresql_where=text("status = 'new'")),
        Index("ix_inbox_messages_received_at", "received_at"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(16))
    account: Mapped[str] = mapped_column(String(64))
    external_id: Mapped[str] = mapped_column(String(160))
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversations.id"))
    status: Mapped[str] = mapped_column(String(16), default=InboxStatus.NEW)
    message: Mapped[dict[str, Any] | None]
    raw: Mapped[bytes | None]
    received_at: Mapped[dt.datetime]
    occurred_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    turn_id: Mapped[int | None] = mapped_column(ForeignKey("turns.id"))


class Turn(OfDepartment, Base):
    """What one turn was about and how it ended. ``text`` has personal data masked.

    ``text_folded`` is the same in lower case without diacritics, for searching; both are erased together.
    """

    __tablename__ = "turns"
    __table_args__ = (Index("ix_turns_department_created", "department_id", "created_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(16), unique=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"), index=True)
    channel: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[dt.datetime]
    text: Mapped[str | None]
    text_folded: Mapped[str | None]
    outcome: Mapped[str | None] = mapped_column(String(16))
    topic: Mapped[str | None] = mapped_column(String(64))
    facet: Mapped[str | None] = mapped_column(String(16))
    article: Mapped[str | None] = mapped_column(String(160))
    province: Mapped[str | None] = mapped_column(String(32))
    reason: Mapped[str | None] = mapped_column(String(32))
    confidence: Mapped[float | None]
    details: Mapped[dict[str, Any]]
    feedback: Mapped[str | None] = mapped_column(String(16))
    knowledge_version: Mapped[int | None]


class OutboxStatus(StrEnum):
    """Where an outgoing message stands. Only ``queued`` rows are ever sent.

    ``waiting_window`` rows are kept, with the reason in ``error``, until the person writes again; then they go first.
    """

    QUEUED = "queued"
    WAITING_WINDOW = "waiting_window"
    SENT = "sent"
    UNDELIVERABLE = "undeliverable"


class OutboxMessage(OfDepartment, Base):
    """A reply to be delivered; ``seq`` numbers the rows of a conversation without gaps in their order.

    ``attempt_started_at`` is set before a send begins, so that a crash in between leaves a trace: that row may have
    been sent twice. ``in_reply_to`` is the messenger's id of the message that was answered. Rows with the same
    ``released_at`` waited together for the person and go out as one message.
    """

    __tablename__ = "outbox_messages"
    __table_args__ = (
        UniqueConstraint("conversation_id", "seq"),
        Index("ix_outbox_messages_queued", "channel", "id", sqlite_where=text("status = 'queued'"),
              postgresql_where=text("status = 'queued'")),
        Index("ix_outbox_messages_unsent", "department_id", "id",
              sqlite_where=text("status IN ('waiting_window', 'undeliverable')"),
              postgresql_where=text("status IN ('waiting_window', 'undeliverable')")),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"))
    turn_id: Mapped[int | None] = mapped_column(ForeignKey("turns.id"))
    channel: Mapped[str] = mapped_column(String(16))
    seq: Mapped[int]
    in_reply_to: Mapped[str | None] = mapped_column(String(160))
    reply: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(16), default=OutboxStatus.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[dt.datetime]
    attempt_started_at: Mapped[dt.datetime | None]
    released_at: Mapped[dt.datetime | None]
    sent_at: Mapped[dt.datetime | None]
    delivered_at: Mapped[dt.datetime | None]
    seen_at: Mapped[dt.datetime | None]
    external_id: Mapped[str | None] = mapped_column(String(128))
    error: Mapped[str | None]
    created_at: Mapped[dt.datetime]
