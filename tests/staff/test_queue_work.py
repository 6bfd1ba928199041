"""Assigning many at once, and the quiet bar that says what is new."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator
from html import unescape

import pytest
from sqlalchemy import update

from db.models import Request, StaffRole
from staff.access import SESSION_IDLE
from tests.conftest import MakeSettings
from tests.harness import Running, running_service
from tests.staff.casework import add_unit, file_request, member_id, now, request_row
from tests.staff.driver import Browser, sql, text_of, token_of
from tests.staff.test_queue import listed

QUEUE, BULK = "/staff/yeu-cau", "/staff/giao-viec"


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(), understander) as service:
        yield service


async def assign(browser: Browser, assignee: str, *codes: str, back: str = f"{QUEUE}?muc=tat-ca", **boxes: str):
    """Tick boxes of the page as it is now and press the button."""
    page = await browser.client.get(back)
    fields = {"token": token_of(page), "assignee": assignee, "tiep": back, **boxes}
    for code in codes:
        match = re.search(rf'name="chon-{code}" value="(\d+)"', page.text)
        assert match, f"no box for {code}"
        fields[f"chon-{code}"] = match[1]
    return await browser.client.post(BULK, data=fields)


async def test_many_are_assigned_at_once(running: Running) -> None:
    database = running.database
    async with Browser(running) as chief, Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        await chief.join(login="chi", role=StaffRole.MANAGER)
        me = await member_id(database, "lan")
        codes = [await file_request(database) for _ in range(4)]
        answered, closed = (
            await file_request(database, status="answered"),
            await file_request(database, status="closed"),
        )
        page = await chief.get(QUEUE, muc="tat-ca")
        assert f'name="chon-{closed}"' not in page.text  # nothing to be done about it
        response = await assign(chief, str(me), *codes[:3], answered, back=f"{QUEUE}?muc=tat-ca&tinh=vinh-long")
        assert response.headers["location"] == f"{QUEUE}?muc=tat-ca&tinh=vinh-long&da-giao=4"
        assert "Đã giao 4 yêu cầu." in text_of(await chief.client.get(response.headers["location"]))
        rows = {code: await request_row(database, code) for code in codes}
        assert [rows[code].assignee_id for code in codes] == [me, me, me, None]
        history = await sql(database, "SELECT 1 FROM request_history WHERE action = 'assign'")
        assert len(history) == 4
        await assign(chief, "", codes[0])
        assert (await request_row(database, codes[0])).assignee_id is None


async def test_what_changed_meanwhile_is_left_and_named(running: Running) -> None:
    database = running.database
    async with Browser(running) as chief:
        await chief.join(role=StaffRole.MANAGER)
        me = str(await member_id(database, "lan"))
        good, stale, unit = await file_request(database), await file_request(database), await add_unit(database, "Khác")
        versions = {f"chon-{code}": "1" for code in (good, stale)}
        await database.write(lambda c: c.execute(update(Request).where(Request.code == stale).values(version=5)))
        response = await assign(chief, me, **versions, **{"chon-HT26-000000": "1", "chon-x": "1", f"chon-{good}x": "1"})
        page = text_of(await chief.client.get(response.headers["location"]))
        assert "Đã giao 1 yêu cầu." in page
        assert stale in page[page.index("Chưa giao được") :][:60]
        assert (await request_row(database, stale)).assignee_id is None
        for wrong in ("999", "x"):
            response = await assign(chief, wrong, stale)
            assert "Chưa giao được" in text_of(await chief.client.get(response.headers["location"]))
        assert (await request_row(database, stale)).assignee_id is None
        nothing = await assign(chief, me)
        assert "đánh dấu yêu cầu cần giao" in text_of(await chief.client.get(nothing.headers["location"]))
        away = await assign(chief, me, **versions, back=f"{QUEUE}?muc=tat-ca")
        assert away.headers["location"].startswith(QUEUE)
        assert unit


async def test_nobody_assigns_what_they_do_not_see(running: Running) -> None:
    database = running.database
    async with Browser(running) as lan, Browser(running) as auditor:
        await lan.join(role=StaffRole.OFFICER)
        await auditor.join(login="kiem", role=StaffRole.AUDITOR)
        theirs = await file_request(database, unit_id=await add_unit(database, "Khác"))
        await assign(lan, str(await member_id(database, "lan")), **{f"chon-{theirs}": "1"})
        assert (await request_row(database, theirs)).assignee_id is None
        page = await auditor.get(QUEUE)
        assert "chon-" not in page.text
        token = token_of(page)
        assert (await auditor.client.post(BULK, data={"token": token, "assignee": ""})).status_code == 403


async def test_the_answer_leads_back_into_the_queue_only(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        token = token_of(await lan.get(QUEUE))
        for back in ("https://evil.example/", "//evil.example/staff/yeu-cau", "/staff/", "javascript:alert(1)"):
            response = await lan.client.post(BULK, data={"token": token, "assignee": "", "tiep": back})
            assert response.headers["location"] == f"{QUEUE}?da-giao=0", back
        page = await lan.get(QUEUE, **{"con-lai": "<script>,HT26-1", "da-giao": "<b>"})
        assert "<script>," not in page.text


# -- what is new --------------------------------------------------------------------------------------------------


async def news(browser: Browser, **given: str) -> str:
    """What the bar of a page made now would ask for."""
    page = await browser.get(QUEUE, **given)
    match = re.search(r'hx-get="([^"]+)"', page.text)
    assert match
    return unescape(match[1])


async def told(browser: Browser, address: str) -> str:
    """What the bar says then; empty while it says nothing new."""
    answer = await browser.client.get(address)
    assert answer.status_code in (200, 204)
    match = re.search(r">([^<]+)</a>", answer.text)
    return match[1] if match else ""


async def test_the_bar_counts_what_came_into_this_filter(running: Running) -> None:
    database = running.database
    async with Browser(running) as lan, Browser(running) as chief:
        await lan.join(role=StaffRole.OFFICER)
        await chief.join(login="chi", role=StaffRole.MANAGER)
        old = await file_request(database)
        everything, mine = await news(chief, muc="tat-ca"), await news(lan, muc="cua-toi")
        barcodes = await news(chief, muc="tat-ca", **{"chu-de": "ma-so-ma-vach"})
        assert await told(chief, everything) == ""
        for _ in range(3):
            await file_request(database)
        assert await told(chief, everything) == "Có 3 yêu cầu mới. Bấm để xem."
        assert await told(lan, mine) == ""
        assert await told(chief, barcodes) == ""
        await file_request(database, assignee_id=await member_id(database, "lan"), topic="ma-so-ma-vach")
        assert await told(lan, mine) == "Có 1 yêu cầu mới. Bấm để xem."
        assert await told(chief, barcodes) == "Có 1 yêu cầu mới. Bấm để xem."
        moment = now() + dt.timedelta(seconds=1)
        await database.write(lambda c: c.execute(update(Request).where(Request.code == old).values(unread_at=moment)))
        assert await told(chief, everything) == "Có 4 yêu cầu mới, 1 yêu cầu người dân vừa nhắn thêm. Bấm để xem."
        assert await told(chief, await news(chief, muc="tat-ca")) in {
            "", "Có 1 yêu cầu người dân vừa nhắn thêm. Bấm để xem."
        }  # fmt: skip
        assert len(listed(await chief.get(QUEUE, muc="tat-ca"))) == 5


async def test_a_page_that_only_waits_keeps_no_session_alive(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        address = await news(lan)
        almost = dt.datetime.now(dt.UTC) - SESSION_IDLE + dt.timedelta(minutes=5)
        await sql(running.database, "UPDATE staff_sessions SET last_seen_at = :at", at=almost)
        assert (await lan.client.get(address)).status_code == 204
        seen = await sql(running.database, "SELECT 1 FROM staff_sessions WHERE last_seen_at > :at", at=almost)
        assert seen == []
        await sql(running.database, "UPDATE staff_sessions SET last_seen_at = :at", at=almost - dt.timedelta(minutes=6))
        assert (await lan.client.get(address)).status_code == 286


async def test_odd_questions_get_a_calm_answer(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        for query in (
            "",
            "?moi-nhat=x&tu=1",
            "?moi-nhat=1&tu=" + "9" * 30,
            "?moi-nhat=-1&tu=1",
            "?tim=a&moi-nhat=0&tu=0",
        ):
            assert await told(lan, f"/staff/tin-moi{query}") == "", query


async def test_the_news_lead_to_the_first_page_without_what_was_done(running: Running) -> None:
    async with Browser(running) as chief:
        await chief.join(role=StaffRole.MANAGER)
        asked = {"muc": "tat-ca", "kenh": "telegram", "da-giao": "3", "sau": "1700000000000000-7"}
        address = await news(chief, **asked)
        await file_request(running.database, channel="telegram")
        match = re.search(r'<a id="news" href="([^"]*)"', (await chief.client.get(address)).text)
        assert match
        assert unescape(match[1]) == f"{QUEUE}?muc=tat-ca&kenh=telegram"
