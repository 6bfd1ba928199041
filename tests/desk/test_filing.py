"""Filing: once however often confirmed, at most five open, nothing personal without consent."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from db.models import Request, RequestFile
from db.queries import conversations, drafts, outbox, request_files
from db.queries import desk as desk_queries
from desk import actions, consent, files
from desk import drafts as forms
from desk.change import Actor
from desk.codes import is_valid
from desk.errors import ConsentMissing, FieldMissing, RequestNotFound, TooManyOpen
from tests.desk.conftest import NOW, World

WAIT = dt.timedelta(hours=1)


async def test_a_form_becomes_a_request_with_all_that_belongs_to_it(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    row = await world.row(filed)
    assert filed.is_new
    assert is_valid(filed.code)
    assert filed.code.startswith("HT26-")
    assert (row.status, row.is_open, row.is_running, row.version) == ("new", True, True, 1)
    assert (row.name, row.phone, row.requester_kind) == ("Nguyễn Thị Hoa", "+84912345678", "hop-tac-xa")
    assert (row.province, row.old_province, row.place) == ("vinh-long", "ben-tre", "Xã Mỹ Thạnh An")
    assert row.legal_basis == "consent"
    # Friday 09:00, five working days, Tuesday 24/11 off: Monday 30/11
    assert row.due_at == dt.datetime(2026, 11, 30, 10, tzinfo=dt.UTC) == filed.due_at
    assert row.accept_due_at == dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
    assert row.reply_due_at == dt.datetime(2026, 11, 26, 10, tzinfo=dt.UTC)
    assert row.warn_at < row.due_at
    assert await world.notices(person) == [
        {"notice": "request.filed",
         "fields": {"code": filed.code, "due_at": "2026-11-30T10:00:00+00:00", "due_provisional": False}}
    ]  # fmt: skip
    (entry,) = await world.history(filed)
    assert (entry.action, entry.actor, entry.from_status, entry.to_status) == ("file", "person", None, "new")
    (audit,) = await world.audits("request.file")
    assert audit.details["request"] == filed.code
    (message,) = await world.messages(filed)
    assert (message.author, message.notice, message.delivery) == ("notice", "request.filed", "queued")


async def test_nothing_personal_reaches_history_audit_or_notice(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    traces = [str(entry.details) for entry in await world.history(filed)]
    traces += [str(entry.details) for entry in await world.audits("request.file")]
    traces += [str(notice) for notice in await world.notices(person)]
    assert not any(secret in trace for trace in traces for secret in ("Hoa", "912345678", "0100109106", "Thạnh"))


@pytest.mark.parametrize("times", [2, 12])
async def test_confirming_at_the_same_moment_files_one(world: World, times: int) -> None:
    """From several processes, in transactions of their own that really run at the same time on PostgreSQL."""
    person = await world.person()
    filing = actions.Filing(person, "confirm", "Cần hỗ trợ")
    filed = await asyncio.gather(
        *(world.apart(lambda c: actions.file(c, world.desk, filing=filing, now=NOW)) for _ in range(times))
    )
    assert len({one.request_id for one in filed}) == 1
    assert sum(one.is_new for one in filed) == 1
    assert len({one.code for one in filed}) == 1
    assert await world.count(Request) == 1
    assert len(await world.notices(person)) == 1


async def test_different_people_at_the_same_moment_all_file(world: World) -> None:
    filings = [actions.Filing(await world.person(), f"k{n}", "Cần hỗ trợ") for n in range(8)]
    filed = await asyncio.gather(
        *(world.apart(lambda c, f=one: actions.file(c, world.desk, filing=f, now=NOW)) for one in filings)
    )
    assert len({one.code for one in filed}) == 8


async def test_a_key_of_somebody_else_files_nothing(world: World) -> None:
    one, other = await world.person(), await world.person()
    await world.file(one, key="same")
    with pytest.raises(RequestNotFound):
        await world.file(other, key="same")
    assert await world.count(Request) == 1


async def test_at_most_five_open_even_at_the_same_moment(world: World) -> None:
    person = await world.person()
    filings = [actions.Filing(person, f"k{n}", "Cần hỗ trợ") for n in range(8)]
    results = await asyncio.gather(
        *(world.apart(lambda c, f=one: actions.file(c, world.desk, filing=f, now=NOW)) for one in filings),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, TooManyOpen)]
    assert len(refused) == 3
    assert refused[0].fields["limit"] == 5
    assert await world.count(Request) == 5
    first = next(result for result in results if isinstance(result, actions.Filed))
    await world.act(actions.withdraw, first, Actor.person(person))
    assert (await world.file(person)).is_new


async def test_without_consent_only_the_question_is_taken(world: World) -> None:
    person = await world.person()
    for requester in (
        actions.Requester(name="Hoa"),
        actions.Requester(phone="+84912345678"),
        actions.Requester(place="Xã A"),
        actions.Requester(tax_code="079084000999"),
    ):
        with pytest.raises(ConsentMissing):
            await world.file(person, requester=requester)
    assert await world.count(Request) == 0
    company = actions.Requester(kind="doanh-nghiep", organisation="Công ty A", tax_code="0100109106", province="ha-noi")
    filed = await world.file(person, requester=company)
    assert (await world.row(filed)).legal_basis == "state_agency"


async def test_a_refusal_and_a_withdrawal_count_as_no(world: World) -> None:
    person = await world.person()
    await world.agree(person)
    await world.write(
        lambda c: consent.withdraw(
            c, world.desk, conversation_id=person, purpose=consent.Purpose.HANDLE_REQUEST, channel="web", now=NOW
        )
    )
    with pytest.raises(ConsentMissing):
        await world.file(person, requester=actions.Requester(name="Hoa"))
    choices = [row.choice for row in await world.read(lambda c: consent.receipts(c, conversation_id=person))]
    assert choices == ["granted", "withdrawn"]


async def test_consent_to_another_purpose_or_text_is_none(world: World) -> None:
    person = await world.person()
    await world.agree(person, purpose=consent.Purpose.ANNOUNCEMENTS)
    handle = consent.Purpose.HANDLE_REQUEST
    assert not await world.read(lambda c: consent.is_granted(c, conversation_id=person, purpose=handle))
    await world.agree(person)
    assert await world.read(lambda c: consent.is_granted(c, conversation_id=person, purpose=handle, text_version="1"))
    assert not await world.read(
        lambda c: consent.is_granted(c, conversation_id=person, purpose=handle, text_version="2")
    )


@pytest.mark.parametrize("description", ["", "  \n ", "\u200b", "x" * 4001])
async def test_a_description_is_needed(world: World, description: str) -> None:
    person = await world.person()
    with pytest.raises(FieldMissing) as missing:
        await world.file(person, description=description)
    assert missing.value.fields["field"] == "description"
    assert await world.count(Request) == 0


async def test_text_is_kept_as_typed(world: World) -> None:
    person = await world.person()
    filed = await world.file(person, description="=1+1 <b>**đậm**</b>\r\n\x00dòng\u202e hai")
    assert (await world.row(filed)).description == "=1+1 <b>**đậm**</b>\ndòng hai"


async def test_a_refused_filing_leaves_nothing_behind(world: World) -> None:
    person = await world.person()
    before = await world.read(lambda c: conversations.lock_conversation(c, person))
    with pytest.raises(ConsentMissing):
        await world.file(person, requester=actions.Requester(name="Hoa"))
    assert await world.read(lambda c: conversations.lock_conversation(c, person)) == before
    assert await world.audits("request.file") == []


async def test_the_files_of_the_form_come_along_and_the_form_ends(world: World) -> None:
    person = await world.person()

    def fill(connection):
        form = forms.save(connection, world.desk, conversation_id=person, data={"topic": "ocop"}, now=NOW)
        photo = files.NewFile("a" * 64, "photo", "image/jpeg", 1000, "tem.jpg")
        files.add(connection, world.desk, photo, draft_id=form.id, now=NOW)
        return form

    form = await world.write(fill)
    filed = await world.file(person, key=form.key, draft_id=form.id)
    (photo,) = await world.read(lambda c: request_files.files_of(c, request_id=filed.request_id))
    assert (photo.name, photo.removed_at) == ("tem.jpg", None)
    assert await world.read(lambda c: drafts.find_draft(c, person)) is None
    assert not (await world.file(person, key=form.key, draft_id=form.id)).is_new
    assert await world.count(RequestFile) == 1


async def test_requests_go_to_the_unit_whose_rule_says_most(world: World) -> None:
    department_id = world.desk.department_id

    def units(connection):
        names = ("Văn phòng", "Sở hữu trí tuệ", "Bến Tre", "Nhãn hiệu Bến Tre", "Cũ")
        made = {
            name: desk_queries.add_unit(connection, department_id=department_id, name=name, now=NOW, is_default=n == 0)
            for n, name in enumerate(names)
        }
        rule = lambda topic, province, name: desk_queries.set_rule(  # noqa: E731
            connection, department_id=department_id, topic=topic, province=province, unit_id=made[name]
        )
        rule("nhan-hieu", None, "Sở hữu trí tuệ")
        rule(None, "vinh-long", "Bến Tre")
        rule("nhan-hieu", "vinh-long", "Nhãn hiệu Bến Tre")
        rule("ocop", None, "Cũ")
        desk_queries.change_unit(connection, made["Cũ"], department_id=department_id, is_active=False)
        return made

    made = await world.write(units)
    cases = [("nhan-hieu", None, "Sở hữu trí tuệ"), ("nhan-hieu", "vinh-long", "Nhãn hiệu Bến Tre"),
             ("ocop", "vinh-long", "Bến Tre"), ("ocop", "ha-noi", "Văn phòng"), (None, None, "Văn phòng")]  # fmt: skip
    for topic, province, unit in cases:
        filed = await world.file(await world.person(), topic=topic, requester=actions.Requester(province=province))
        assert (await world.row(filed)).unit_id == made[unit]


async def test_filing_inside_a_turn_orders_its_notice_after_the_replies(world: World) -> None:
    """The chat stores its turn first, then files: one transaction, numbers without gaps."""
    person = await world.person("web")
    reply = {"heading": None, "body": "Đang gửi", "note": None, "choices": []}

    def turn(connection):
        finished = conversations.FinishedTurn(person, 0, [], state={}, replies=[reply], pull=True, now=NOW)
        conversations.finish_turn(connection, finished)
        filing = actions.Filing(person, "turn", "Cần hỗ trợ")
        return actions.file(connection, world.desk, filing=filing, now=NOW)

    await world.write(turn)
    rows = await world.read(lambda c: outbox.replies_after(c, person, seq=0))
    assert [row.seq for row in rows] == [1, 2]
    assert rows[1].reply["notice"] == "request.filed"
    conversation = await world.read(lambda c: conversations.lock_conversation(c, person))
    assert conversation is not None
    assert (conversation.version, conversation.next_seq) == (2, 3)
