"""What only the Zalo Official Account channel keeps: its token pair, the people's names, files on their way in."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, OfDepartment


class ZaloToken(OfDepartment, Base):
    """The token pair of one Official Account. Token columns are sealed with the secret key, never plain.

    ``generation`` grows with each pair. ``refresh_started_at`` is set, and committed, before the refresh call and
    cleared with its result: it is the lock of the one process that refreshes and, if that process or its answer is
    lost, the mark that the stored refresh token may be dead. ``refused_at`` stops all attempts until an administrator
    gives a new pair. ``configured_hash`` remembers which configured pair was taken in.
    """

    __tablename__ = "zalo_tokens"
    __table_args__ = (UniqueConstraint("app_id", "oa_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    app_id: Mapped[str] = mapped_column(String(64))
    oa_id: Mapped[str] = mapped_column(String(64))
    generation: Mapped[int] = mapped_column(default=0)
    access_token: Mapped[str | None]
    refresh_token: Mapped[str | None]
    previous_access_token: Mapped[str | None]
    previous_refresh_token: Mapped[str | None]
    obtained_at: Mapped[dt.datetime | None]
    access_expires_at: Mapped[dt.datetime | None]
    refresh_started_at: Mapped[dt.datetime | None]
    refused_at: Mapped[dt.datetime | None]
    refused_code: Mapped[str | None] = mapped_column(String(64))
    configured_hash: Mapped[str | None] = mapped_column(String(64))
    consent_key_hash: Mapped[str | None] = mapped_column(String(64))
    consent_state_hash: Mapped[str | None] = mapped_column(String(64))
    consent_verifier: Mapped[str | None]
    consent_expires_at: Mapped[dt.datetime | None]


class ZaloPerson(OfDepartment, Base):
    """Someone who writes to an Official Account. After a withdrawal only a hash of ``user_id`` and the day remain.

    ``name_due_at`` is when the display name is to be fetched, None once it is known. ``info_requested_at`` is when the
    request form last asked for name and phone number: what a person shares without being asked is not kept.
    """

    __tablename__ = "zalo_people"
    __table_args__ = (
        UniqueConstraint("account", "user_id"),
        Index("ix_zalo_people_name_due", "name_due_at", sqlite_where=text("name_due_at IS NOT NULL"),
              postgresql_where=text("name_due_at IS NOT NULL")),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[str] = mapped_column(String(80))
    display_name: Mapped[str | None]
    name_due_at: Mapped[dt.datetime | None]
    follows: Mapped[bool | None]
    follows_changed_at: Mapped[dt.datetime | None]
    info_requested_at: Mapped[dt.datetime | None]
    withdrawn_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime]


class ZaloMedia(OfDepartment, Base):
    """A file of a waiting message, to be fetched from Zalo while its link lives.

    ``received`` is what became of it (a ``SentFile``): from then on ``url`` is forgotten and nothing is due. Once every
    file of the message has come to its end, the message carries them and the rows go.
    """

    __tablename__ = "zalo_media"
    __table_args__ = (
        UniqueConstraint("inbox_external_id", "position"),
        Index("ix_zalo_media_due", "due_at", sqlite_where=text("due_at IS NOT NULL"),
              postgresql_where=text("due_at IS NOT NULL")),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"), index=True)
    inbox_external_id: Mapped[str] = mapped_column(String(160))
    position: Mapped[int]
    name: Mapped[str | None] = mapped_column(String(255))
    url: Mapped[str | None]
    due_at: Mapped[dt.datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(String(64))
    received: Mapped[dict[str, Any] | None]
    created_at: Mapped[dt.datetime]
