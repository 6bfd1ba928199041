"""An officer takes a conversation: the bot is silent in it until it is given back or 24 hours pass without the officer.

The pause itself is the conversation's ``paused_until``, which every channel heeds; here is who holds it, how it ends.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, Row

from db.queries import conversations, operations, reach
from db.queries import desk as queries
from desk import notices
from desk.change import Actor
from desk.errors import RequestNotFound
from desk.settings import Desk

HELD_FOR = dt.timedelta(hours=24)


def find(connection: Connection, *, conversation_id: int, now: dt.datetime) -> Row[Any] | None:
    """Who holds a conversation: ``staff_member_id``, ``officer``, ``request_id``, ``expires_at``; None: the bot."""
    return queries.find_handover(connection, conversation_id, now=now)


def take(
    connection: Connection, desk: Desk, *, conversation_id: int, actor: Actor, now: dt.datetime,
    request_id: int | None = None,
) -> dt.datetime:  # fmt: skip
    """Hold a conversation; the person is told. Taking what one holds prolongs it. Returns until when.

    Raises:
        RequestNotFound: No such conversation here.
    """
    conversation = conversations.lock_conversation(connection, conversation_id)
    if conversation is None or conversation.department_id != desk.department_id or actor.staff_member_id is None:
        raise RequestNotFound
    until = now + HELD_FOR
    held = queries.find_handover(connection, conversation_id, now=now)
    if held is not None and held.staff_member_id == actor.staff_member_id:
        prolong(connection, conversation_id=conversation_id, now=now)
        return until
    queries.end_handovers(connection, conversation_id, now=now)
    handover_id = queries.add_handover(
        connection, department_id=desk.department_id, conversation_id=conversation_id, request_id=request_id,
        staff_member_id=actor.staff_member_id, started_at=now, expires_at=until,
    )  # fmt: skip
    reach.pause(connection, conversation_id, until=until)
    notices.queue(connection, conversation_id, "handover.started", now=now, officer=actor.name)
    operations.plan_job(
        connection, department_id=desk.department_id, kind="desk_handover", key=str(handover_id), due_at=until,
        payload={"conversation_id": conversation_id},
    )  # fmt: skip
    _audit(connection, desk, "handover.take", conversation_id, actor, now)
    return until


def prolong(connection: Connection, *, conversation_id: int, now: dt.datetime) -> None:
    """The officer did something: the 24 hours begin again, if the conversation is held at all."""
    held = queries.find_handover(connection, conversation_id, now=now)
    if held is not None:
        queries.prolong_handover(connection, held.id, expires_at=now + HELD_FOR)
        reach.pause(connection, conversation_id, until=now + HELD_FOR)


def give_back(connection: Connection, desk: Desk, *, conversation_id: int, actor: Actor, now: dt.datetime) -> bool:
    """Let the bot answer again, and say so; False when nobody held the conversation."""
    conversation = conversations.lock_conversation(connection, conversation_id)
    if conversation is None or conversation.department_id != desk.department_id:
        raise RequestNotFound
    if not queries.end_handovers(connection, conversation_id, now=now):
        return False
    reach.resume(connection, conversation_id)
    notices.queue(connection, conversation_id, "handover.ended", now=now, reason="officer")
    _audit(connection, desk, "handover.give_back", conversation_id, actor, now)
    return True


def expire(connection: Connection, desk: Desk, *, conversation_id: int, now: dt.datetime) -> dt.datetime | None:
    """End a handover whose time is over, and say so; returns when to look again if it was prolonged."""
    conversations.lock_conversation(connection, conversation_id)
    held = queries.find_handover(connection, conversation_id, now=now)
    if held is not None:
        until: dt.datetime = held.expires_at
        return until
    if queries.end_handovers(connection, conversation_id, now=now, expired_only=True):
        reach.resume(connection, conversation_id)
        notices.queue(connection, conversation_id, "handover.ended", now=now, reason="time")
        _audit(connection, desk, "handover.expire", conversation_id, Actor.system(), now)
    return None


def _audit(
    connection: Connection, desk: Desk, action: str, conversation_id: int, actor: Actor, now: dt.datetime
) -> None:
    operations.audit(
        connection, department_id=desk.department_id, action=action, now=now, staff_member_id=actor.staff_member_id,
        conversation_id=conversation_id,
    )  # fmt: skip
