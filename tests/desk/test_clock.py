"""What moves the time by which a request is due: pauses, a new beginning, priority, an extension, another calendar."""

from __future__ import annotations

import datetime as dt

import pytest

from db.models import Priority
from db.queries import desk as desk_queries
from desk import actions, timers
from desk.change import Actor
from desk.errors import ExtendedAlready
from desk.settings import load_desk
from tests.desk.conftest import DAY, MONDAY, NOW, World, last


async def test_replying_while_waiting_keeps_the_pause(world: World) -> None:
    _, filed = await world.filed_by_somebody()
    officer = await world.officer()
    await world.act(actions.ask_for_more, filed, officer, text="Gửi ảnh?")
    await world.act(actions.reply, filed, officer, text="Chụp rõ giúp nhé", now=MONDAY)
    await world.act(actions.ask_for_more, filed, officer, text="Và mã số thuế?", now=MONDAY)
    row = await world.row(filed)
    assert (row.status, row.paused_at) == ("waiting", NOW)
    await world.act(actions.resume, filed, officer, now=MONDAY)
    row = await world.row(filed)
    assert (row.status, row.paused_at, row.paused_seconds) == ("in_progress", None, 3 * 86400)
    assert row.due_at == dt.datetime(2026, 12, 1, 2, tzinfo=dt.UTC)


async def test_answering_while_waiting_ends_the_pause_too(world: World) -> None:
    _, filed = await world.filed_by_somebody()
    officer = await world.officer()
    await world.act(actions.ask_for_more, filed, officer, text="Gửi ảnh?")
    await world.act(actions.answer, filed, officer, text="Không cần nữa", now=MONDAY)
    row = await world.row(filed)
    assert (row.status, row.paused_at, row.due_at) == (
        "answered", None, dt.datetime(2026, 12, 1, 2, tzinfo=dt.UTC)
    )  # fmt: skip


@pytest.mark.parametrize("by", ["person", "staff"])
async def test_reopening_starts_the_clock_anew(world: World, by: str) -> None:
    person, filed = await world.filed_by_somebody()
    officer = await world.officer()
    await world.act(actions.ask_for_more, filed, officer, text="Gửi ảnh?")
    await world.act(actions.answer, filed, officer, text="Xong", now=MONDAY)
    await world.act(actions.close, filed, officer, result="Xong", now=MONDAY)
    actor = Actor.person(person) if by == "person" else officer
    await world.act(actions.reopen, filed, actor, reason="Vẫn chưa rõ phí", now=MONDAY + DAY * 7)
    row = await world.row(filed)
    assert (row.status, row.is_open, row.is_running) == ("reopened", True, True)
    assert (row.closed_at, row.answered_at, row.accepted_at, row.result, row.pauses) == (None, None, None, None, [])
    assert row.due_at == dt.datetime(2026, 12, 7, 10, tzinfo=dt.UTC)  # 30/11 09:00 and five working days
    assert row.assignee_id == officer.id
    message = next(m for m in await world.messages(filed) if m.text == "Vẫn chưa rõ phí")
    assert message.author == ("person" if by == "person" else "note")


async def test_priority_topic_and_extension_move_the_due_time(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    officer = await world.officer()
    await world.act(actions.set_priority, filed, officer, priority=Priority.URGENT)
    row = await world.row(filed)
    # eight hours from Friday 09:00: 6 on Friday, 2 on Monday
    assert row.due_at == dt.datetime(2026, 11, 23, 2, 30, tzinfo=dt.UTC)
    await world.act(actions.extend, filed, officer, reason="Cần hỏi Cục", now=NOW)
    row = await world.row(filed)
    assert row.due_at == dt.datetime(2026, 11, 25, 3, 0, tzinfo=dt.UTC)  # 16 hours
    assert last(await world.notices(person))[0] == "request.extended"
    with pytest.raises(ExtendedAlready):
        await world.act(actions.extend, filed, officer, reason="Nữa")
    await world.act(actions.set_topic, filed, officer, topic="sang-che")
    assert (await world.row(filed)).due_at == row.due_at
    assert (await world.row(filed)).topic == "sang-che"


async def test_an_overdue_request_is_not_extended(world: World) -> None:
    _, filed = await world.filed_by_somebody()
    with pytest.raises(ExtendedAlready):
        await world.act(actions.extend, filed, await world.officer(), reason="Muộn", now=NOW + DAY * 30)


async def test_a_changed_calendar_moves_what_is_due(world: World) -> None:
    _, running = await world.filed_by_somebody()
    _, ended = await world.filed_by_somebody()
    officer = await world.officer()
    await world.act(actions.answer, ended, officer, text="Xong")
    before = await world.row(ended)

    def storm(connection):
        desk_queries.set_calendar_day(
            connection, department_id=world.desk.department_id, day=dt.date(2026, 11, 26), now=NOW, kind="off",
            name="Nghỉ bão số 15", document="Công điện 1/CĐ-UBND", address=None, instead_of=None,
        )  # fmt: skip
        desk = load_desk(connection, department_id=world.desk.department_id)
        return timers.recompute(connection, desk, now=NOW)

    assert await world.write(storm) == 1
    row = await world.row(running)
    assert row.due_at == dt.datetime(2026, 12, 1, 10, tzinfo=dt.UTC)
    assert row.version == 2
    assert (await world.history(running))[-1].details["due_after"] == row.due_at.isoformat()
    assert await world.row(ended) == before


async def test_a_departments_settings_are_loaded(world: World) -> None:
    department_id = world.desk.department_id
    assert world.desk.periods.files == 180

    def own(connection):
        desk_queries.save_settings(
            connection, department_id=department_id, now=NOW, retention={"files": 90},
            targets={"answer": {"normal": {"amount": 2, "unit": "days"}}},
            hours={"week": {"mon": [["08:00", "12:00"]]}},
        )  # fmt: skip
        desk_queries.save_settings(connection, department_id=department_id, now=NOW, retention={"files": 60})
        return load_desk(connection, department_id=department_id)

    desk = await world.write(own)
    assert (desk.periods.files, desk.periods.draft) == (60, 7)
    assert desk.targets.of(None, Priority.NORMAL).amount == 2
    assert not desk.calendar.is_working_day(dt.date(2026, 11, 20))
