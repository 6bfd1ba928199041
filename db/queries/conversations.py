"""Conversations with their inbox, turns and outbox."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Table, and_, bindparam, exists, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from db.errors import StaleConversation
from db.models import (
    Conversation,
    InboxMessage,
    InboxStatus,
    OutboxMessage,
    OutboxStatus,
    Request,
    RequestDraft,
    Turn,
)

PULL_CHANNELS = frozenset({"web"})  # whose people read their rows themselves: nothing is sent


def insert_new(connection: Connection, table: Table | Any) -> Any:
    """An INSERT that leaves an existing row alone; both databases word it alike but in their own dialect."""
    build = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return build(table).on_conflict_do_nothing()


# -- inbox --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NewMessage:
    """A parsed incoming message on its way into the inbox. ``due_at``: when its turn may begin at the earliest.

    ``occurred_at`` is given by messengers whose updates may arrive swapped; otherwise the arrival counts.
    """

    channel: str
    account: str
    external_id: str
    conversation_external_id: str
    message: dict[str, Any]
    received_at: dt.datetime
    due_at: dt.datetime
    occurred_at: dt.datetime | None = None


def accept_message(connection: Connection, new: NewMessage, *, department_id: int) -> tuple[int, bool]:
    """Store a message once. Returns its conversation's id and whether it was new."""
    conversation_id = open_conversation(
        connection, channel=new.channel, account=new.account, external_id=new.conversation_external_id,
        department_id=department_id, now=new.received_at,
    )  # fmt: skip
    statement = insert_new(connection, InboxMessage).values(
        department_id=department_id, channel=new.channel, account=new.account, external_id=new.external_id,
        conversation_id=conversation_id, status=InboxStatus.NEW, message=new.message, received_at=new.received_at,
        occurred_at=new.occurred_at or new.received_at, due_at=new.due_at, attempts=0,
    )  # fmt: skip
    is_new = connection.execute(statement).rowcount == 1
    return conversation_id, is_new


def open_conversation(
    connection: Connection, *, channel: str, account: str, external_id: str, department_id: int, now: dt.datetime
) -> int:
    """The id of the conversation with a person, made if this is the first time."""
    where = and_(
        Conversation.channel == channel, Conversation.account == account, Conversation.external_id == external_id
    )
    found = connection.execute(select(Conversation.id).where(where)).scalar()
    if found is not None:
        return int(found)
    statement = insert_new(connection, Conversation).values(
        department_id=department_id, channel=channel, account=account, external_id=external_id, state={}, version=0,
        next_seq=1, created_at=now, last_inbound_at=now,
    )  # fmt: skip
    connection.execute(statement)
    return int(connection.execute(select(Conversation.id).where(where)).scalar_one())


def set_aside(
    connection: Connection, *, department_id: int, channel: str, account: str, external_id: str, raw: bytes,
    error: str, now: dt.datetime,
) -> None:  # fmt: skip
    """Keep an update nobody could read, raw, once: it is acknowledged and never blocks the others."""
    connection.execute(
        insert_new(connection, InboxMessage).values(
            department_id=department_id, channel=channel, account=account, external_id=external_id,
            status=InboxStatus.SET_ASIDE, raw=raw, error=error, received_at=now, occurred_at=now, due_at=now,
            attempts=0,
        )
    )  # fmt: skip


def waiting_conversations(
    connection: Connection, *, received_before: dt.datetime, now: dt.datetime, limit: int = 500
) -> list[int]:
    """Conversations with a due message that has waited since before ``received_before``, oldest first."""
    statement = (
        select(InboxMessage.conversation_id, func.min(InboxMessage.id))
        .where(
            InboxMessage.status == InboxStatus.NEW, InboxMessage.received_at <= received_before,
            InboxMessage.due_at <= now,
        )
        .group_by(InboxMessage.conversation_id)
        .order_by(func.min(InboxMessage.id))
        .limit(limit)
    )  # fmt: skip
    return [row[0] for row in connection.execute(statement) if row[0] is not None]


# -- turns --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WaitingTurn:
    """A conversation and its messages that no turn has read yet, in order of arrival.

    Beside its columns the conversation says ``has_form`` and ``has_requests``: whether the desk knows the person.
    """

    conversation: Row[Any]
    messages: Sequence[Row[Any]]


# built once: every turn reads it
_WITH_DESK = select(
    Conversation.__table__,
    exists().where(RequestDraft.conversation_id == Conversation.id).correlate(Conversation).label("has_form"),
    exists().where(Request.conversation_id == Conversation.id).correlate(Conversation).label("has_requests"),
).where(Conversation.id == bindparam("conversation"))


def read_turn(connection: Connection, conversation_id: int, *, limit: int = 50) -> WaitingTurn | None:
    """The conversation with its unread messages, in the order they were written; None when there are none."""
    statement = (
        select(
            InboxMessage.id, InboxMessage.message, InboxMessage.due_at, InboxMessage.received_at,
            InboxMessage.attempts, InboxMessage.external_id,
        )
        .where(InboxMessage.conversation_id == conversation_id, InboxMessage.status == InboxStatus.NEW)
        .order_by(InboxMessage.occurred_at, InboxMessage.id)
        .limit(limit)
    )  # fmt: skip
    messages = connection.execute(statement).all()
    if not messages:
        return None
    conversation = connection.execute(_WITH_DESK, {"conversation": conversation_id}).one()
    return WaitingTurn(conversation, messages)


@dataclass(frozen=True)
class FinishedTurn:
    """What a turn leaves behind; written in one transaction or not at all.

    ``in_reply_to`` is the messenger's id of the message that was answered.
    """

    conversation_id: int
    version: int
    inbox_ids: Sequence[int]
    state: dict[str, Any]
    replies: Sequence[dict[str, Any]]
    pull: bool
    now: dt.datetime
    log: dict[str, Any] | None = None
    feedback: tuple[str, str] | None = None
    in_reply_to: str | None = None
    extra: Iterable[Any] = field(default=())


def finish_turn(connection: Connection, turn: FinishedTurn) -> list[int]:
    """Store state, log and replies of a turn; returns the ids of the queued replies.

    Raises:
        StaleConversation: Somebody else took the conversation's turn meanwhile; nothing is written.
    """
    advance = (
        update(Conversation)
        .where(Conversation.id == turn.conversation_id, Conversation.version == turn.version)
        .values(
            version=turn.version + 1, state=turn.state, next_seq=Conversation.next_seq + len(turn.replies),
            last_inbound_at=turn.now, unreachable_at=None,
        )
        .returning(Conversation.next_seq, Conversation.department_id, Conversation.channel)
    )  # fmt: skip
    row: Any = connection.execute(advance).first()
    if row is None:
        raise StaleConversation(turn.conversation_id)
    turn_id = None
    if turn.log is not None:
        values = {**turn.log, "department_id": row.department_id, "channel": row.channel, "created_at": turn.now}
        statement = insert(Turn).values(conversation_id=turn.conversation_id, **values).returning(Turn.id)
        turn_id = connection.execute(statement).scalar_one()
    read = connection.execute(
        update(InboxMessage)
        .where(InboxMessage.id.in_(turn.inbox_ids), InboxMessage.status == InboxStatus.NEW)
        .values(status=InboxStatus.DONE, turn_id=turn_id, error=None)
    ).rowcount
    if read != len(turn.inbox_ids):
        # PostgreSQL shows each statement of a read its own moment: the version may be newer than the messages
        raise StaleConversation(turn.conversation_id)
    if turn.feedback is not None:
        key, verdict = turn.feedback
        connection.execute(
            update(Turn).where(Turn.key == key, Turn.conversation_id == turn.conversation_id).values(feedback=verdict)
        )
    return _queue(connection, turn, first_seq=row.next_seq - len(turn.replies), row=row, turn_id=turn_id)


def _queue(connection: Connection, turn: FinishedTurn, *, first_seq: int, row: Any, turn_id: int | None) -> list[int]:
    if not turn.replies:
        return []
    status = OutboxStatus.SENT if turn.pull else OutboxStatus.QUEUED
    values = [
        {
            "department_id": row.department_id, "conversation_id": turn.conversation_id, "turn_id": turn_id,
            "channel": row.channel, "seq": first_seq + number, "reply": reply, "status": status, "attempts": 0,
            "not_before": turn.now, "sent_at": turn.now if turn.pull else None, "created_at": turn.now,
            "in_reply_to": turn.in_reply_to,
        }
        for number, reply in enumerate(turn.replies)
    ]  # fmt: skip
    statement = insert(OutboxMessage).returning(OutboxMessage.id)
    return list(connection.execute(statement, values).scalars())


def lock_conversation(connection: Connection, conversation_id: int) -> Row[Any] | None:
    """The conversation, kept from other writers until the transaction ends; None when there is none.

    Whoever writes to a conversation and to rows of it takes this lock first. SQLite has a single writer anyway.
    """
    statement = select(Conversation.__table__).where(Conversation.id == conversation_id).with_for_update()
    return connection.execute(statement).first()


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
    advance = (
        update(Conversation)
        .where(Conversation.id == conversation_id)
        .values(version=Conversation.version + 1, next_seq=Conversation.next_seq + 1)
        .returning(Conversation.next_seq, Conversation.department_id, Conversation.channel)
    )
    row: Any = connection.execute(advance).one()
    pull = row.channel in PULL_CHANNELS
    turn = FinishedTurn(conversation_id, version=0, inbox_ids=[], state={}, replies=[reply], pull=pull, now=now)
    return _queue(connection, turn, first_seq=row.next_seq - 1, row=row, turn_id=None)[0]


def count_failure(connection: Connection, conversation_id: int, *, error: str) -> None:
    """Note that a turn over the unread messages of a conversation failed."""
    connection.execute(
        update(InboxMessage)
        .where(InboxMessage.conversation_id == conversation_id, InboxMessage.status == InboxStatus.NEW)
        .values(attempts=InboxMessage.attempts + 1, error=error)
    )


# -- outbox -------------------------------------------------------------------------------------------------------


def claim_replies(
    connection: Connection, *, channel: str, busy: Iterable[int], now: dt.datetime, limit: int = 64
) -> list[Row[Any]]:
    """The next reply of each conversation that is due, marked as being attempted.

    A conversation's later replies wait for its earlier ones; conversations in ``busy`` are left out. Only the process
    that holds the channel's sending lease calls this.
    """
    first = (
        select(func.min(OutboxMessage.id))
        .where(OutboxMessage.status == OutboxStatus.QUEUED, OutboxMessage.channel == channel)
        .group_by(OutboxMessage.conversation_id)
    )
    statement = (
        select(
            OutboxMessage.id, OutboxMessage.conversation_id, OutboxMessage.reply, OutboxMessage.attempts,
            OutboxMessage.created_at, OutboxMessage.attempt_started_at, OutboxMessage.released_at,
            OutboxMessage.in_reply_to, Conversation.external_id, Conversation.last_interaction_at,
        )
        .join(Conversation, Conversation.id == OutboxMessage.conversation_id)
        .where(
            OutboxMessage.id.in_(first), OutboxMessage.not_before <= now,
            OutboxMessage.conversation_id.not_in(list(busy)),
        )
        .order_by(OutboxMessage.id)
        .limit(limit)
    )  # fmt: skip
    rows = list(connection.execute(statement))
    if rows:
        connection.execute(
            update(OutboxMessage)
            .where(OutboxMessage.id.in_([row.id for row in rows]))
            .values(attempts=OutboxMessage.attempts + 1, attempt_started_at=now)
        )
    return rows


def next_due(connection: Connection, *, channel: str) -> dt.datetime | None:
    """When the next queued reply of a channel may go; None when nothing is queued."""
    statement = select(func.min(OutboxMessage.not_before)).where(
        OutboxMessage.status == OutboxStatus.QUEUED, OutboxMessage.channel == channel
    )
    value = connection.execute(statement).scalar()
    return value if value is None or value.tzinfo else value.replace(tzinfo=dt.UTC)


def mark_sent(connection: Connection, outbox_id: int, *, external_id: str | None, now: dt.datetime) -> None:
    """A reply reached the messenger."""
    values = {"status": OutboxStatus.SENT, "sent_at": now, "external_id": external_id, "error": None}
    connection.execute(update(OutboxMessage).where(OutboxMessage.id == outbox_id).values(**values))


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


def move_conversation(connection: Connection, conversation_id: int, *, external_id: str) -> None:
    """The messenger gave the chat another id (a group became a supergroup)."""
    connection.execute(update(Conversation).where(Conversation.id == conversation_id).values(external_id=external_id))


# -- reading along (web chat) -------------------------------------------------------------------------------------


def find_conversation(connection: Connection, *, channel: str, account: str, external_id: str) -> Row[Any] | None:
    """A conversation by its id on the channel."""
    statement = select(Conversation.__table__).where(
        Conversation.channel == channel, Conversation.account == account, Conversation.external_id == external_id
    )
    return connection.execute(statement).first()


def get_conversation(connection: Connection, conversation_id: int) -> Row[Any] | None:
    """A conversation by our own id."""
    return connection.execute(select(Conversation.__table__).where(Conversation.id == conversation_id)).first()


def replies_after(connection: Connection, conversation_id: int, *, seq: int, limit: int = 100) -> list[Row[Any]]:
    """The replies of a conversation numbered above ``seq``, in order."""
    statement = (
        select(OutboxMessage.seq, OutboxMessage.reply, OutboxMessage.created_at, OutboxMessage.turn_id)
        .where(OutboxMessage.conversation_id == conversation_id, OutboxMessage.seq > seq)
        .order_by(OutboxMessage.seq)
        .limit(limit)
    )
    return list(connection.execute(statement))


def messages_of(connection: Connection, conversation_id: int, *, limit: int = 200) -> list[Row[Any]]:
    """What the person wrote, in order, the latest ``limit``: the web chat shows it again after a reload."""
    statement = (
        select(
            InboxMessage.id,
            InboxMessage.external_id,
            InboxMessage.message,
            InboxMessage.received_at,
            InboxMessage.turn_id,
        )
        .where(InboxMessage.conversation_id == conversation_id, InboxMessage.message.is_not(None))
        .order_by(InboxMessage.id.desc())
        .limit(limit)
    )
    return list(reversed(connection.execute(statement).all()))


def latest_seqs(connection: Connection, conversation_ids: Sequence[int]) -> dict[int, int]:
    """The highest reply number of each conversation; one statement for all readers of a process."""
    statement = select(Conversation.id, Conversation.next_seq - 1).where(Conversation.id.in_(conversation_ids))
    return {row[0]: row[1] for row in connection.execute(statement)}


# -- retention ----------------------------------------------------------------------------------------------------


def erase_texts(connection: Connection, *, before: dt.datetime) -> int:
    """Remove what people wrote and were told before ``before``; statistics without text stay. Returns rows touched.

    A message that waited that long for the person to write is given up.
    """
    connection.execute(
        update(OutboxMessage)
        .where(OutboxMessage.created_at < before, OutboxMessage.status == OutboxStatus.WAITING_WINDOW)
        .values(status=OutboxStatus.UNDELIVERABLE)
    )
    erased = connection.execute(
        update(InboxMessage)
        .where(
            InboxMessage.received_at < before, InboxMessage.status != InboxStatus.NEW,
            or_(InboxMessage.message.is_not(None), InboxMessage.raw.is_not(None)),
        )
        .values(message=None, raw=None)
    ).rowcount  # fmt: skip
    erased += connection.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.created_at < before, OutboxMessage.status != OutboxStatus.QUEUED,
            or_(OutboxMessage.reply["body"].as_string() != "", OutboxMessage.reply["notice"].as_string().is_not(None)),
        )
        .values(reply={"body": "", "heading": None, "note": None, "choices": []})
    ).rowcount  # fmt: skip
    erased += connection.execute(
        update(Turn)
        .where(Turn.created_at < before, Turn.text.is_not(None))
        .values(text=None, text_folded=None, details={})
    ).rowcount
    erased += connection.execute(
        update(Conversation)
        .where(Conversation.last_inbound_at < before, Conversation.state["greeted"].as_boolean())
        .values(state={})
    ).rowcount
    return int(erased)
