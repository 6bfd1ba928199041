"""A department and the people who work in it."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, OfDepartment


class Department(Base):
    """A provincial Department of Science and Technology. What is None is said to be unknown, never guessed.

    ``source_hash`` is that of the profile file it came from. A row with ``edited_in_console`` is left alone by an
    import; ``version`` grows with each change, so that a stale form cannot overwrite.
    """

    __tablename__ = "departments"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str]
    short_name: Mapped[str]
    province: Mapped[str] = mapped_column(String(32))
    address: Mapped[str | None]
    phones: Mapped[list[Any]]
    hours: Mapped[str | None]
    website: Mapped[str | None]
    privacy_contact: Mapped[str | None]
    source_hash: Mapped[str | None] = mapped_column(String(64))
    edited_in_console: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[dt.datetime]


class StaffRole(StrEnum):
    """What a staff member may do."""

    ADMINISTRATOR = "administrator"
    MANAGER = "manager"
    OFFICER = "officer"
    CURATOR = "curator"
    AUDITOR = "auditor"


class StaffMember(OfDepartment, Base):
    """Someone who signs in to the console. ``link_*`` is the one-time link that sets the password.

    Only argon2id hashes of the password and of the link's secret are kept.
    """

    __tablename__ = "staff_members"

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str]
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str | None]
    link_hash: Mapped[str | None]
    link_expires_at: Mapped[dt.datetime | None]
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[dt.datetime]
    last_signed_in_at: Mapped[dt.datetime | None]


class StaffSecondFactor(OfDepartment, Base):
    """What makes a member's one-time codes. The secret is sealed with a key of the installation, never plain.

    ``last_step`` is the time step of the last code that was taken: it and every earlier one are refused from then on.
    """

    __tablename__ = "staff_second_factors"

    staff_member_id: Mapped[int] = mapped_column(ForeignKey("staff_members.id"), primary_key=True)
    sealed_secret: Mapped[str]
    last_step: Mapped[int]
    created_at: Mapped[dt.datetime]


class StaffRecoveryCode(OfDepartment, Base):
    """A code for who lost the device, good once; only a keyed hash is kept."""

    __tablename__ = "staff_recovery_codes"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    staff_member_id: Mapped[int] = mapped_column(ForeignKey("staff_members.id"), index=True)
    used_at: Mapped[dt.datetime | None]


class StaffSession(OfDepartment, Base):
    """A signed-in browser; only the hash of its token is kept. ``is_verified``: the second factor was given too."""

    __tablename__ = "staff_sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    staff_member_id: Mapped[int] = mapped_column(ForeignKey("staff_members.id"), index=True)
    created_at: Mapped[dt.datetime]
    last_seen_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime] = mapped_column(index=True)
    is_verified: Mapped[bool]
    user_agent: Mapped[str | None] = mapped_column(String(200))


class SignInThrottle(Base):
    """How often signing in failed for one login name or from one network address.

    ``key`` is a keyed hash, so the row says neither; a name nobody has is counted like any other.
    """

    __tablename__ = "sign_in_throttles"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    attempts: Mapped[int]
    blocked_until: Mapped[dt.datetime | None]
    updated_at: Mapped[dt.datetime] = mapped_column(index=True)
