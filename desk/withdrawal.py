"""A person tells the messenger that they withdraw: everything about them goes at once, whatever was under way."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection

from db.queries import requests
from desk import actions, privacy
from desk.change import Actor
from desk.settings import Desk


def erase_everything(
    connection: Connection, desk: Desk, *, conversation_id: int, at: dt.datetime, now: dt.datetime
) -> privacy.Erased:
    """Withdraw the person's open requests, so that nobody works on them any more, and erase what is kept.

    Nobody is told: whoever is gone cannot be written to. ``at`` is when the messenger says they withdrew.

    Raises:
        RequestNotFound: No such conversation here.
    """
    person = Actor.person(conversation_id)
    for row in requests.of_conversation(connection, conversation_id, limit=500, open_only=True):
        actions.withdraw(connection, desk, request_id=row.id, actor=person, now=now)
    return privacy.erase(connection, desk, conversation_id=conversation_id, now=now, actor=person, asked_at=at)
