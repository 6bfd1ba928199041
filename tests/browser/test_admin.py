"""The administration pages in Chromium: on a phone and a desktop, light and dark, without serious faults for axe."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import insert, select

from db.models import Conversation, DataRight, StaffRole, Turn
from db.queries import operations
from tests.browser.conftest import RESULTS, OpenPage
from tests.browser.test_accessibility import serious_findings
from tests.conftest import MakeSettings
from tests.harness import Running, WebPerson, running_service
from tests.staff.administering import ask_about_data
from tests.staff.casework import add_unit, file_request, messages, request_row, set_delivery
from tests.staff.driver import Browser, invite

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PAGES = {
    "members": "/staff/can-bo", "member": "/staff/can-bo/1", "units": "/staff/don-vi", "routing": "/staff/phan-viec",
    "targets": "/staff/thoi-han", "calendar": "/staff/lich", "profile": "/staff/ho-so", "channels": "/staff/kenh",
    "undelivered": "/staff/chua-gui", "audit": "/staff/nhat-ky", "overview": "/staff/",
    "data": "/staff/du-lieu", "task": "/staff/du-lieu/1",
}  # fmt: skip
ZALO = {
    "zalo_app_id": "111", "zalo_app_secret": "app", "zalo_oa_id": "222", "zalo_oa_secret": "oa",
    "zalo_api_url": "http://127.0.0.1:9", "zalo_oauth_url": "http://127.0.0.1:9",
}  # fmt: skip
ONE_TIME_LINK = re.compile(r"^http://127\.0\.0\.1:\d+/staff/lien-ket/\d+\.[0-9a-f]{64}$")


async def looked_at(page: Page, name: str) -> None:
    """A picture for the eye; no serious finding; nothing to scroll sideways; nothing too small to tap on a phone."""
    RESULTS.mkdir(exist_ok=True)
    await page.screenshot(path=RESULTS / f"admin-{name}.png", full_page=True)
    assert await serious_findings(page) == [], name
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"], f"{name} scrolls sideways"  # type: ignore[index]


async def furnish(running: Running, admin: Browser) -> None:
    """A department at work: units, rules, targets, questions of a month, messages that did not go."""
    database = running.database
    now = dt.datetime.now(dt.UTC)
    await invite(database, login="hoa", role=StaffRole.OFFICER)
    patents = await add_unit(database, "Phòng Quản lý Sở hữu trí tuệ và Đổi mới sáng tạo", "lan", "hoa")
    await add_unit(database, "Chi cục Tiêu chuẩn Đo lường Chất lượng", "hoa", is_default=True)
    await admin.post("/staff/phan-viec", topic="nhan-hieu", province="", unit=str(patents))
    await admin.post("/staff/phan-viec", topic="nhan-hieu", province="vinh-long", unit=str(patents))
    await admin.post("/staff/phan-viec", topic="", province="tay-ninh", unit=str(patents))
    await admin.post(
        "/staff/thoi-han/rieng", form_on="/staff/thoi-han", topic="nhan-hieu", priority="urgent",
        **{"topic-amount": "4", "topic-unit": "hours"},
    )  # fmt: skip
    await admin.post(
        "/staff/lich/ngay", form_on="/staff/lich", day="2026-12-31", kind="off", name="Nghỉ bão số 12",
        document="UBND tỉnh 123/UBND-VX", address="https://example.vn/van-ban",
    )  # fmt: skip
    for number in range(3):
        code = await file_request(database, name=f"Nguyễn Thị Hoa {number}")
        for row in await messages(database, code):
            await set_delivery(database, row.id, status="waiting_window", error="WindowClosed: over_48_hours")
    code = await file_request(database, status="answered")
    for row in await messages(database, code):
        await set_delivery(database, row.id, status="undeliverable", error="RecipientUnreachable: 403")
    await admin.post(
        "/staff/lich/mua", form_on="/staff/lich", season="", first="16/04", last="15/10",
        **{"mon-sang-tu": "07:00", "mon-sang-den": "11:00"},
    )  # fmt: skip
    for right, of_whom in ((DataRight.WITHDRAW_CONSENT, code), (DataRight.ERASE, None)):
        row = await request_row(database, of_whom) if of_whom else None
        await ask_about_data(database, right, conversation_id=row.conversation_id if row else None)
    person = WebPerson(running)
    await person.says("đăng ký nhãn hiệu cần giấy tờ gì")
    await person.says("đăng kiểm xe ở đâu")

    def ask(connection) -> None:  # type: ignore[no-untyped-def]
        conversation = connection.execute(select(Conversation.id).limit(1)).scalar_one()
        outcomes = ("answer", "answer", "answer", "clarify", "no_answer", "small_talk", "sensitive", "paused")
        for number in range(260):
            days = (number * 7) % 30
            connection.execute(
                insert(Turn).values(
                    department_id=1, key=f"c{number}", conversation_id=conversation, channel="web", details={},
                    created_at=now - dt.timedelta(days=days, hours=number % 5), outcome=outcomes[number % 8],
                )
            )  # fmt: skip
        operations.raise_alert(
            connection, department_id=1, kind="zalo_needs_consent", key="zalo:222", now=now, code="-14014"
        )
        operations.note_channel(
            connection, department_id=1, channel="zalo", account="222", last_received_at=now - dt.timedelta(hours=30),
            last_error="CredentialsRejected: refresh_refused:-14014", last_error_at=now,
        )  # fmt: skip

    await database.write(ask)


@pytest.mark.parametrize(("screen", "scheme"), [("phone", "light"), ("desktop", "light"), ("desktop", "dark")])
async def test_every_page_of_administration(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage, screen: str, scheme: str
) -> None:
    settings = sqlite_settings(**ZALO)
    async with running_service(settings, understander) as running, Browser(running) as admin:
        await admin.join()
        await furnish(running, admin)
        page = await open_page(running.url + "/staff/dang-nhap", screen, color_scheme=scheme)
        await page.context.add_cookies(
            [
                {"name": cookie.name, "value": str(cookie.value), "url": running.url}
                for cookie in admin.client.cookies.jar
            ]
        )
        for name, path in PAGES.items():
            await page.goto(running.url + path)
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            for summary in await page.locator("main details > summary").all():
                if await summary.is_visible():
                    await summary.click()
            await looked_at(page, f"{name}-{screen}-{scheme}")


async def test_a_channel_is_paused_and_a_colleague_invited_by_hand(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running, Browser(running) as admin:
        await admin.join()
        page = await open_page(running.url + "/staff/dang-nhap", "phone")
        await page.context.add_cookies(
            [
                {"name": cookie.name, "value": str(cookie.value), "url": running.url}
                for cookie in admin.client.cookies.jar
            ]
        )
        await page.goto(running.url + "/staff/kenh")
        card = page.locator("#kenh-web")
        await card.get_by_text("Chuyển trạng thái").click()
        await card.get_by_label("Tạm dừng, có lời báo").check()
        await card.get_by_label("Lời báo khi tạm dừng").fill("Trợ lý tạm nghỉ đến 14 giờ ạ.")
        await card.get_by_role("button", name="Chuyển").click()
        await expect(page.get_by_role("status")).to_contain_text("trong vài giây")
        await expect(card.get_by_text("Trợ lý tạm nghỉ đến 14 giờ ạ.").first).to_be_visible()
        await looked_at(page, "paused-phone-light")

        await page.get_by_role("link", name="Cán bộ", exact=True).click()
        await page.get_by_label("Họ và tên").fill("Trần Văn Bình")
        await page.get_by_label("Tên đăng nhập").fill("binh")
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Đường dẫn dùng một lần")).to_have_value(ONE_TIME_LINK)
        await looked_at(page, "invited-phone-light")
