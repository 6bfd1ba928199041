"""Conversations with their inbox and turns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    Connection,
    Row,
    Select,
    Table,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
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
from db.queries import outbox

EXPIRED = "expired"  # the error of what waited until its text had to go

# statements of every message are built once, on the tables themselves: building one costs more than running it
_PEOPLE = cast("Table", Conversation.__table__)
_INBOX = cast("Table", InboxMessage.__table__)
_TURNS = cast("Table", Turn.__table__)
# a literal, so that both databases see that the index over new rows will do
_IS_NEW = _INBOX.c.status == literal_column(f"'{InboxStatus.NEW}'")


def insert_new(connection: Connection, table: Table | Any) -> Any:
    """An INSERT that leaves an existing row alone; both databases word it alike but in their own dialect."""
    return _insert_once(connection.dialect.name, table)


@cache
def _insert_once(dialect: str, table: Table | Any) -> Any:
    build = sqlite.insert if dialect == "sqlite" else postgresql.insert
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
    values = {
        "department_id": department_id, "channel": new.channel, "account": new.account,
        "external_id": new.external_id, "conversation_id": conversation_id, "status": InboxStatus.NEW,
        "message": new.message, "received_at": new.received_at, "occurred_at": new.occurred_at or new.received_at,
        "due_at": new.due_at, "attempts": 0,
    }  # fmt: skip
    is_new = connection.execute(_insert_once(connection.dialect.name, _INBOX), values).rowcount == 1
    return conversation_id, is_new


def open_conversation(
    connection: Connection, *, channel: str, account: str, external_id: str, department_id: int, now: dt.datetime
) -> int:
    """The id of the conversation with a person, made if this is the first time."""
    who = {"channel": channel, "account": account, "external_id": external_id}
    found = connection.execute(_WHO, who).scalar()
    if found is not None:
        return int(found)
    values = {
        **who, "department_id": department_id, "state": {}, "version": 0, "next_seq": 1, "created_at": now,
        "last_inbound_at": now,
    }  # fmt: skip
    connection.execute(_insert_once(connection.dialect.name, _PEOPLE), values)
    return int(connection.execute(_WHO, who).scalar_one())


_WHO = select(_PEOPLE.c.id).where(
    _PEOPLE.c.channel == bindparam("channel"), _PEOPLE.c.account == bindparam("account"),
    _PEOPLE.c.external_id == bindparam("external_id"),
)  # fmt: skip


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
    connection: Connection, *, received_before: dt.datetime, now: dt.datetime, limit: int = 500,
    without: Sequence[str] = (),
) -> list[int]:  # fmt: skip
    """Conversations with a due message that has waited since before ``received_before``, oldest first.

    Those of the channels ``without`` are left out: they are switched off, and must not hold up the others.
    """
    statement = (
        select(InboxMessage.conversation_id, func.min(InboxMessage.id))
        .where(
            _IS_NEW, InboxMessage.received_at <= received_before,
            InboxMessage.due_at <= now, InboxMessage.channel.not_in(without),
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


_WITH_DESK = select(
    _PEOPLE,
    exists().where(RequestDraft.conversation_id == _PEOPLE.c.id).correlate(_PEOPLE).label("has_form"),
    exists().where(Request.conversation_id == _PEOPLE.c.id).correlate(_PEOPLE).label("has_requests"),
).where(_PEOPLE.c.id == bindparam("conversation"))
_WAITING: Select[Any] = (
    select(
        _INBOX.c.id, _INBOX.c.message, _INBOX.c.due_at, _INBOX.c.received_at, _INBOX.c.attempts, _INBOX.c.external_id
    )
    .where(_INBOX.c.conversation_id == bindparam("conversation"), _IS_NEW)
    .order_by(_INBOX.c.occurred_at, _INBOX.c.id)
    .limit(bindparam("most"))
)
_ADVANCE = (
    update(_PEOPLE)
    .where(_PEOPLE.c.id == bindparam("conversation"), _PEOPLE.c.version == bindparam("read_version"))
    .values(
        version=_PEOPLE.c.version + 1, state=bindparam("new_state"), next_seq=_PEOPLE.c.next_seq + bindparam("taken"),
        last_inbound_at=bindparam("now"), unreachable_at=None,
    )
    .returning(_PEOPLE.c.id, _PEOPLE.c.next_seq, _PEOPLE.c.department_id, _PEOPLE.c.channel)
)  # fmt: skip
_LOG = insert(_TURNS).returning(_TURNS.c.id)
_READ = (
    update(_INBOX)
    .where(_INBOX.c.id.in_(bindparam("ids", expanding=True)), _IS_NEW)
    .values(status=InboxStatus.DONE, turn_id=bindparam("turn"), error=None)
)


def read_turn(connection: Connection, conversation_id: int, *, limit: int = 50) -> WaitingTurn | None:
    """The conversation with its unread messages, in the order they were written; None when there are none."""
    messages = connection.execute(_WAITING, {"conversation": conversation_id, "most": limit}).all()
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


def finish_turn(connection: Connection, turn: FinishedTurn) -> None:
    """Store state, log and replies of a turn.

    Raises:
        StaleConversation: Somebody else took the conversation's turn meanwhile; nothing is written.
    """
    row = connection.execute(
        _ADVANCE,
        {
            "conversation": turn.conversation_id, "read_version": turn.version, "new_state": turn.state,
            "taken": len(turn.replies), "now": turn.now,
        },
    ).first()  # fmt: skip
    if row is None:
        raise StaleConversation(turn.conversation_id)
    turn_id = None
    if turn.log is not None:
        values = {**turn.log, "department_id": row.department_id, "channel": row.channel, "created_at": turn.now}
        turn_id = connection.execute(_LOG, {"conversation_id": turn.conversation_id, **values}).scalar_one()
    read = connection.execute(_READ, {"ids": list(turn.inbox_ids), "turn": turn_id}).rowcount
    if read != len(turn.inbox_ids):
        # PostgreSQL shows each statement of a read its own moment: the version may be newer than the messages
        raise StaleConversation(turn.conversation_id)
    if turn.feedback is not None:
        key, verdict = turn.feedback
        connection.execute(
            update(Turn).where(Turn.key == key, Turn.conversation_id == turn.conversation_id).values(feedback=verdict)
        )
    outbox.queue_replies(
        connection, row, turn.replies, first_seq=row.next_seq - len(turn.replies), now=turn.now, is_pull=turn.pull,
        turn_id=turn_id, in_reply_to=turn.in_reply_to,
    )  # fmt: skip


def move_conversation(connection: Connection, conversation_id: int, *, external_id: str) -> None:
    """The messenger gave the chat another id (a group became a supergroup)."""
    connection.execute(update(Conversation).where(Conversation.id == conversation_id).values(external_id=external_id))


def lock_conversation(connection: Connection, conversation_id: int) -> Row[Any] | None:
    """The conversation, kept from other writers until the transaction ends; None when there is none.

    Whoever writes to a conversation and to rows of it takes this lock first. SQLite has a single writer anyway.
    """
    statement = select(Conversation.__table__).where(Conversation.id == conversation_id).with_for_update()
    return connection.execute(statement).first()


def count_failure(connection: Connection, conversation_id: int, *, error: str) -> None:
    """Note that a turn over the unread messages of a conversation failed."""
    connection.execute(
        update(InboxMessage)
        .where(InboxMessage.conversation_id == conversation_id, InboxMessage.status == InboxStatus.NEW)
        .values(attempts=InboxMessage.attempts + 1, error=error)
    )


# -- reading along (web chat) -------------------------------------------------------------------------------------


def find_conversation(connection: Connection, *, channel: str, account: str, external_id: str) -> Row[Any] | None:
    """A conversation by its id on the channel."""
    statement = select(Conversation.__table__).where(
        Conversation.channel == channel, Conversation.account == account, Conversation.external_id == external_id
    )
    return connection.execute(statement).first()


def is_called(connection: Connection, conversation_id: int, external_id: str) -> bool:
    """Whether a conversation still has that id on its channel: an erased one has another."""
    statement = select(Conversation.id).where(
        Conversation.id == conversation_id, Conversation.external_id == external_id
    )
    return connection.execute(statement).first() is not None


def get_conversation(connection: Connection, conversation_id: int) -> Row[Any] | None:
    """A conversation by our own id."""
    return connection.execute(select(Conversation.__table__).where(Conversation.id == conversation_id)).first()


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


# -- retention ----------------------------------------------------------------------------------------------------


def erase_texts(connection: Connection, *, before: dt.datetime) -> int:
    """Remove what people wrote and were told before ``before``; statistics without text stay. Returns rows touched.

    What waited that long, for the person to write or in a channel that is switched off, is given up: a reply counts as
    undelivered, a message nobody read as set aside.
    """
    pending = OutboxMessage.status.in_([OutboxStatus.QUEUED, OutboxStatus.WAITING_WINDOW])
    connection.execute(
        update(OutboxMessage)
        .where(OutboxMessage.created_at < before, pending)
        .values(status=OutboxStatus.UNDELIVERABLE, error=func.coalesce(OutboxMessage.error, EXPIRED))
    )
    connection.execute(
        update(InboxMessage)
        .where(InboxMessage.received_at < before, InboxMessage.status == InboxStatus.NEW)
        .values(status=InboxStatus.SET_ASIDE, error=EXPIRED)
    )
    erased = connection.execute(
        update(InboxMessage)
        .where(
            InboxMessage.received_at < before, or_(InboxMessage.message.is_not(None), InboxMessage.raw.is_not(None))
        )
        .values(message=None, raw=None)
    ).rowcount  # fmt: skip
    erased += connection.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.created_at < before,
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
