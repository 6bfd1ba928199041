"""The form being filled in: one per conversation, kept through restarts, for seven days after the last change."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from db.queries import drafts as queries
from db.queries import operations
from desk.settings import Desk


@dataclass(frozen=True)
class Draft:
    """A form. ``data`` is whatever the form keeps; ``key`` is the idempotency key of the request it will become."""

    id: int
    key: str
    data: dict[str, Any]
    updated_at: dt.datetime
    expires_at: dt.datetime


def load(connection: Connection, *, conversation_id: int, now: dt.datetime) -> Draft | None:
    """The form of a conversation, if its time is not over."""
    row = queries.find_draft(connection, conversation_id)
    if row is None or row.expires_at <= now:
        return None
    return Draft(row.id, row.key, row.data, row.updated_at, row.expires_at)


def save(connection: Connection, desk: Desk, *, conversation_id: int, data: dict[str, Any], now: dt.datetime) -> Draft:
    """Keep what was filled in, beginning a form if there is none; its seven days begin again."""
    expires_at = now + dt.timedelta(days=desk.periods.draft)
    before = queries.find_draft(connection, conversation_id)
    if before is not None and before.expires_at <= now:
        queries.delete_draft(connection, before.id, now=now)
        before = None
    if before is not None:
        queries.change_draft(connection, before.id, data=data, updated_at=now, expires_at=expires_at)
        return Draft(before.id, before.key, data, now, expires_at)
    key = secrets.token_hex(16)
    draft_id = queries.add_draft(
        connection, department_id=desk.department_id, conversation_id=conversation_id, key=key, data=data,
        created_at=now, updated_at=now, expires_at=expires_at,
    )  # fmt: skip
    operations.plan_job(
        connection, department_id=desk.department_id, kind="desk_draft", key=key, due_at=expires_at,
        payload={"conversation_id": conversation_id},
    )  # fmt: skip
    return Draft(draft_id, key, data, now, expires_at)


def discard(connection: Connection, *, conversation_id: int, now: dt.datetime) -> bool:
    """Forget the form and the files sent with it; False when there is none."""
    row = queries.find_draft(connection, conversation_id)
    if row is None:
        return False
    queries.delete_draft(connection, row.id, now=now)
    return True
