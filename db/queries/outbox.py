"""What is on its way to people: queued, claimed by the process that sends, sent, or waiting; in order per conversation.

The statements of every message are built once, on the tables themselves: building one costs more than running it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, cast

from sqlalchemy import Connection, Row, Select, Table, bindparam, case, exists, insert, literal_column, select, update

from db.models import Conversation, OutboxMessage, OutboxStatus

PULL_CHANNELS = frozenset({"web"})  # whose people read their rows themselves: nothing is sent

_OUTBOX = cast("Table", OutboxMessage.__table__)
_PEOPLE = cast("Table", Conversation.__table__)
# a literal, so that both databases see that the indexes over queued rows will do
_IS_QUEUED = _OUTBOX.c.status == literal_column(f"'{OutboxStatus.QUEUED}'")


def queue_replies(
    connection: Connection, conversation: Any, replies: Sequence[dict[str, Any]], *, first_seq: int, now: dt.datetime,
    is_pull: bool, turn_id: int | None = None, in_reply_to: str | None = None,
) -> None:  # fmt: skip
    """Queue replies under numbers the caller has taken from ``conversation`` (its id, department and channel).

    On a channel whose people read their rows themselves (``is_pull``) they are sent by being there.
    """
    if not replies:
        return
    status = OutboxStatus.SENT if is_pull else OutboxStatus.QUEUED
    rows = [
        {
            "department_id": conversation.department_id, "conversation_id": conversation.id, "turn_id": turn_id,
            "channel": conversation.channel, "seq": first_seq + number, "reply": reply, "status": status,
            "attempts": 0, "not_before": now, "sent_at": now if is_pull else None, "created_at": now,
            "in_reply_to": in_reply_to,
        }
        for number, reply in enumerate(replies)
    ]  # fmt: skip
    connection.execute(_INSERT, rows)


def queue_notice(
    connection: Connection, conversation_id: int, *, notice: str, fields: dict[str, Any], now: dt.datetime
) -> int:
    """Queue a notice, worded on delivery, as the conversation's next message; returns its row's id."""
    return queue_reply(connection, conversation_id, {"notice": notice, "fields": fields}, now=now)


def queue_reply(connection: Connection, conversation_id: int, reply: dict[str, Any], *, now: dt.datetime) -> int:
    """Queue a message that no turn decided as the conversation's next one; returns its row's id.

    It takes the conversation's next number and advances its version, as a turn does: a turn that was being decided
    meanwhile is stale and is decided again. Nothing else of the conversation changes.
    """
    row = connection.execute(_ADVANCE, {"conversation": conversation_id}).one()
    seq = row.next_seq - 1
    queue_replies(connection, row, [reply], first_seq=seq, now=now, is_pull=row.channel in PULL_CHANNELS)
    mine = (_OUTBOX.c.conversation_id == conversation_id, _OUTBOX.c.seq == seq)
    return int(connection.execute(select(_OUTBOX.c.id).where(*mine)).scalar_one())


_INSERT = insert(_OUTBOX)
_ADVANCE = (
    update(_PEOPLE)
    .where(_PEOPLE.c.id == bindparam("conversation"))
    .values(version=_PEOPLE.c.version + 1, next_seq=_PEOPLE.c.next_seq + 1)
    .returning(_PEOPLE.c.id, _PEOPLE.c.next_seq, _PEOPLE.c.department_id, _PEOPLE.c.channel)
)

# -- sending ------------------------------------------------------------------------------------------------------

_earlier = _OUTBOX.alias("earlier")
_IS_FIRST = ~exists().where(
    _earlier.c.conversation_id == _OUTBOX.c.conversation_id,
    _earlier.c.status == literal_column(f"'{OutboxStatus.QUEUED}'"),
    _earlier.c.id < _OUTBOX.c.id,
)
_DUE: Select[Any] = (
    select(
        _OUTBOX.c.id, _OUTBOX.c.conversation_id, _OUTBOX.c.reply, _OUTBOX.c.attempts, _OUTBOX.c.created_at,
        _OUTBOX.c.attempt_started_at, _OUTBOX.c.released_at, _OUTBOX.c.in_reply_to, _PEOPLE.c.external_id,
        _PEOPLE.c.last_interaction_at,
    )
    .join(_PEOPLE, _PEOPLE.c.id == _OUTBOX.c.conversation_id)
    .where(_IS_QUEUED, _IS_FIRST, _OUTBOX.c.not_before <= bindparam("now"))
    .order_by(_OUTBOX.c.id)
)  # fmt: skip
_DUE_OF_CHANNEL = _DUE.where(_OUTBOX.c.channel == bindparam("channel")).limit(bindparam("most"))
_DUE_OF_CONVERSATION = _DUE.where(_OUTBOX.c.conversation_id == bindparam("conversation")).limit(1)
_BEGIN_ATTEMPT = (
    update(_OUTBOX)
    .where(_OUTBOX.c.id == bindparam("row"))
    .values(attempts=_OUTBOX.c.attempts + 1, attempt_started_at=bindparam("now"))
)
_MARK_SENT = (
    update(_OUTBOX)
    .where(_OUTBOX.c.id == bindparam("row"))
    .values(status=OutboxStatus.SENT, sent_at=bindparam("now"), external_id=bindparam("sent_as"), error=None)
)


def claim_replies(
    connection: Connection, *, channel: str, busy: Collection[int], now: dt.datetime, limit: int = 64
) -> list[Row[Any]]:
    """The next reply of each conversation that is due, marked as being attempted.

    A conversation's later replies wait for its earlier ones; conversations in ``busy`` are left out. Only the process
    that holds the channel's sending lease calls this.
    """
    found = connection.execute(_DUE_OF_CHANNEL, {"channel": channel, "now": now, "most": limit + len(busy)})
    return _begin(connection, [row for row in found if row.conversation_id not in busy][:limit], now)


def claim_next(connection: Connection, conversation_id: int, *, now: dt.datetime) -> Row[Any] | None:
    """The next reply of one conversation, if it is due, marked as being attempted."""
    rows = list(connection.execute(_DUE_OF_CONVERSATION, {"conversation": conversation_id, "now": now}))
    return next(iter(_begin(connection, rows, now)), None)


def _begin(connection: Connection, rows: list[Row[Any]], now: dt.datetime) -> list[Row[Any]]:
    if rows:
        connection.execute(_BEGIN_ATTEMPT, [{"row": row.id, "now": now} for row in rows])
    return rows


def mark_sent(connection: Connection, outbox_ids: Sequence[int], *, external_id: str | None, now: dt.datetime) -> None:
    """Replies reached the messenger, as one message of its id."""
    connection.execute(_MARK_SENT, [{"row": row, "sent_as": external_id, "now": now} for row in outbox_ids])


def retry_later(
    connection: Connection, outbox_id: int, *, not_before: dt.datetime, error: str, count: bool = True
) -> None:
    """A reply goes again later; ``count=False`` for a wait the messenger asked for."""
    values: dict[str, Any] = {"not_before": not_before, "error": error}
    if not count:
        values["attempts"] = OutboxMessage.attempts - 1
    connection.execute(update(OutboxMessage).where(OutboxMessage.id == outbox_id).values(**values))


def give_up(connection: Connection, outbox_id: int, *, error: str) -> None:
    """A reply will not be delivered; it stays, shown as undelivered with the reason."""
    values = {"status": OutboxStatus.UNDELIVERABLE, "error": error}
    connection.execute(update(OutboxMessage).where(OutboxMessage.id == outbox_id).values(**values))


def recipient_unreachable(connection: Connection, conversation_id: int, *, error: str, now: dt.datetime) -> None:
    """The person cannot be reached (left, blocked): everything queued for them stops until they write again."""
    connection.execute(
        update(OutboxMessage)
        .where(OutboxMessage.conversation_id == conversation_id, OutboxMessage.status == OutboxStatus.QUEUED)
        .values(status=OutboxStatus.UNDELIVERABLE, error=error)
    )
    connection.execute(update(Conversation).where(Conversation.id == conversation_id).values(unreachable_at=now))


# -- reading along (web chat) -------------------------------------------------------------------------------------


def replies_after(connection: Connection, conversation_id: int, *, seq: int, limit: int = 100) -> list[Row[Any]]:
    """The replies of a conversation numbered above ``seq``, in order."""
    statement = (
        select(OutboxMessage.seq, OutboxMessage.reply, OutboxMessage.created_at, OutboxMessage.turn_id)
        .where(OutboxMessage.conversation_id == conversation_id, OutboxMessage.seq > seq)
        .order_by(OutboxMessage.seq)
        .limit(limit)
    )
    return list(connection.execute(statement))


def latest_seqs(connection: Connection, conversation_ids: Sequence[int]) -> dict[int, int]:
    """The highest reply number of each conversation, -1 once it was erased; one statement for a process's readers."""
    erased = Conversation.external_id.startswith("erased:")  # as reach.erase_conversation leaves it
    seq = case((erased, -1), else_=Conversation.next_seq - 1)
    statement = select(Conversation.id, seq).where(Conversation.id.in_(conversation_ids))
    return {row[0]: row[1] for row in connection.execute(statement)}
