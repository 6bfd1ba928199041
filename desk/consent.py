"""Consent receipts: one choice per purpose, kept with text, time and channel; silence is no choice."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row

from db.models import ConsentChoice
from db.queries import operations, privacy
from desk.settings import Desk

__all__ = ["ConsentChoice", "Purpose", "is_granted", "receipts", "record", "text_hash", "withdraw"]


class Purpose(StrEnum):
    """What consent is asked for, each on its own; refusing the others never stops the request."""

    HANDLE_REQUEST = "handle_request"
    SHARE_OUTSIDE = "share_outside"
    ANNOUNCEMENTS = "announcements"


def text_hash(text: str) -> str:
    """The fingerprint of a notice as it was shown."""
    return hashlib.sha256(text.encode()).hexdigest()


def record(
    connection: Connection, desk: Desk, *, conversation_id: int, purpose: Purpose, choice: ConsentChoice,
    text_version: str, text: str, channel: str, now: dt.datetime, inbox_id: int | None = None,
) -> int:  # fmt: skip
    """Add a receipt: what was shown (its version and fingerprint), what was chosen, when and where.

    It is kept for three years after the last processing, by its own due row. Returns its id.
    """
    consent_id = privacy.add_consent(
        connection, department_id=desk.department_id, conversation_id=conversation_id, purpose=purpose, choice=choice,
        text_version=text_version, text_hash=text_hash(text), channel=channel, inbox_id=inbox_id, created_at=now,
    )  # fmt: skip
    operations.plan_job(
        connection, department_id=desk.department_id, kind="desk_consent", key=str(consent_id),
        due_at=now + dt.timedelta(days=desk.periods.consent), payload={"consent_id": consent_id},
    )  # fmt: skip
    return consent_id


def is_granted(
    connection: Connection, *, conversation_id: int | None, purpose: Purpose, text_version: str | None = None
) -> bool:
    """Whether the person's last choice is a yes, and to this version of the text where one is given."""
    if conversation_id is None:
        return False
    row = privacy.latest_consent(connection, conversation_id, purpose=purpose)
    if row is None or row.choice != ConsentChoice.GRANTED:
        return False
    return text_version is None or bool(row.text_version == text_version)


def withdraw(
    connection: Connection, desk: Desk, *, conversation_id: int, purpose: Purpose, channel: str, now: dt.datetime,
    inbox_id: int | None = None,
) -> bool:  # fmt: skip
    """Take a yes back, at once; False when there was none. What was done before stays lawful."""
    row = privacy.latest_consent(connection, conversation_id, purpose=purpose)
    if row is None or row.choice != ConsentChoice.GRANTED:
        return False
    consent_id = privacy.add_consent(
        connection, department_id=desk.department_id, conversation_id=conversation_id, purpose=purpose,
        choice=ConsentChoice.WITHDRAWN, text_version=row.text_version, text_hash=row.text_hash, channel=channel,
        inbox_id=inbox_id, created_at=now,
    )  # fmt: skip
    operations.plan_job(
        connection, department_id=desk.department_id, kind="desk_consent", key=str(consent_id),
        due_at=now + dt.timedelta(days=desk.periods.consent), payload={"consent_id": consent_id},
    )  # fmt: skip
    return True


def receipts(connection: Connection, *, conversation_id: int) -> Sequence[Row[Any]]:
    """Every choice of a person, in order; each can be shown and printed."""
    return privacy.consents_of(connection, conversation_id)
