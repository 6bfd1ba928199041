"""Messages that did not arrive: listed with the reason in plain words, sent again, told by phone."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from db.models import OutboxMessage, RequestMessage, StaffRole
from db.queries.channels import troubles
from staff import undelivered
from tests.conftest import MakeSettings
from tests.harness import Running, running_service
from tests.staff.casework import add_unit, file_request, messages, set_delivery
from tests.staff.driver import Browser, invite, sql, text_of

PATH = "/staff/chua-gui"
UNREACHABLE = {"status": "undeliverable", "error": "RecipientUnreachable: 403"}
CLOSED = {"status": "waiting_window", "error": "WindowClosed: over_48_hours"}


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(), understander) as service:
        yield service


async def stuck(running: Running, **values: Any) -> tuple[str, int]:
    """A request whose answer did not arrive; its code, and the outbox row. Somebody must work here already."""
    delivery = values.pop("delivery", UNREACHABLE)
    code = await file_request(running.database, status="answered", **values)
    said = [row for row in await messages(running.database, code) if row.text and row.outbox_id][-1]
    await set_delivery(running.database, said.id, **delivery)
    return code, said.outbox_id


async def outbox_row(running: Running, outbox_id: int) -> Any:
    statement = select(OutboxMessage.__table__).where(OutboxMessage.id == outbox_id)
    return await running.database.read(lambda c: c.execute(statement).one())


async def test_the_list_says_why_and_whom_to_call(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        code, _ = await stuck(running)
        waiting, _ = await stuck(running, delivery=CLOSED, name="Trần Văn Dũng")
        shown = text_of(await lan.get(PATH))
        assert "2 tin." in shown
        assert f"Hồ sơ gồm hai bản Người nhận đã chặn hoặc rời đi không gửi được {code} Nguyễn Thị Hoa" in shown
        assert "0912 345 678" in shown
        assert "Đã hết thời gian kênh cho phép nhắn chờ người dân nhắn lại" in shown
        only = text_of(await lan.get(PATH, loai="cho"))
        assert waiting in only
        assert code not in only
        assert "Mọi tin đã tới nơi" not in only
        assert "Không có tin nào đúng với bộ lọc" in text_of(await lan.get(PATH, kenh="zalo"))
        assert "403" not in shown  # codes are for the log


async def test_one_is_sent_again(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        _, outbox_id = await stuck(running)
        page = await lan.post(f"{PATH}/{outbox_id}/gui-lai", form_on=PATH, loai="hong")
        assert page.headers["location"] == f"{PATH}?loai=hong&xong=gui-lai"
        row = await outbox_row(running, outbox_id)
        assert (row.status, row.error, row.attempts) == ("queued", None, 0)
        assert row.released_at is not None
        page = await lan.post(f"{PATH}/{outbox_id}/gui-lai", form_on="/staff/")
        assert page.status_code == 404  # it is no longer among them
        events = await sql(running.database, "SELECT details FROM audit_events WHERE action = 'outbox.resent'")
        assert len(events) == 1
        _, waiting = await stuck(running)
        await lan.post(PATH, form_on=PATH, loai="hong", kenh="telegram")
        assert (await outbox_row(running, waiting)).status == "queued"
        log = text_of(await lan.get("/staff/nhat-ky", viec="outbox.resent"))
        assert "Bộ lọc loai, kenh" in log.replace(":", "")


async def test_a_filter_is_sent_again_at_once_and_twice_is_once(running: Running, monkeypatch) -> None:
    monkeypatch.setattr(undelivered, "RESENT_AT_ONCE", 2)
    async with Browser(running) as lan:
        await lan.join()
        failed = [(await stuck(running))[1] for _ in range(3)]
        _, waiting = await stuck(running, delivery=CLOSED)
        answers = await asyncio.gather(*(lan.post(PATH, form_on=PATH, loai="hong") for _ in range(2)))
        assert {answer.status_code for answer in answers} == {303}
        await lan.post(PATH, form_on=PATH, loai="hong")
        rows = [await outbox_row(running, outbox_id) for outbox_id in failed]
        assert {row.status for row in rows} == {"queued"}  # two at a time
        assert (await outbox_row(running, waiting)).status == "waiting_window"
        page = await lan.post(PATH, form_on=PATH, loai="hong")
        assert page.headers["location"].endswith("xong=khong-gui")


async def test_what_was_erased_is_not_sent_and_not_offered(running: Running) -> None:
    await invite(running.database, login="minh", role=StaffRole.OFFICER)
    _, outbox_id = await stuck(running)
    empty = '{"body": "", "heading": null, "note": null, "choices": []}'
    cast = "CAST(:reply AS JSONB)" if not running.database.is_sqlite else ":reply"
    await sql(
        running.database,
        f"UPDATE outbox_messages SET reply = {cast} WHERE id = :id",
        reply=empty,
        id=outbox_id,
    )
    async with Browser(running) as lan:
        await lan.join()
        assert f"{PATH}/{outbox_id}/gui-lai" not in (await lan.get(PATH)).text
        page = await lan.post(f"{PATH}/{outbox_id}/gui-lai", form_on="/staff/don-vi")
        assert page.headers["location"].endswith("xong=khong-gui")
        assert (await outbox_row(running, outbox_id)).status == "undeliverable"
        await sql(running.database, "UPDATE outbox_messages SET error = 'withdrawn' WHERE id = :id", id=outbox_id)
        assert "Mọi tin đã tới nơi" in text_of(await lan.get(PATH))
        since = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
        found = await running.database.read(lambda c: troubles(c, department_id=1, since=since))
        assert sum(one.failed for one in found.values()) == 0


async def test_told_by_phone(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        code, outbox_id = await stuck(running)
        page = await lan.post(f"{PATH}/{outbox_id}/da-goi", form_on=PATH)
        assert page.headers["location"] == f"{PATH}?xong=da-goi-dien"
        statement = select(RequestMessage.called_at).where(RequestMessage.outbox_id == outbox_id)
        assert await running.database.read(lambda c: c.execute(statement).scalar_one()) is not None
        assert "đã gọi" in text_of(await lan.get(PATH))
        assert code not in text_of(await lan.get(PATH, **{"da-goi": "chua"}))
        assert code in text_of(await lan.get(PATH, **{"da-goi": "roi"}))


async def test_an_officer_sees_only_what_is_theirs(running: Running) -> None:
    async with Browser(running) as minh:
        await minh.join(login="minh", role=StaffRole.OFFICER)
        other = await add_unit(running.database, "Phòng khác")
        mine = await add_unit(running.database, "Phòng tôi", "minh")
        theirs, outbox_id = await stuck(running, unit_id=other)
        ours, _ = await stuck(running, unit_id=mine)
        shown = text_of(await minh.get(PATH))
        assert ours in shown
        assert theirs not in shown
        for form in ("gui-lai", "da-goi"):
            assert (await minh.post(f"{PATH}/{outbox_id}/{form}", form_on=PATH)).status_code == 404
        assert (await minh.post(PATH)).status_code == 303
        assert (await outbox_row(running, outbox_id)).status == "undeliverable"
        assert (await minh.get(f"{PATH}.csv")).status_code == 403


async def test_pages_follow_each_other(running: Running, monkeypatch) -> None:
    monkeypatch.setattr(undelivered, "PAGE_SIZE", 2)
    async with Browser(running) as lan:
        await lan.join()
        codes = [(await stuck(running))[0] for _ in range(5)]
        seen: list[str] = []
        path = PATH
        while path:
            page = await lan.get(path)
            shown = text_of(page)
            seen += sorted((code for code in codes if code in shown), key=shown.index)
            following = page.text.partition('rel="next" href="')[2].partition('"')[0]
            path = following.replace("&amp;", "&")
        assert seen == codes[::-1]
