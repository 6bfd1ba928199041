"""What people asked and how it ended, for the people who watch over it: lists, one question in full, channels."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, literal, literal_column, or_, select, union_all

from db.models import (
    ChannelState,
    Conversation,
    InboxMessage,
    InboxStatus,
    KnowledgeRecord,
    OutboxMessage,
    OutboxStatus,
    RecordStatus,
    Turn,
)

NO_FEEDBACK = "none"
COUNTED_AT_MOST = 1000
RECENT = 1000


@dataclass(frozen=True)
class Position:
    """Where a page ended: its last row's time and id."""

    created_at: dt.datetime
    id: int


@dataclass(frozen=True)
class TurnFilter:
    """Which questions to list; None leaves a field open.

    ``words`` are lower case without diacritics and must all occur. ``since`` is inclusive, ``until`` exclusive.
    ``feedback`` is a verdict or ``NO_FEEDBACK``. ``before`` continues after an earlier page.
    """

    outcome: str | None = None
    topic: str | None = None
    feedback: str | None = None
    channel: str | None = None
    province: str | None = None
    words: tuple[str, ...] = ()
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    before: Position | None = None


def _like(word: str) -> str:
    for character in "\\%_":
        word = word.replace(character, f"\\{character}")
    return f"%{word}%"


def _where(department_id: int, wanted: TurnFilter) -> list[ColumnElement[bool]]:
    exact = (
        (Turn.outcome, wanted.outcome), (Turn.topic, wanted.topic), (Turn.channel, wanted.channel),
        (Turn.province, wanted.province),
    )  # fmt: skip
    clauses: list[ColumnElement[bool]] = [Turn.department_id == department_id]
    clauses += [column == value for column, value in exact if value is not None]
    if wanted.feedback is not None:
        clauses.append(Turn.feedback.is_(None) if wanted.feedback == NO_FEEDBACK else Turn.feedback == wanted.feedback)
    clauses += [Turn.text_folded.like(_like(word), escape="\\") for word in wanted.words]
    if wanted.since is not None:
        clauses.append(Turn.created_at >= wanted.since)
    if wanted.until is not None:
        clauses.append(Turn.created_at < wanted.until)
    if (before := wanted.before) is not None:
        earlier = and_(Turn.created_at == before.created_at, Turn.id < before.id)
        clauses.append(or_(Turn.created_at < before.created_at, earlier))
    return clauses


def list_turns(connection: Connection, wanted: TurnFilter, *, department_id: int, limit: int) -> Sequence[Row[Any]]:
    """The newest questions that match, at most ``limit``."""
    columns: tuple[Any, ...] = (
        Turn.id, Turn.created_at, Turn.channel, Turn.text, Turn.outcome, Turn.topic, Turn.facet, Turn.article,
        Turn.province, Turn.reason, Turn.confidence, Turn.feedback,
    )  # fmt: skip
    statement = (
        select(*columns)
        .where(*_where(department_id, wanted))
        .order_by(Turn.created_at.desc(), Turn.id.desc())
        .limit(limit)
    )
    return connection.execute(statement).all()


def count_turns(connection: Connection, wanted: TurnFilter, *, department_id: int) -> int:
    """How many match, counted up to ``COUNTED_AT_MOST`` + 1; ``before`` makes no difference."""
    matching = (
        select(Turn.id)
        .where(*_where(department_id, replace(wanted, before=None)))
        .limit(COUNTED_AT_MOST + 1)
        .subquery()
    )
    return int(connection.execute(select(func.count()).select_from(matching)).scalar_one())


@dataclass(frozen=True)
class TurnInFull:
    """A question with the replies it got, in order."""

    turn: Row[Any]
    replies: Sequence[Row[Any]]


def find_turn(connection: Connection, turn_id: int, *, department_id: int) -> TurnInFull | None:
    """One question of the department; None when there is none by that id."""
    turn = connection.execute(
        select(Turn.__table__).where(Turn.id == turn_id, Turn.department_id == department_id)
    ).first()
    if turn is None:
        return None
    statement = (
        select(
            OutboxMessage.reply, OutboxMessage.status, OutboxMessage.sent_at, OutboxMessage.error,
            OutboxMessage.created_at,
        )
        .where(OutboxMessage.conversation_id == turn.conversation_id, OutboxMessage.turn_id == turn_id)
        .order_by(OutboxMessage.seq)
    )  # fmt: skip
    return TurnInFull(turn, connection.execute(statement).all())


def turns_before(
    connection: Connection, conversation_id: int, *, department_id: int, before: dt.datetime, limit: int = 10
) -> list[Row[Any]]:
    """The last questions of a conversation until ``before``, in order; turns without words are left out."""
    statement: Any = (
        select(Turn.id, Turn.created_at, Turn.text, Turn.outcome, Turn.topic, Turn.feedback)
        .where(
            Turn.conversation_id == conversation_id, Turn.department_id == department_id, Turn.created_at <= before,
            Turn.text.is_not(None),
        )
        .order_by(Turn.id.desc())
        .limit(limit)
    )  # fmt: skip
    return list(connection.execute(statement))[::-1]


def topic_labels(connection: Connection, *, department_id: int) -> dict[str, str]:
    """The published name of each topic."""
    statement = select(KnowledgeRecord.record_id, KnowledgeRecord.data["label"].as_string()).where(
        KnowledgeRecord.department_id == department_id, KnowledgeRecord.kind == "topic",
        KnowledgeRecord.status == RecordStatus.PUBLISHED,
    )  # fmt: skip
    return {row[0]: row[1] for row in connection.execute(statement)}


def referral_titles(connection: Connection, *, department_id: int) -> list[tuple[str, str, str]]:
    """Id, title and agency of each published referral card."""
    data = KnowledgeRecord.data
    statement = select(KnowledgeRecord.record_id, data["title"].as_string(), data["agency"].as_string()).where(
        KnowledgeRecord.department_id == department_id, KnowledgeRecord.kind == "referral",
        KnowledgeRecord.status == RecordStatus.PUBLISHED,
    )  # fmt: skip
    return [(row[0], row[1], row[2]) for row in connection.execute(statement)]


@dataclass(frozen=True)
class ChannelOverview:
    """What a channel last did and what waits in it. ``last_error`` names a class of error and its code."""

    channel: str
    last_received_at: dt.datetime | None = None
    last_sent_at: dt.datetime | None = None
    waiting_in: int = 0
    waiting_out: int = 0
    last_error: str | None = None
    last_error_at: dt.datetime | None = None


def channel_overviews(
    connection: Connection, *, department_id: int, channels: Sequence[str]
) -> dict[str, ChannelOverview]:
    """Every channel that is configured or ever left a trace, by name; at most five statements.

    Times come from the channel's own notes and its latest rows, whichever is later; only a channel without either is
    looked up among its conversations.
    """
    notes = _notes(connection, department_id)
    received = _latest(connection, InboxMessage.channel, InboxMessage.received_at, InboxMessage.id, department_id)
    sent = _latest(connection, OutboxMessage.channel, OutboxMessage.sent_at, OutboxMessage.id, department_id)
    waiting_in, waiting_out = _waiting(connection, department_id)
    silent = [name for name in channels if name not in received and not (name in notes and notes[name][0])]
    talked = _last_turns(connection, department_id, silent)
    overviews = {}
    for name in dict.fromkeys((*channels, *notes, *received, *waiting_out)):
        note_in, note_out, error, error_at = notes.get(name, (None, None, None, None))
        overviews[name] = ChannelOverview(
            name, _later(note_in, received.get(name), talked.get(name)), _later(note_out, sent.get(name)),
            waiting_in.get(name, 0), waiting_out.get(name, 0), error, error_at,
        )  # fmt: skip
    return overviews


Note = tuple[dt.datetime | None, dt.datetime | None, str | None, dt.datetime | None]


def _notes(connection: Connection, department_id: int) -> dict[str, Note]:
    statement = (
        select(
            ChannelState.channel, ChannelState.last_received_at, ChannelState.last_sent_at, ChannelState.last_error,
            ChannelState.last_error_at,
        )
        .where(ChannelState.department_id == department_id)
        .order_by(ChannelState.id)
    )  # fmt: skip
    notes: dict[str, Note] = {}
    for row in connection.execute(statement):
        before = notes.get(row.channel, (None, None, None, None))
        # a channel may have had several accounts: the latest of each kind of news counts
        newest_error = row.last_error_at and (before[3] is None or row.last_error_at > before[3])
        error = (row.last_error, row.last_error_at) if newest_error else before[2:]
        notes[row.channel] = (
            _later(before[0], row.last_received_at), _later(before[1], row.last_sent_at), *error,
        )  # fmt: skip
    return notes


def _latest(connection: Connection, channel: Any, at: Any, row_id: Any, department_id: int) -> dict[str, dt.datetime]:
    """The latest time per channel among the newest rows."""
    recent = (
        select(channel.label("channel"), at.label("at"))
        .where(channel.class_.department_id == department_id)
        .order_by(row_id.desc())
        .limit(RECENT)
        .subquery()
    )
    statement = select(recent.c.channel, func.max(recent.c.at)).group_by(recent.c.channel)
    return {row[0]: row[1] for row in connection.execute(statement) if row[1] is not None}


def _last_turns(connection: Connection, department_id: int, channels: Sequence[str]) -> dict[str, dt.datetime]:
    if not channels:
        return {}
    statement = (
        select(Conversation.channel, func.max(Conversation.last_inbound_at))
        .where(Conversation.department_id == department_id, Conversation.channel.in_(channels))
        .group_by(Conversation.channel)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


def _waiting(connection: Connection, department_id: int) -> tuple[dict[str, int], dict[str, int]]:
    """How many messages of each channel wait for their turn, and how many to be sent."""
    came = (InboxMessage.department_id == department_id, InboxMessage.status == literal_column(f"'{InboxStatus.NEW}'"))
    goes = (
        OutboxMessage.department_id == department_id,
        OutboxMessage.status == literal_column(f"'{OutboxStatus.QUEUED}'"),
    )
    statement = union_all(
        select(literal("in"), InboxMessage.channel, func.count()).where(*came).group_by(InboxMessage.channel),
        select(literal("out"), OutboxMessage.channel, func.count()).where(*goes).group_by(OutboxMessage.channel),
    )
    found: dict[str, dict[str, int]] = {"in": {}, "out": {}}
    for way, channel, count in connection.execute(statement):
        found[way][channel] = count
    return found["in"], found["out"]


def _later(*times: dt.datetime | None) -> dt.datetime | None:
    return max((time for time in times if time is not None), default=None)
