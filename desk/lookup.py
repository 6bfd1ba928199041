"""A request by its code: a code alone never shows anything about a person."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from db.models import RequestStatus
from db.queries import requests
from desk.errors import RequestNotFound
from desk.settings import Desk


@dataclass(frozen=True)
class PublicStatus:
    """What anybody who knows a code may see. ``awaits``: who must do something now: department, person or nobody."""

    code: str
    status: RequestStatus
    awaits: str
    due_at: dt.datetime | None
    due_provisional: bool


def public_status(connection: Connection, desk: Desk, *, code: str) -> PublicStatus:
    """The status of a request, without anything personal; the due time only while the clock runs.

    Raises:
        RequestNotFound: No request has the code.
    """
    row = requests.find_by_code(connection, code, department_id=desk.department_id)
    if row is None:
        raise RequestNotFound
    awaits = "department" if row.is_running else "person" if row.is_open else "nobody"
    due_at = row.due_at if row.is_running else None
    return PublicStatus(row.code, RequestStatus(row.status), awaits, due_at, row.due_provisional)


def find_own(connection: Connection, desk: Desk, *, code: str, conversation_id: int) -> Row[Any]:
    """The whole request, for the conversation that filed it.

    Raises:
        RequestNotFound: No request has the code, or it is somebody else's.
    """
    row = requests.find_by_code(connection, code, department_id=desk.department_id)
    if row is None or row.conversation_id != conversation_id:
        raise RequestNotFound
    return row
