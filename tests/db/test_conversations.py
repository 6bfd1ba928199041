"""Inbox once, turns by version, outbox in order, retention."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select

from db.engine import Database
from db.errors import StaleConversation
from db.models import InboxMessage, InboxStatus, OutboxMessage, OutboxStatus
from db.queries import conversations, departments, outbox
from tests.conftest import MakeSettings

NOW = dt.datetime(2026, 11, 22, 3, 0, tzinfo=dt.UTC)
TEXT = {"kind": "text", "text": "số của tôi 0912345678", "data": "", "sent_at": None}
REPLY = {"heading": None, "body": "trả lời", "note": None, "choices": []}


@pytest.fixture
async def database(make_settings: MakeSettings):
    database = Database(make_settings().database_url)
    yield database
    await database.close()


async def _accept(database: Database, key: str, person: str = "p1", at: dt.datetime = NOW) -> tuple[int, bool]:
    department = await database.read(departments.find_department)
    assert department is not None
    new = conversations.NewMessage("telegram", "1", key, person, TEXT, at, at)
    return await database.write(lambda c: conversations.accept_message(c, new, department_id=department.id))


def _turn(conversation_id: int, version: int, inbox_ids: list[int], **values: Any) -> conversations.FinishedTurn:
    values = {"state": {"greeted": True}, "replies": [REPLY, REPLY], "pull": False, "now": NOW, **values}
    return conversations.FinishedTurn(conversation_id, version, inbox_ids, **values)


async def test_the_same_update_at_once_is_one_row(database: Database) -> None:
    results = await asyncio.gather(*(_accept(database, "u1") for _ in range(10)))
    assert len({conversation for conversation, _ in results}) == 1
    assert sum(is_new for _, is_new in results) == 1


async def test_of_two_turns_from_one_version_one_is_stale(database: Database) -> None:
    conversation_id, _ = await _accept(database, "u1")
    waiting = await database.read(lambda c: conversations.read_turn(c, conversation_id))
    assert waiting is not None
    turn = _turn(conversation_id, waiting.conversation.version, [row.id for row in waiting.messages])
    results = await asyncio.gather(
        *(database.write(lambda c: conversations.finish_turn(c, turn)) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(r, StaleConversation) for r in results) == 4
    replies = await database.read(lambda c: outbox.replies_after(c, conversation_id, seq=0))
    assert [row.seq for row in replies] == [1, 2]
    assert await database.read(lambda c: conversations.read_turn(c, conversation_id)) is None


async def test_messages_another_turn_has_read_are_not_answered_again(database: Database) -> None:
    conversation_id, _ = await _accept(database, "u1")
    waiting = await database.read(lambda c: conversations.read_turn(c, conversation_id))
    assert waiting is not None
    ids = [row.id for row in waiting.messages]
    await database.write(lambda c: conversations.finish_turn(c, _turn(conversation_id, 0, ids)))
    with pytest.raises(StaleConversation):
        await database.write(lambda c: conversations.finish_turn(c, _turn(conversation_id, 1, ids)))
    replies = await database.read(lambda c: outbox.replies_after(c, conversation_id, seq=0))
    assert [row.seq for row in replies] == [1, 2]


async def test_replies_of_a_conversation_are_claimed_one_after_the_other(database: Database) -> None:
    for person in ("p1", "p2"):
        conversation_id, _ = await _accept(database, f"u-{person}", person)
        await database.write(lambda c, i=conversation_id: conversations.finish_turn(c, _turn(i, 0, [])))

    def claim(busy: list[int]):
        return lambda c: outbox.claim_replies(c, channel="telegram", busy=busy, now=NOW)

    first = await database.write(claim([]))
    assert len(first) == 2
    assert await database.write(claim([row.conversation_id for row in first])) == []
    await database.write(lambda c: outbox.mark_sent(c, [first[0].id], external_id="9", now=NOW))
    second = await database.write(claim([first[1].conversation_id]))
    assert [row.conversation_id for row in second] == [first[0].conversation_id]
    assert second[0].id != first[0].id
    following = lambda row: lambda c: outbox.claim_next(c, row.conversation_id, now=NOW)  # noqa: E731
    again = await database.write(following(first[1]))
    assert again is not None
    assert again.id == first[1].id, "its first reply is not sent yet"
    await database.write(lambda c: outbox.mark_sent(c, [second[0].id], external_id="10", now=NOW))
    assert await database.write(following(second[0])) is None


async def test_an_unreachable_person_stops_only_their_own_replies(database: Database) -> None:
    ids = []
    for person in ("p1", "p2"):
        conversation_id, _ = await _accept(database, f"u-{person}", person)
        await database.write(lambda c, i=conversation_id: conversations.finish_turn(c, _turn(i, 0, [])))
        ids.append(conversation_id)
    await database.write(lambda c: outbox.recipient_unreachable(c, ids[0], error="403", now=NOW))
    rows = await database.write(lambda c: outbox.claim_replies(c, channel="telegram", busy=[], now=NOW))
    assert [row.conversation_id for row in rows] == [ids[1]]


async def test_texts_are_erased_after_their_time_and_younger_ones_are_not(database: Database) -> None:
    old, _ = await _accept(database, "old", "p1", NOW - dt.timedelta(days=31))
    waiting, _ = await _accept(database, "waiting", "p2", NOW - dt.timedelta(days=29))
    turn = await database.read(lambda c: conversations.read_turn(c, old))
    assert turn is not None
    log = {"key": "k1", "text": "đã che", "outcome": "answer", "details": {}}
    past = NOW - dt.timedelta(days=31)
    done = _turn(old, 0, [turn.messages[0].id], log=log, now=past, pull=True)
    await database.write(lambda c: conversations.finish_turn(c, done))
    erased = await database.write(lambda c: conversations.erase_texts(c, before=NOW - dt.timedelta(days=30)))
    assert erased >= 4
    assert await database.read(lambda c: conversations.messages_of(c, old)) == []
    replies = await database.read(lambda c: outbox.replies_after(c, old, seq=0))
    assert {row.reply["body"] for row in replies} == {""}
    kept = await database.read(lambda c: conversations.read_turn(c, waiting))
    assert kept is not None
    assert kept.messages[0].message == TEXT


async def test_what_nobody_read_or_sent_is_given_up_with_its_text(database: Database) -> None:
    """As in a channel that is switched off for good: nothing outlives the days that the notice names."""
    month = dt.timedelta(days=30)
    person, _ = await _accept(database, "unread", at=NOW)
    await database.write(lambda c: outbox.queue_reply(c, person, REPLY, now=NOW))
    await database.write(lambda c: conversations.erase_texts(c, before=NOW))
    assert await database.read(lambda c: conversations.read_turn(c, person)) is not None
    assert [row.reply for row in await database.read(lambda c: outbox.replies_after(c, person, seq=0))] == [REPLY]

    late = NOW + month + dt.timedelta(seconds=1)
    await database.write(lambda c: conversations.erase_texts(c, before=late - month))
    assert await database.read(lambda c: conversations.read_turn(c, person)) is None
    assert await database.read(lambda c: conversations.messages_of(c, person)) == []
    assert await database.write(lambda c: outbox.claim_next(c, person, now=late)) is None
    for table, status in ((InboxMessage, InboxStatus.SET_ASIDE), (OutboxMessage, OutboxStatus.UNDELIVERABLE)):
        (row,) = await database.read(lambda c, t=table: c.execute(select(t.__table__)).all())
        assert (row.status, row.error) == (status, "expired")
        assert "0912345678" not in str(row)
        assert "trả lời" not in str(row)
