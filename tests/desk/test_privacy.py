"""People's rights: the law's clocks, what is shown, and an erasure after which nothing is found anywhere."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from sqlalchemy import inspect, text

from db.models import DataRight, DataTask
from db.queries import conversations
from db.queries import privacy as queries
from desk import actions, consent, drafts, files, links, privacy
from desk.change import Actor
from desk.errors import ExtendedAlready, OpenRequestsRemain, RequestNotFound, TaskNotFound
from desk.settings import parse_periods
from tests.desk.conftest import DAY, NOW, World


def local(text_: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"{text_}:00+07:00")


@pytest.mark.parametrize(
    ("right", "with_processor", "due", "extended"),
    [
        # opened on Friday 20/11/2026; calendar days, ending at the last working moment within them
        (DataRight.VIEW, False, "2026-11-30T17:00", "2026-12-10T17:00"),
        (DataRight.COPY, True, "2026-12-04T17:00", "2026-12-15T17:00"),
        (DataRight.CORRECT, False, "2026-11-30T17:00", "2026-12-10T17:00"),
        (DataRight.WITHDRAW_CONSENT, False, "2026-12-04T17:00", "2026-12-18T17:00"),
        (DataRight.RESTRICT, True, "2026-12-10T17:00", "2026-12-25T17:00"),
        (DataRight.OBJECT, False, "2026-12-04T17:00", "2026-12-18T17:00"),
        (DataRight.ERASE, False, "2026-12-10T17:00", "2026-12-30T17:00"),
        (DataRight.ERASE, True, "2026-12-18T17:00", "2027-01-08T17:00"),
        (DataRight.PROTECT, False, "2026-12-04T17:00", "2026-12-18T17:00"),
    ],
)  # fmt: skip
async def test_the_laws_clocks(world: World, right: DataRight, with_processor: bool, due: str, extended: str) -> None:
    person, officer = await world.person(), await world.officer()
    task = await world.write(
        lambda c: privacy.open_task(
            c, world.desk, conversation_id=person, right=right, now=NOW, with_processor=with_processor
        )
    )
    assert task.acknowledge_due_at == local("2026-11-25T17:00")  # two working days, Tuesday 24/11 off
    assert task.due_at == local(due)
    extend = lambda c: privacy.extend(c, world.desk, task_id=task.id, reason="Hồ sơ nhiều", actor=officer, now=NOW)  # noqa: E731
    assert await world.write(extend) == local(extended)
    with pytest.raises(ExtendedAlready):
        await world.write(extend)
    keys = [notice["notice"] for notice in await world.notices(person)]
    opened = "privacy.erase_opened" if right is DataRight.ERASE else "privacy.task_opened"
    assert keys == [opened, "privacy.task_extended"]


async def test_too_late_to_extend(world: World) -> None:
    person, officer = await world.person(), await world.officer()
    task = await world.write(
        lambda c: privacy.open_task(c, world.desk, conversation_id=person, right=DataRight.VIEW, now=NOW)
    )
    with pytest.raises(ExtendedAlready):
        await world.write(
            lambda c: privacy.extend(c, world.desk, task_id=task.id, reason="x", actor=officer, now=NOW + 11 * DAY)
        )


async def test_asking_twice_at_once_opens_one_task(world: World) -> None:
    person = await world.person()
    tasks = await asyncio.gather(
        *(
            world.apart(
                lambda c: privacy.open_task(c, world.desk, conversation_id=person, right=DataRight.ERASE, now=NOW)
            )
            for _ in range(6)
        )
    )
    assert len({task.id for task in tasks}) == 1
    assert sum(task.is_new for task in tasks) == 1
    assert len(await world.notices(person)) == 1
    assert await world.count(DataTask) == 1


async def test_finishing_and_refusing(world: World) -> None:
    person, officer = await world.person(), await world.officer()
    opened = {}
    for right in (DataRight.CORRECT, DataRight.RESTRICT, DataRight.ERASE):
        opened[right] = await world.write(
            lambda c, r=right: privacy.open_task(c, world.desk, conversation_id=person, right=r, now=NOW)
        )
    finish = lambda right: world.write(  # noqa: E731
        lambda c: privacy.finish(c, world.desk, task_id=opened[right].id, actor=officer, now=NOW)
    )
    await finish(DataRight.CORRECT)
    with pytest.raises(TaskNotFound):
        await finish(DataRight.CORRECT)
    with pytest.raises(TaskNotFound):
        await finish(DataRight.ERASE)  # only erasing does that
    await world.write(
        lambda c: privacy.refuse(
            c, world.desk, task_id=opened[DataRight.RESTRICT].id, reason="Đang giải quyết", actor=officer, now=NOW
        )
    )
    assert [notice["notice"] for notice in await world.notices(person)][-2:] == [
        "privacy.task_done", "privacy.task_refused"
    ]  # fmt: skip
    waiting = await world.read(
        lambda c: queries.tasks_with_people(c, department_id=world.desk.department_id, is_open=True, limit=10)
    )
    assert [row.right for row in waiting] == ["erase"]
    assert len(await world.audits("privacy.done")) == 1


async def test_a_person_sees_everything_but_the_officers_notes(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    officer = await world.officer()
    photo = files.NewFile("f" * 64, "photo", "image/jpeg", 10, "tem.jpg")
    await world.act(actions.person_wrote, filed, Actor.person(person), text="Thêm ảnh", new_files=[photo])
    await world.act(actions.note, filed, officer, text="Người này hỏi nhiều lần")
    await world.act(actions.reply, filed, officer, text="Đã nhận")
    await world.write(lambda c: drafts.save(c, world.desk, conversation_id=person, data={"name": "Hoa"}, now=NOW))
    shown = await world.read(lambda c: privacy.collect(c, world.desk, conversation_id=person))
    (request,) = shown["requests"]
    assert (request["name"], request["phone"], request["code"]) == ("Nguyễn Thị Hoa", "+84912345678", filed.code)
    assert [message["text"] for message in request["messages"]] == ["Thêm ảnh", "Đã nhận"]
    assert request["files"] == [{"name": "tem.jpg", "kind": "photo", "size": 10}]
    assert shown["draft"] == {"name": "Hoa"}
    assert [row["choice"] for row in shown["consents"]] == ["granted"]
    assert "nhiều lần" not in str(shown)
    with pytest.raises(RequestNotFound):
        await world.read(lambda c: privacy.collect(c, world.desk, conversation_id=person + 999))


async def test_erasing_leaves_nothing_anywhere(world: World) -> None:
    """The whole database is searched, every column of every table."""
    other, kept = await world.filed_by_somebody()
    officer = await world.officer()
    person = await world.person()
    await world.agree(person)
    secret = "Đoàn Thị Zét"
    requester = actions.Requester(name=secret, phone="+84987000111", place="Xã Zét", tax_code="079084000999")
    filed = await world.file(person, requester=requester, description=f"Tôi là {secret}, zét", question="zét?")
    photo = files.NewFile("9" * 64, "photo", "image/jpeg", 10, "zét.jpg")
    await world.act(actions.person_wrote, filed, Actor.person(person), text=f"zét {secret}", new_files=[photo])
    await world.act(actions.note, filed, officer, text="bà zét")
    await world.act(actions.close, filed, officer, result="Đã trả lời bà zét")
    await world.act(actions.rate, filed, Actor.person(person), stars=5, comment="zét")
    await world.write(lambda c: drafts.save(c, world.desk, conversation_id=person, data={"name": secret}, now=NOW))
    token = await world.write(
        lambda c: links.make(
            c,
            world.desk,
            purpose=links.LinkPurpose.REQUEST,
            conversation_id=person,
            request_id=filed.request_id,
            now=NOW,
        )
    )
    await world.write(
        lambda c: privacy.open_task(c, world.desk, conversation_id=person, right=DataRight.ERASE, now=NOW)
    )
    assert await traces(world, ("zét", "zet", "987000111", "079084000999"))

    erased = await world.write(
        lambda c: privacy.erase(c, world.desk, conversation_id=person, actor=officer, now=NOW + DAY)
    )
    assert (erased.requests, erased.files) == (1, 1)
    assert await traces(world, ("zét", "zet", "987000111", "079084000999")) == []
    row = await world.row(filed)
    assert (row.status, row.rating, row.deidentified_at) == ("closed", 5, NOW + DAY)
    find = lambda c: links.find(c, token, purpose=links.LinkPurpose.REQUEST, now=NOW)  # noqa: E731
    assert await world.read(find) is None
    (task,) = await world.read(
        lambda c: queries.tasks_with_people(c, department_id=row.department_id, is_open=False, limit=10)
    )
    assert (task.status, task.conversation_id, task.details) == ("done", None, {"requests": 1, "files": 1})
    assert (await world.row(kept)).name == "Nguyễn Thị Hoa"
    assert len(await world.notices(other)) == 1


async def traces(world: World, words: tuple[str, ...]) -> list[str]:
    """The tables and columns in which any of the words can be read."""

    def look(connection):
        found = []
        for table in inspect(connection).get_table_names():
            if table in {"knowledge_records", "knowledge_versions", "alembic_version"}:
                continue
            for row in connection.execute(text(f'SELECT * FROM "{table}"')).mappings():
                for column, value in row.items():
                    plain = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                    decoded = plain.encode().decode("unicode_escape", "ignore") if "\\u" in plain else plain
                    if any(word.lower() in said.lower() for word in words for said in (plain, decoded)):
                        found.append(f"{table}.{column}")
        return sorted(set(found))

    return await world.read(look)


async def test_open_requests_must_end_first(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    officer = await world.officer()
    erase = lambda c: privacy.erase(c, world.desk, conversation_id=person, actor=officer, now=NOW)  # noqa: E731
    with pytest.raises(OpenRequestsRemain) as remain:
        await world.write(erase)
    assert remain.value.fields["codes"] == [filed.code]
    assert (await world.row(filed)).name == "Nguyễn Thị Hoa"
    await world.act(actions.withdraw, filed, Actor.person(person))
    assert (await world.write(erase)).requests == 1


async def test_consent_is_withdrawn_at_once(world: World) -> None:
    person = await world.person()
    purpose = consent.Purpose.ANNOUNCEMENTS
    withdraw = lambda c: consent.withdraw(  # noqa: E731
        c, world.desk, conversation_id=person, purpose=purpose, channel="telegram", now=NOW
    )
    assert not await world.write(withdraw)
    await world.agree(person, purpose=purpose)
    assert await world.read(lambda c: consent.is_granted(c, conversation_id=person, purpose=purpose))
    assert await world.write(withdraw)
    assert not await world.read(lambda c: consent.is_granted(c, conversation_id=person, purpose=purpose))
    assert not await world.write(withdraw)
    granted, withdrawn = await world.read(lambda c: consent.receipts(c, conversation_id=person))
    assert granted.text_hash == withdrawn.text_hash == consent.text_hash("Thông báo")


async def test_private_links(world: World) -> None:
    person = await world.person("web")
    desk, form, request = world.desk, links.LinkPurpose.FORM, links.LinkPurpose.REQUEST
    token = await world.write(lambda c: links.make(c, desk, purpose=form, conversation_id=person, now=NOW))
    assert len(token) >= 43
    assert await traces(world, (token,)) == []
    look = lambda purpose, now: world.read(lambda c: links.find(c, token, purpose=purpose, now=now))  # noqa: E731
    assert (await look(form, NOW)).conversation_id == person
    assert await look(request, NOW) is None
    assert await look(form, NOW + DAY) is None
    used = await asyncio.gather(*(world.apart(lambda c: links.use(c, token, purpose=form, now=NOW)) for _ in range(4)))
    assert sum(row is not None for row in used) == 1
    assert await look(form, NOW) is None


async def test_an_erased_conversation_is_not_written_to(world: World) -> None:
    person = await world.person()
    officer = await world.officer()
    await world.write(lambda c: privacy.erase(c, world.desk, conversation_id=person, actor=officer, now=NOW))
    conversation = await world.read(lambda c: conversations.lock_conversation(c, person))
    assert conversation is not None
    assert conversation.external_id == f"erased:{person}"


@pytest.mark.parametrize("data", [{"files": 0}, {"files": "90"}, {"files": True}, {"photos": 90}])
def test_periods_must_be_days(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a period"):
        parse_periods(data)
