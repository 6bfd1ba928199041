"""What officers, people and timers do: status, clock, history, audit and notice of every line of the table."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

from db.errors import StaleConversation
from db.models import Priority, RequestStatus
from db.queries import conversations, operations, outbox
from db.queries import desk as desk_queries
from desk import actions, consent, files
from desk.change import Actor
from desk.errors import (
    ConsentMissing,
    FieldMissing,
    RequestNotFound,
    StaleRequest,
    TooLate,
    TooManyFiles,
    TransitionRefused,
    UnknownTarget,
)
from desk.lookup import find_own, public_status
from desk.states import TRANSITIONS, Who
from tests.desk.conftest import DAY, MONDAY, NOW, World, last


async def test_from_new_to_rated(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    officer, who = await world.officer(), Actor.person(person)

    accepted = await world.act(actions.accept, filed, officer, version=1)
    row = await world.row(filed)
    assert (accepted.status, row.status, row.assignee_id, row.accepted_at) == ("accepted", "accepted", officer.id, NOW)
    assert last(await world.notices(person))[0] == "request.accepted"
    assert last(await world.notices(person))[1]["officer"] == officer.name

    await world.act(actions.ask_for_more, filed, officer, text="Anh gửi giúp ảnh nhãn", now=NOW)
    row = await world.row(filed)
    assert (row.status, row.is_open, row.is_running, row.paused_at) == ("waiting", True, False, NOW)
    assert last(await world.notices(person)) == (
        "request.asked", {"code": filed.code, "officer": officer.name, "text": "Anh gửi giúp ảnh nhãn"}
    )  # fmt: skip

    await world.act(actions.person_wrote, filed, who, text="Ảnh đây ạ", now=MONDAY,
                    new_files=[files.NewFile("b" * 64, "photo", "image/jpeg", 10)])  # fmt: skip
    row = await world.row(filed)
    assert (row.status, row.is_running, row.paused_at, row.unread_at) == ("in_progress", True, None, MONDAY)
    assert row.paused_seconds == 3 * 86400
    assert row.due_at == dt.datetime(2026, 12, 1, 2, tzinfo=dt.UTC)  # Monday's first 1.5 hours were paused

    answered = await world.act(actions.answer, filed, officer, text="Hồ sơ gồm…", now=MONDAY + DAY * 2)
    row = await world.row(filed)
    assert (row.status, row.is_open, row.answered_at, row.unread_at) == ("answered", False, MONDAY + DAY * 2, None)
    assert answered.outbox_id is not None
    key, fields = last(await world.notices(person))
    assert key == "request.answered"
    assert fields["auto_close_at"] == (MONDAY + DAY * 9).isoformat()

    await world.act(actions.close, filed, officer, result="Đã hướng dẫn hồ sơ", now=MONDAY + DAY * 3)
    row = await world.row(filed)
    assert (row.status, row.closed_at, row.result) == ("closed", MONDAY + DAY * 3, "Đã hướng dẫn hồ sơ")
    await world.act(actions.rate, filed, who, stars=5, comment="Cảm ơn", now=MONDAY + DAY * 3)
    row = await world.row(filed)
    assert (row.rating, row.rating_comment) == (5, "Cảm ơn")

    history = await world.history(filed)
    assert [entry.action for entry in history] == [
        "file", "accept", "ask_for_more", "person_wrote", "answer", "close", "rate"
    ]  # fmt: skip
    for entry in history:
        (audit,) = await world.audits(f"request.{entry.action}")
        assert audit.staff_member_id == entry.staff_member_id
        assert audit.details["to_status"] == entry.to_status
    said = [(message.author, message.text) for message in await world.messages(filed) if message.text]
    assert said == [("officer", "Anh gửi giúp ảnh nhãn"), ("person", "Ảnh đây ạ"), ("officer", "Hồ sơ gồm…"),
                    ("officer", "Đã hướng dẫn hồ sơ")]  # fmt: skip


async def test_an_officer_who_replies_has_taken_it(world: World) -> None:
    _, filed = await world.filed_by_somebody()
    first, second = await world.officer(), await world.officer("Trần Thị Hai")
    await world.act(actions.reply, filed, first, text="Chúng tôi đang xem")
    row = await world.row(filed)
    assert (row.status, row.assignee_id, row.accepted_at, row.replied_at) == ("in_progress", first.id, NOW, NOW)
    await world.act(actions.reply, filed, second, text="Thêm một ý", now=MONDAY)
    row = await world.row(filed)
    assert (row.assignee_id, row.accepted_at, row.replied_at) == (first.id, NOW, NOW)


async def test_reopening_too_late(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    officer = await world.officer()
    await world.act(actions.close, filed, officer, result="Xong")
    with pytest.raises(TooLate) as late:
        await world.act(actions.reopen, filed, Actor.person(person), now=NOW + DAY * 7 + dt.timedelta(seconds=1))
    assert late.value.fields["days"] == 7
    assert (await world.row(filed)).status == "closed"


async def test_the_person_closes_an_answer_and_withdraws_a_request(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    with pytest.raises(TransitionRefused):
        await world.act(actions.close, filed, Actor.person(person))
    await world.act(actions.answer, filed, await world.officer(), text="Đây ạ")
    await world.act(actions.close, filed, Actor.person(person))
    assert last(await world.notices(person)) == ("request.closed", {"code": filed.code, "result": None})
    other, again = await world.filed_by_somebody()
    await world.act(actions.withdraw, again, Actor.person(other))
    assert (await world.row(again)).status == "withdrawn"
    assert last(await world.notices(other)) == ("request.withdrawn", {"code": again.code})


async def test_rejecting_and_closing_need_words(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    officer = await world.officer()
    for action, field in ((actions.reject, "reason"), (actions.close, "result"), (actions.reply, "text")):
        with pytest.raises(FieldMissing) as missing:
            await world.act(action, filed, officer, **{field: "  "})
        assert missing.value.fields["field"] == field
    with pytest.raises(FieldMissing) as too_long:
        await world.act(actions.reply, filed, officer, text="x" * 4001)
    assert too_long.value.fields["limit"] == 4000
    assert (await world.row(filed)).version == 1
    await world.act(actions.reject, filed, officer, reason="Không thuộc Sở")
    assert last(await world.notices(person)) == ("request.rejected", {"code": filed.code, "reason": "Không thuộc Sở"})


async def test_what_is_not_in_the_table_is_refused(world: World) -> None:
    """Every action of officers without arguments of their own, on a request that was withdrawn."""
    person, filed = await world.filed_by_somebody()
    officer = await world.officer()
    await world.act(actions.withdraw, filed, Actor.person(person))
    before = await world.row(filed)
    arguments: dict[str, dict[str, Any]] = {
        "reply": {"text": "x"}, "ask_for_more": {"text": "x"}, "answer": {"text": "x"}, "close": {"result": "x"},
        "reject": {"reason": "x"}, "forward": {"unit_id": 1}, "forward_outside": {"agency": "x", "where": "x"},
        "assign": {"assignee_id": officer.id}, "set_priority": {"priority": Priority.HIGH},
        "set_topic": {"topic": "ocop"}, "extend": {"reason": "x"}, "accept": {}, "resume": {}, "reopen": {},
    }  # fmt: skip
    kept = {"note", "mark_read", "mark_called"}
    assert set(arguments) | kept == {row.action for row in TRANSITIONS if Who.STAFF in row.who}
    for name, values in arguments.items():
        with pytest.raises(TransitionRefused):
            await world.act(getattr(actions, name), filed, officer, **values)
    assert await world.row(filed) == before


async def test_somebody_elses_request_does_not_exist(world: World) -> None:
    _, filed = await world.filed_by_somebody()
    stranger = Actor.person(await world.person())
    for action, values in [(actions.withdraw, {}), (actions.person_wrote, {"text": "x"}), (actions.rate, {"stars": 1})]:
        with pytest.raises(RequestNotFound):
            await world.act(action, filed, stranger, **values)
    with pytest.raises(RequestNotFound):
        await world.read(lambda c: find_own(c, world.desk, code=filed.code, conversation_id=int(stranger.id or 0)))


async def test_a_code_shows_nothing_personal(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    status = await world.read(lambda c: public_status(c, world.desk, code=filed.code))
    assert (status.status, status.awaits, status.due_at) == ("new", "department", filed.due_at)
    assert set(status.__dict__) == {"code", "status", "awaits", "due_at", "due_provisional"}
    await world.act(actions.ask_for_more, filed, await world.officer(), text="Gửi ảnh?")
    status = await world.read(lambda c: public_status(c, world.desk, code=filed.code))
    assert (status.awaits, status.due_at) == ("person", None)
    assert (await world.read(lambda c: find_own(c, world.desk, code=filed.code, conversation_id=person))).name
    with pytest.raises(RequestNotFound):
        await world.read(lambda c: public_status(c, world.desk, code="HT26-000000"))


async def test_a_stale_page_changes_nothing(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    one, two = await world.officer(), await world.officer("Trần Thị Hai")
    results = await asyncio.gather(
        *(
            world.apart(
                lambda c, a=actor: actions.reply(
                    c, world.desk, request_id=filed.request_id, text="Chào bà", actor=a, now=NOW, version=1
                )
            )
            for actor in (one, two)
        ),
        return_exceptions=True,
    )
    stale = [result for result in results if isinstance(result, StaleRequest)]
    assert len(stale) == 1
    assert stale[0].fields == {"code": filed.code, "version": 2}
    assert len([n for n in await world.notices(person) if n["notice"] == "request.replied"]) == 1


async def test_reading_and_noting_leave_pages_good(world: World) -> None:
    _, filed = await world.filed_by_somebody()
    officer = await world.officer()
    await world.act(actions.note, filed, officer, text="Gọi lại chiều nay")
    await world.act(actions.mark_read, filed, officer)
    row = await world.row(filed)
    assert (row.version, row.unread_at) == (1, None)
    (note,) = [message for message in await world.messages(filed) if message.author == "note"]
    assert (note.text, note.outbox_id, note.officer) == ("Gọi lại chiều nay", None, officer.name)
    await world.act(actions.accept, filed, officer, version=1)


async def test_assigning(world: World) -> None:
    _, filed = await world.filed_by_somebody()
    manager, officer, gone = await world.officer("Quản lý"), await world.officer(), await world.officer(is_active=False)
    await world.act(actions.assign, filed, manager, assignee_id=officer.id)
    assert (await world.row(filed)).assignee_id == officer.id
    with pytest.raises(UnknownTarget):
        await world.act(actions.assign, filed, manager, assignee_id=gone.id)
    await world.act(actions.assign, filed, manager, assignee_id=None)
    assert (await world.row(filed)).assignee_id is None


async def test_forwarding_inside_and_outside(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    officer, department_id = await world.officer(), world.desk.department_id
    unit = await world.write(
        lambda c: desk_queries.add_unit(c, department_id=department_id, name="Phòng Sở hữu trí tuệ", now=NOW)
    )
    await world.act(actions.accept, filed, officer)
    await world.act(actions.forward, filed, officer, unit_id=unit, reason="Đúng chuyên môn hơn")
    row = await world.row(filed)
    assert (row.unit_id, row.assignee_id, row.status) == (unit, None, "accepted")
    assert last(await world.notices(person)) == (
        "request.forwarded", {"code": filed.code, "unit": "Phòng Sở hữu trí tuệ"}
    )  # fmt: skip
    for wrong in (unit, 9999):
        with pytest.raises(UnknownTarget):
            await world.act(actions.forward, filed, officer, unit_id=wrong)
    outside = {"agency": "Chi cục Thuế", "where": "số 5 Nguyễn Huệ"}
    with pytest.raises(ConsentMissing):
        await world.act(actions.forward_outside, filed, officer, **outside, data_shared=True)
    await world.agree(person, purpose=consent.Purpose.SHARE_OUTSIDE)
    await world.act(actions.forward_outside, filed, officer, **outside, data_shared=True)
    assert (await world.row(filed)).status == "closed"
    assert last(await world.notices(person)) == (
        "request.forwarded_outside", {"code": filed.code, **outside, "data_shared": True}
    )  # fmt: skip


async def test_told_by_phone(world: World) -> None:
    _, filed = await world.filed_by_somebody()
    _, other = await world.filed_by_somebody()
    officer = await world.officer()
    said = await world.act(actions.reply, filed, officer, text="Đã có kết quả")
    await world.act(actions.mark_called, filed, officer, message_id=said.message_id)
    message = (await world.messages(filed))[-1]
    assert (message.called_at, message.called_by) == (NOW, officer.id)
    with pytest.raises(UnknownTarget):
        await world.act(actions.mark_called, other, officer, message_id=said.message_id)


@pytest.mark.parametrize("stars", [0, 6, -1])
async def test_a_rating_is_one_to_five(world: World, stars: int) -> None:
    person, filed = await world.filed_by_somebody()
    await world.act(actions.close, filed, await world.officer(), result="Xong")
    with pytest.raises(FieldMissing):
        await world.act(actions.rate, filed, Actor.person(person), stars=stars)


async def test_ten_files_and_no_more(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    ten = [files.NewFile(f"{number:064x}", "photo", "image/jpeg", 10) for number in range(10)]
    await world.act(actions.person_wrote, filed, Actor.person(person), new_files=ten)
    with pytest.raises(TooManyFiles):
        await world.act(actions.person_wrote, filed, Actor.person(person), new_files=[ten[0]])
    for wrong in (files.NewFile("../etc", "photo", "x", 10), files.NewFile("a" * 64, "photo", "x", 0),
                  files.NewFile("a" * 64, "photo", "x", 10 * 1024 * 1024 + 1)):  # fmt: skip
        with pytest.raises(ValueError, match="not a file"):
            await world.write(lambda c, new=wrong: files.add(c, world.desk, new, request_id=filed.request_id, now=NOW))


async def test_a_notice_makes_a_turn_that_is_being_decided_stale(world: World) -> None:
    """Officer and person at the same moment: the turn is decided again, knowing what the officer wrote."""
    person, filed = await world.filed_by_somebody()
    before = await world.read(lambda c: conversations.lock_conversation(c, person))
    assert before is not None
    await world.act(actions.reply, filed, await world.officer(), text="Chào bà")
    turn = conversations.FinishedTurn(person, before.version, [], state={}, replies=[], pull=False, now=NOW)
    with pytest.raises(StaleConversation):
        await world.write(lambda c: conversations.finish_turn(c, turn))
    after = await world.read(lambda c: conversations.lock_conversation(c, person))
    assert after is not None
    assert (after.state, after.last_inbound_at) == (before.state, before.last_inbound_at)


async def test_many_officers_and_the_person_at_once_keep_numbers_in_order(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    officers = [await world.officer() for _ in range(4)]
    who = [
        *((actions.reply, officer) for officer in officers * 3),
        *((actions.person_wrote, Actor.person(person)),) * 6,
    ]
    await asyncio.gather(
        *(
            world.apart(
                lambda c, do=action, a=actor: do(
                    c, world.desk, request_id=filed.request_id, text="Một câu", actor=a, now=NOW
                )
            )
            for action, actor in who
        )
    )
    rows = await world.read(lambda c: outbox.replies_after(c, person, seq=0))
    assert [row.seq for row in rows] == list(range(1, 14))
    assert (await world.row(filed)).version == 1 + 12 + 6
    assert len(await world.messages(filed)) == 1 + 12 + 6


async def test_unknown_requests_and_other_departments(world: World) -> None:
    _, filed = await world.filed_by_somebody()
    officer = await world.officer()
    missing = actions.Filed(filed.request_id + 99, "", NOW, is_provisional=False, is_new=False)
    with pytest.raises(RequestNotFound):
        await world.act(actions.accept, missing, officer)
    foreign = world.desk.__class__(world.desk.department_id + 1, *list(world.desk.__dict__.values())[1:])
    with pytest.raises(RequestNotFound):
        await world.write(
            lambda c: actions.accept(c, foreign, request_id=filed.request_id, actor=officer, now=NOW)
        )  # fmt: skip


async def test_deliveries_show_beside_the_messages(world: World) -> None:
    _, filed = await world.filed_by_somebody()
    said = await world.act(actions.reply, filed, await world.officer(), text="Chào bà")
    await world.write(lambda c: outbox.give_up(c, said.outbox_id, error="RecipientUnreachable: 403"))
    message = (await world.messages(filed))[-1]
    assert (message.delivery, message.delivery_error) == ("undeliverable", "RecipientUnreachable: 403")


async def test_an_end_plans_what_must_go(world: World) -> None:
    _, filed = await world.filed_by_somebody()
    await world.act(actions.close, filed, await world.officer(), result="Xong")
    jobs = await world.read(lambda c: operations.due_jobs(c, now=NOW + DAY * 4000, limit=100))
    mine = {job.kind: job.due_at - NOW for job in jobs if job.kind.startswith("desk_")}
    assert mine == {
        "desk_files": DAY * 180,
        "desk_request": DAY * 730,
        "desk_rating": DAY * 2,
        "desk_consent": DAY * 1095,
    }
    assert (await world.row(filed)).status == RequestStatus.CLOSED
