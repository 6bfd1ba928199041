"""Whether and when a person may be written to: windows, pauses, receipts, withdrawal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, or_, select, update

from db.models import Conversation, InboxMessage, InboxStatus, OutboxMessage, OutboxStatus, Turn
from db.queries.conversations import insert_new


def record_signal(
    connection: Connection, *, department_id: int, channel: str, account: str, external_id: str,
    conversation_id: int, occurred_at: dt.datetime, now: dt.datetime,
) -> bool:  # fmt: skip
    """Remember that an event which is no message came; False when it had come before."""
    statement = insert_new(connection, InboxMessage).values(
        department_id=department_id, channel=channel, account=account, external_id=external_id,
        conversation_id=conversation_id, status=InboxStatus.DONE, received_at=now, occurred_at=occurred_at, due_at=now,
        attempts=0,
    )  # fmt: skip
    return connection.execute(statement).rowcount == 1


def note_interaction(connection: Connection, conversation_id: int, *, at: dt.datetime, now: dt.datetime) -> int:
    """The person did something that lets us write to them: whatever waited for it is queued again, to go first.

    Returns how many messages were released. An event that is older than the last known one releases nothing.
    """
    newer = or_(Conversation.last_interaction_at.is_(None), Conversation.last_interaction_at < at)
    advanced = connection.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id, newer)
        .values(last_interaction_at=at, unreachable_at=None)
    )
    if advanced.rowcount == 0:
        return 0
    released = connection.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.conversation_id == conversation_id, OutboxMessage.status == OutboxStatus.WAITING_WINDOW
        )
        .values(status=OutboxStatus.QUEUED, released_at=now, not_before=now, attempts=0, error=None)
    )  # fmt: skip
    return int(released.rowcount)


def wait_for_person(
    connection: Connection, conversation_id: int, *, last_interaction_at: dt.datetime | None, error: str
) -> int:
    """Keep everything queued for a person until they write again; returns how many messages now wait.

    Does nothing when they did meanwhile: ``last_interaction_at`` is what the sender knew. The row lock orders the two.
    """
    lock = select(Conversation.last_interaction_at).where(Conversation.id == conversation_id).with_for_update()
    if connection.execute(lock).scalar_one() != last_interaction_at:
        return 0
    held = connection.execute(
        update(OutboxMessage)
        .where(OutboxMessage.conversation_id == conversation_id, OutboxMessage.status == OutboxStatus.QUEUED)
        .values(status=OutboxStatus.WAITING_WINDOW, error=error)
    )
    return int(held.rowcount)


def released_together(connection: Connection, conversation_id: int, *, released_at: dt.datetime) -> list[Row[Any]]:
    """The queued messages of a conversation that waited together, in order."""
    statement = (
        select(OutboxMessage.id, OutboxMessage.reply)
        .where(
            OutboxMessage.conversation_id == conversation_id, OutboxMessage.status == OutboxStatus.QUEUED,
            OutboxMessage.released_at == released_at,
        )
        .order_by(OutboxMessage.seq)
    )  # fmt: skip
    return list(connection.execute(statement))


def pause(connection: Connection, conversation_id: int, *, until: dt.datetime) -> None:
    """A human answers until then; a later end that is already set stays."""
    connection.execute(
        update(Conversation)
        .where(
            Conversation.id == conversation_id,
            or_(Conversation.paused_until.is_(None), Conversation.paused_until < until),
        )
        .values(paused_until=until)
    )


def resume(connection: Connection, conversation_id: int) -> None:
    """The assistant answers again."""
    connection.execute(update(Conversation).where(Conversation.id == conversation_id).values(paused_until=None))


def mark_received(
    connection: Connection, conversation_id: int, external_ids: Sequence[str], *, at: dt.datetime, seen: bool
) -> int:
    """The messenger says that messages of ours were delivered or seen; the first time is kept. Returns how many."""
    column = OutboxMessage.seen_at if seen else OutboxMessage.delivered_at
    noted = connection.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.conversation_id == conversation_id, OutboxMessage.external_id.in_(external_ids),
            column.is_(None),
        )
        .values({column: at})
    )  # fmt: skip
    return int(noted.rowcount)


def erase_conversation(connection: Connection, conversation_id: int, *, now: dt.datetime) -> int:
    """Remove everything a person wrote and was told, and who they are on the channel; statistics without text stay.

    What is queued for them is not sent any more. Returns the number of rows touched.
    """
    touched = connection.execute(
        update(InboxMessage)
        .where(InboxMessage.conversation_id == conversation_id)
        .values(message=None, raw=None, status=InboxStatus.DONE)
    ).rowcount
    pending = OutboxMessage.status.in_([OutboxStatus.QUEUED, OutboxStatus.WAITING_WINDOW])
    connection.execute(
        update(OutboxMessage)
        .where(OutboxMessage.conversation_id == conversation_id, pending)
        .values(status=OutboxStatus.UNDELIVERABLE, error="withdrawn")
    )
    touched += connection.execute(
        update(OutboxMessage)
        .where(OutboxMessage.conversation_id == conversation_id)
        .values(reply={"body": "", "heading": None, "note": None, "choices": []})
    ).rowcount
    touched += connection.execute(
        update(Turn).where(Turn.conversation_id == conversation_id).values(text=None, text_folded=None, details={})
    ).rowcount
    connection.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id)
        .values(
            external_id=f"erased:{conversation_id}", state={}, version=Conversation.version + 1, unreachable_at=now,
            paused_until=None,
        )
    )  # fmt: skip
    return int(touched)
