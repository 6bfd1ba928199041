"""Channels as an administrator sees them: switches, what waits and for how long, what failed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, case, func, literal_column, select, update

from db.models import (
    ChannelSwitch,
    Conversation,
    InboxMessage,
    InboxStatus,
    OutboxMessage,
    OutboxStatus,
    SwitchMode,
    ZaloToken,
)
from db.queries.conversations import insert_new
from db.queries.undelivered import IS_UNSENT, NOT_ERASED

LOOKED_AT = 5000


def list_switches(connection: Connection, *, department_id: int) -> list[Row[Any]]:
    """Every channel that was ever switched; one without a row is on."""
    statement = select(ChannelSwitch.__table__).where(ChannelSwitch.department_id == department_id)
    return list(connection.execute(statement))


def set_switch(
    connection: Connection, *, department_id: int, channel: str, mode: SwitchMode, notice: str | None,
    staff_member_id: int, now: dt.datetime,
) -> SwitchMode:  # fmt: skip
    """Switch a channel; returns what it was before. A pause that goes on keeps its beginning."""
    where = (ChannelSwitch.department_id == department_id, ChannelSwitch.channel == channel)
    connection.execute(
        insert_new(connection, ChannelSwitch).values(
            department_id=department_id, channel=channel, mode=SwitchMode.ON, changed_at=now
        )
    )
    row = connection.execute(select(ChannelSwitch.__table__).where(*where).with_for_update()).one()
    paused_at = None
    if mode is SwitchMode.PAUSED:
        paused_at = row.paused_at if row.mode == SwitchMode.PAUSED else now
    values = {"mode": mode, "notice": notice, "paused_at": paused_at, "changed_at": now, "changed_by": staff_member_id}
    connection.execute(update(ChannelSwitch).where(*where).values(**values))
    return SwitchMode(row.mode)


def mark_pause_told(connection: Connection, conversation_id: int, *, now: dt.datetime) -> None:
    """The person was told that the channel is paused."""
    connection.execute(update(Conversation).where(Conversation.id == conversation_id).values(pause_told_at=now))


@dataclass(frozen=True)
class ChannelTroubles:
    """What waits in a channel and since when, and what failed since a given time."""

    oldest_in: dt.datetime | None = None
    oldest_out: dt.datetime | None = None
    kept: int = 0
    failed: int = 0
    unreadable: int = 0


def troubles(connection: Connection, *, department_id: int, since: dt.datetime) -> Mapping[str, ChannelTroubles]:
    """By channel, in four statements: oldest waiting, kept for the person, given up and unreadable ``since``.

    Each inner statement is ordered as one of the small indexes is, so that no table is looked through.
    """
    inbox: Any = select(InboxMessage.channel, InboxMessage.received_at.label("at")).where(
        InboxMessage.department_id + 0 == department_id
    )
    outbox: Any = select(OutboxMessage.channel, OutboxMessage.created_at.label("at")).where(
        OutboxMessage.department_id + 0 == department_id
    )
    new = inbox.where(_is(InboxMessage.status, InboxStatus.NEW))
    queued = outbox.where(_is(OutboxMessage.status, OutboxStatus.QUEUED))
    aside = inbox.where(InboxMessage.received_at >= since, _is(InboxMessage.status, InboxStatus.SET_ASIDE))
    oldest_in = _by_channel(connection, new.order_by(InboxMessage.conversation_id, InboxMessage.id), func.min)
    oldest_out = _by_channel(connection, queued.order_by(OutboxMessage.channel, OutboxMessage.id), func.min)
    unreadable = _by_channel(connection, aside.order_by(InboxMessage.received_at.desc()), func.count)
    lately = case((OutboxMessage.created_at >= since, 1), else_=0)
    unsent = (
        select(OutboxMessage.channel, OutboxMessage.status, func.count(), func.sum(lately))
        .where(OutboxMessage.department_id == department_id, IS_UNSENT, NOT_ERASED)
        .group_by(OutboxMessage.channel, OutboxMessage.status)
    )
    kept: dict[str, int] = {}
    failed: dict[str, int] = {}
    for channel, status, count, recent in connection.execute(unsent):
        if status == OutboxStatus.WAITING_WINDOW:
            kept[channel] = count
        else:
            failed[channel] = int(recent)
    names = {*oldest_in, *oldest_out, *kept, *failed, *unreadable}
    return {
        name: ChannelTroubles(
            oldest_in.get(name), oldest_out.get(name), kept.get(name, 0), failed.get(name, 0), unreadable.get(name, 0)
        )
        for name in names
    }


def _is(status: Any, value: str) -> Any:
    """A comparison with a literal, so that both databases see that an index over rows of this status will do."""
    return status == literal_column(f"'{value}'")


def _by_channel(connection: Connection, rows: Select[Any], value: Any) -> dict[str, Any]:
    """A value over ``at`` of each channel, among the first ``LOOKED_AT`` rows."""
    first = rows.limit(LOOKED_AT).subquery()
    statement = select(first.c.channel, value(first.c.at)).group_by(first.c.channel)
    return {row[0]: row[1] for row in connection.execute(statement)}


def zalo_pair(connection: Connection, *, department_id: int, oa_id: str) -> Row[Any] | None:
    """How the token pair of an Official Account stands; never the tokens."""
    statement: Any = select(
        ZaloToken.obtained_at, ZaloToken.access_expires_at, ZaloToken.refused_at, ZaloToken.refused_code,
        ZaloToken.refresh_token.is_not(None).label("has_refresh_token"),
    ).where(ZaloToken.department_id == department_id, ZaloToken.oa_id == oa_id)  # fmt: skip
    return connection.execute(statement.order_by(ZaloToken.id.desc()).limit(1)).first()
