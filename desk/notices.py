"""Every notice the desk sends to a person: its key and the names of its fields. The words are the chat's.

Times are ISO 8601 in UTC; ``due_provisional`` is true where a year's calendar is not published yet ("dự kiến").
``officer`` is the officer's name or None. No field holds the person's own data, except what an officer writes into
``text``, ``result`` or ``reason``: where a channel must not carry that, it is masked on delivery.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from sqlalchemy import Connection

from db.queries import outbox

NOTICES: Mapping[str, frozenset[str]] = {
    key: frozenset(fields.split())
    for key, fields in {
        "request.filed": "code due_at due_provisional",
        "request.accepted": "code officer due_at due_provisional",
        "request.replied": "code officer text",
        "request.asked": "code officer text",
        "request.answered": "code officer text auto_close_at",
        "request.closed": "code result",
        "request.closed_unanswered": "code",  # by the timer, days after the answer
        "request.rejected": "code reason",
        "request.withdrawn": "code",
        "request.reopened": "code due_at due_provisional",
        "request.forwarded": "code unit",
        "request.forwarded_outside": "code agency where data_shared",
        "request.extended": "code reason due_at due_provisional",
        "request.rating_reminder": "code",
        "handover.started": "officer",
        "handover.ended": "reason",  # "officer" gave it back, or the "time" was over
        "privacy.task_opened": "right due_at acknowledge_due_at",
        "privacy.erase_opened": "right due_at acknowledge_due_at",
        "privacy.task_extended": "right due_at reason",
        "privacy.task_done": "right",
        "privacy.task_refused": "right reason",
    }.items()
}


def queue(connection: Connection, conversation_id: int, key: str, *, now: dt.datetime, **fields: object) -> int:
    """Queue a notice in the caller's transaction; returns the id of its outbox row.

    Raises:
        ValueError: The fields are not those ``NOTICES`` promises for ``key``.
    """
    if NOTICES[key] != fields.keys():
        raise ValueError(f"{key} takes {sorted(NOTICES[key])}, not {sorted(fields)}")
    plain = {name: value.isoformat() if isinstance(value, dt.datetime) else value for name, value in fields.items()}
    return outbox.queue_notice(connection, conversation_id, notice=key, fields=plain, now=now)
