"""Private links: a long random token, shown once, of which only the hash is kept."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import Any

from sqlalchemy import Connection, Row

from db.models import LinkPurpose
from db.queries import drafts as queries
from desk.settings import Desk

__all__ = ["LinkPurpose", "find", "make", "use"]

FORM_VALID_FOR = dt.timedelta(hours=24)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def make(
    connection: Connection, desk: Desk, *, purpose: LinkPurpose, conversation_id: int, now: dt.datetime,
    request_id: int | None = None,
) -> str:  # fmt: skip
    """A new token. A form's link is good for a day and one use, a request's for as long as the request is kept."""
    token = secrets.token_urlsafe(32)
    days = dt.timedelta(days=desk.periods.request)
    valid_for = FORM_VALID_FOR if purpose is LinkPurpose.FORM else days
    queries.add_link(
        connection, department_id=desk.department_id, token_hash=_hash(token), purpose=purpose,
        conversation_id=conversation_id, request_id=request_id, created_at=now, expires_at=now + valid_for,
    )  # fmt: skip
    return token


def find(connection: Connection, token: str, *, purpose: LinkPurpose, now: dt.datetime) -> Row[Any] | None:
    """What a token opens (``conversation_id``, ``request_id``), without using it up; None for anything else."""
    return queries.find_link(connection, _hash(token), purpose=purpose, now=now)


def use(connection: Connection, token: str, *, purpose: LinkPurpose, now: dt.datetime) -> Row[Any] | None:
    """Use up a one-time token; None when it was used, is over or never was."""
    row = find(connection, token, purpose=purpose, now=now)
    return row if row is not None and queries.use_link(connection, row.id, now=now) else None
