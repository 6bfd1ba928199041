"""What people ask about their own data reaches the console, by its due day, and is really carried out there."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from db.models import AuditEvent, DataRight, DataTask, OutboxMessage, StaffRole
from handlers.texts import say
from tests.conftest import MakeSettings
from tests.filing import CONSENT, says_all
from tests.harness import Running, WebPerson, running_service
from tests.staff.administering import ask_about_data
from tests.staff.casework import PHONE, add_other_department, file_request, member_id, request_row
from tests.staff.driver import Browser, sql, text_of

TASKS = "/staff/du-lieu"
QUEUE = "/staff/yeu-cau"


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(), understander) as service:
        yield service


async def task_row(running: Running, task: int) -> Any:
    statement = select(DataTask.__table__).where(DataTask.id == task)
    return await running.database.read(lambda c: c.execute(statement).one())


async def last_notice(running: Running, conversation_id: int) -> dict[str, Any]:
    statement = select(OutboxMessage.reply).where(OutboxMessage.conversation_id == conversation_id)
    rows = await running.database.read(lambda c: c.execute(statement.order_by(OutboxMessage.seq)).scalars().all())
    return dict(rows[-1])


async def asked_with(running: Running, right: DataRight, **values: Any) -> tuple[int, Any]:
    """A task of somebody with a request, and that request."""
    row = await request_row(running.database, await file_request(running.database, **values))
    return await ask_about_data(running.database, right, conversation_id=row.conversation_id), row


async def test_what_is_asked_in_the_chat_waits_in_the_console(running: Running) -> None:
    person = WebPerson(running)
    await says_all(person, *CONSENT)
    await person.says("xem dữ liệu của tôi")
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.MANAGER)
        assert "1 việc về dữ liệu cá nhân đang chờ" in text_of(await lan.get(QUEUE))
        shown = text_of(await lan.get(TASKS))
        assert "Xem dữ liệu" in shown
        assert "chưa gửi yêu cầu nào" in shown
        done = await lan.post(f"{TASKS}/1/xong", form_on=f"{TASKS}/1")
        assert done.headers["location"] == f"{TASKS}?xong=du-lieu-xong"
        assert "việc về dữ liệu cá nhân" not in text_of(await lan.get(QUEUE))
        ended = text_of(await lan.get(TASKS))
        assert "Không có việc nào đang chờ" in ended
        assert "Đã làm xong" in ended
    told = say("notice.privacy.task_done", right=say("right.view"))
    assert told in [reply["body"] for reply in await person.replies()]


async def test_the_page_of_a_task_holds_the_whole_copy(running: Running) -> None:
    async with Browser(running) as lan, Browser(running) as thu:
        await lan.join(role=StaffRole.MANAGER)
        await thu.join(login="thu", role=StaffRole.AUDITOR)
        task, row = await asked_with(running, DataRight.COPY, name="<b>Nguyễn Thị Hoa</b>", status="answered")
        page = await lan.get(f"{TASKS}/{task}")
        for part in (row.code, "Tôi muốn đăng ký nhãn hiệu", "0912 345 678", "HTX Bình Minh", "Hồ sơ gồm hai bản",
                     "Giải quyết yêu cầu, đồng ý", "10 ngày, khoản 3"):  # fmt: skip
            assert part in text_of(page), part
        assert "&lt;b&gt;Nguyễn" in page.text
        assert "Xoá mọi thông tin" not in page.text
        read = await thu.get(f"{TASKS}/{task}")
        assert row.code in text_of(read)
        assert "báo người dân</button>" not in read.text


async def test_who_reads_a_persons_whole_data_is_written_down(running: Running) -> None:
    """Who, when, which task, each time it is shown; nothing about the person, and nothing where nothing was shown."""
    async with Browser(running) as lan, Browser(running) as minh:
        await lan.join(role=StaffRole.AUDITOR)
        await minh.join(login="minh", role=StaffRole.MANAGER)
        task, row = await asked_with(running, DataRight.VIEW)
        path = f"{TASKS}/{task}"
        started = dt.datetime.now(dt.UTC)

        async def reads() -> list[Any]:
            statement = select(AuditEvent.__table__).where(AuditEvent.action == "privacy.read").order_by(AuditEvent.id)
            return list(await running.database.read(lambda c: c.execute(statement).all()))

        await lan.get(TASKS)
        assert (await lan.get(f"{TASKS}/{task + 1}")).status_code == 404
        assert await reads() == []
        assert row.code in text_of(await lan.get(path))
        (read,) = await reads()
        assert read.staff_member_id == await member_id(running.database, "lan")
        assert started <= read.created_at <= dt.datetime.now(dt.UTC)
        assert read.details == {"actor": "staff", "task_id": task, "right": "view"}
        # a form that is refused shows the same page again
        refused = await minh.post(f"{path}/tu-choi", form_on=TASKS, reason=" ")
        assert (refused.status_code, row.code in text_of(refused)) == (400, True)
        assert [one.staff_member_id for one in await reads()][1:] == [await member_id(running.database, "minh")]
        log = text_of(await lan.get("/staff/nhat-ky", viec="privacy.read")).partition("Chi tiết")[2]
        assert "Xem toàn bộ dữ liệu của người dân" in log
        assert "Cán bộ minh" in log
        await sql(running.database, "UPDATE data_tasks SET conversation_id = NULL")
        assert "Những gì đang giữ" not in (await lan.get(path)).text
        assert len(await reads()) == 2


async def test_erasing_leaves_nothing_and_waits_for_open_requests(running: Running) -> None:
    task, row = await asked_with(running, DataRight.ERASE)
    assert (await last_notice(running, row.conversation_id))["notice"] == "privacy.erase_opened"
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.MANAGER)
        path = f"{TASKS}/{task}"
        assert "Đã làm xong, báo" not in (await lan.get(path)).text
        assert (await lan.post(f"{path}/xong", form_on=path)).status_code == 409  # erasing is done by erasing
        page = await lan.post(f"{path}/xoa", form_on=path)
        assert page.status_code == 400
        assert f"Còn yêu cầu đang mở: {row.code}" in text_of(page)
        assert (await request_row(running.database, row.code)).phone == PHONE
        request = f"{QUEUE}/{row.code}"
        closed = await lan.post(f"{request}/tu-choi", form_on=request, version=str(row.version), reason="Gửi hai lần")
        assert closed.status_code == 303
        assert (await lan.post(f"{path}/xoa", form_on=path)).headers["location"] == f"{TASKS}?xong=du-lieu-xoa"
        after = await request_row(running.database, row.code)
        assert (after.phone, after.name, after.conversation_id) == (None, None, None)
        assert (await task_row(running, task)).status == "done"
        assert (await lan.post(f"{path}/xoa", form_on=TASKS.replace("du-lieu", "lich"))).status_code == 409
        gone = text_of(await lan.get(path))
        assert "Tình trạng Đã làm xong" in gone
        assert "Những gì đang giữ" not in gone
        log = text_of(await lan.get("/staff/nhat-ky", viec="privacy"))
        assert "Làm xong yêu cầu dữ liệu" in log
        assert "Xoá dữ liệu" in log


async def test_erasing_twice_at_once_is_erasing_once(running: Running) -> None:
    task = await ask_about_data(running.database, DataRight.ERASE)
    path = f"{TASKS}/{task}"
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.MANAGER)
        both = await asyncio.gather(*(lan.post(f"{path}/xoa", form_on=path) for _ in range(2)))
        assert sorted(answer.status_code for answer in both) == [303, 409]
    done = await sql(running.database, "SELECT 1 FROM audit_events WHERE action = 'privacy.done'")
    assert len(done) == 1


async def test_put_off_once_or_refused_with_a_reason(running: Running) -> None:
    task, row = await asked_with(running, DataRight.WITHDRAW_CONSENT)
    before = (await task_row(running, task)).due_at
    path = f"{TASKS}/{task}"
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.MANAGER)
        page = await lan.post(f"{path}/gia-han", form_on=path, reason=" ")
        assert page.status_code == 400
        assert "chưa điền phần này" in text_of(page)
        long = await lan.post(f"{path}/tu-choi", form_on=path, reason="dài " * 2000)
        assert long.status_code == 400
        assert "dài dài dài" in long.text  # still in its box
        assert (await lan.post(f"{path}/gia-han", form_on=path, reason="Hồ sơ nằm ở kho")).status_code == 303
        after = await task_row(running, task)
        assert dt.timedelta(days=5) < after.due_at - before <= dt.timedelta(days=16)
        assert (await last_notice(running, row.conversation_id))["fields"]["reason"] == "Hồ sơ nằm ở kho"
        assert "Hẹn lại, thêm" not in (await lan.get(path)).text
        assert "đã hẹn lại một lần" in text_of(await lan.get(TASKS))
        again = await lan.post(f"{path}/gia-han", form_on=path, reason="Nữa")
        assert again.status_code == 400
        assert "không hẹn lại nữa" in text_of(again)
        assert (await lan.post(f"{path}/tu-choi", form_on=path, reason="Phải lưu trữ")).status_code == 303
        assert (await last_notice(running, row.conversation_id))["notice"] == "privacy.task_refused"
        late = await lan.post(f"{path}/tu-choi", form_on="/staff/lich", reason="Lần nữa")
        assert late.status_code == 409
        assert "đã kết thúc trước đó" in text_of(late)


async def test_the_most_urgent_come_first_and_late_ones_say_so(running: Running) -> None:
    erase, _ = await asked_with(running, DataRight.ERASE)
    view, _ = await asked_with(running, DataRight.VIEW)
    old, _ = await asked_with(running, DataRight.PROTECT)
    now = dt.datetime.now(dt.UTC)
    await sql(
        running.database, "UPDATE data_tasks SET due_at = :at WHERE id = :id", at=now - dt.timedelta(days=2), id=old
    )
    async with Browser(running) as lan:
        await lan.join()
        page = (await lan.get(TASKS)).text
        places = [page.index(f'{TASKS}/{task}"') for task in (old, view, erase)]
        assert places == sorted(places)
        assert "quá hạn 2 ngày" in text_of(await lan.get(TASKS))
        assert "Hẹn lại, thêm" not in (await lan.get(f"{TASKS}/{old}")).text


async def test_an_officer_and_another_department_see_none(running: Running) -> None:
    task, _ = await asked_with(running, DataRight.VIEW)
    other = await add_other_department(running.database)
    async with Browser(running) as minh, Browser(running) as lan:
        await lan.join(role=StaffRole.MANAGER)
        await minh.join(login="minh", role=StaffRole.OFFICER)
        assert (await minh.get(TASKS)).status_code == 403
        assert "việc về dữ liệu cá nhân" not in text_of(await minh.get(QUEUE))
        await sql(running.database, "UPDATE data_tasks SET department_id = :other", other=other)
        assert "Không có việc nào đang chờ" in text_of(await lan.get(TASKS))
        assert (await lan.get(f"{TASKS}/{task}")).status_code == 404
        for slug in ("xong", "xoa", "gia-han", "tu-choi"):
            answer = await lan.post(f"{TASKS}/{task}/{slug}", form_on="/staff/lich", reason="Vì thế")
            assert answer.status_code == 404, slug
        assert (await lan.get(f"{TASKS}/{10**12}")).status_code == 404
