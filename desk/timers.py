"""What time does to requests: silence after an answer closes them, a changed calendar moves what is due."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection

from db.queries import requests
from desk.actions import plan_end
from desk.change import Actor, Changed, apply, begin, clock_of, due_values, record
from desk.settings import Desk


def close_unanswered(connection: Connection, desk: Desk, *, request_id: int, now: dt.datetime) -> Changed:
    """Close what was answered and not replied to."""
    change = begin(connection, desk, "close_unanswered", request_id=request_id, actor=Actor.system(), now=now)
    changed = apply(change)
    plan_end(change, rate=True)
    return changed


def recompute(connection: Connection, desk: Desk, *, now: dt.datetime) -> int:
    """Count every open request anew, after the calendar or the hours changed; returns how many moved.

    Targets that were given stay as they are; only the time they end at moves.
    """
    moved, after_id = 0, 0
    while rows := requests.running_requests(connection, department_id=desk.department_id, after_id=after_id):
        for row in rows:
            values = due_values(desk, clock_of(row))
            if values["due_at"] != row.due_at or values["due_provisional"] != row.due_provisional:
                changed = requests.change_request(connection, row.id, now=now, **values)
                before, after = row.due_at.isoformat(), changed.due_at.isoformat()
                record(connection, changed, action="recompute", actor=Actor.system(), now=now, from_status=row.status,
                       due_before=before, due_after=after)  # fmt: skip
                moved += 1
        after_id = rows[-1].id
    return moved
