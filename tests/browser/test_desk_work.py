"""Sign-in in two steps, canned replies, many at once, the quiet bar and the shortcuts, in Chromium on both screens."""

from __future__ import annotations

import re

import pyotp
import pytest
from playwright.async_api import Page, expect

from db.models import StaffRole
from tests.browser.conftest import OpenPage
from tests.browser.signing_in import enter_as_manager, set_password
from tests.browser.test_desk_console import looked_at
from tests.conftest import MakeSettings
from tests.harness import running_service
from tests.staff.casework import add_canned, add_unit, file_request
from tests.staff.driver import PASSWORD, invite, sql

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

QUEUE = "/staff/yeu-cau"


async def focused(page: Page) -> str:
    script = "e => e === document.body ? '' : e.id || e.textContent"
    return await page.evaluate(f"({script})(document.activeElement)")


@pytest.mark.parametrize(("screen", "scheme"), [("phone", "light"), ("desktop", "light"), ("desktop", "dark")])
async def test_a_managers_morning(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage, screen: str, scheme: str
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        database, kind = running.database, f"{screen}-{scheme}"
        page = await open_page(
            running.url + await invite(database, role=StaffRole.MANAGER), screen, color_scheme=scheme
        )
        secret = await enter_as_manager(page)
        await add_unit(database, "Phòng Sở hữu trí tuệ")
        await page.goto(f"{running.url}/staff/tai-khoan")
        await expect(page.get_by_text("Đang bật", exact=True)).to_be_visible()
        await looked_at(page, f"account-{kind}")

        await page.goto(f"{running.url}/staff/cau-mau")
        await page.get_by_label("Tên gọi").fill("Hẹn trả lời")
        await page.get_by_label("Nội dung gửi").fill("Chào {ten_sai}")
        await page.get_by_role("button", name="Thêm").click()
        await expect(page.get_by_role("alert")).to_contain_text("{ten_sai}")
        await page.get_by_label("Nội dung gửi").fill("Chào {ten}, Sở đã nhận yêu cầu {ma}, hẹn trả lời trước {han}.")
        await page.get_by_role("button", name="Thêm").click()
        await expect(page.get_by_role("status")).to_contain_text("Đã lưu")
        await page.locator("summary", has_text="Hẹn trả lời").click()
        await looked_at(page, f"canned-{kind}")

        codes = [await file_request(database, name=f"Người thứ {number}") for number in range(3)]
        await page.goto(f"{running.url}{QUEUE}?muc=tat-ca")
        await page.get_by_label("Cả trang").check()
        await expect(page.get_by_text("Giao 3 yêu cầu cho")).to_be_visible()
        await page.get_by_label(f"Đánh dấu {codes[0]}").uncheck()
        await looked_at(page, f"bulk-{kind}")
        await page.get_by_role("button", name="Giao", exact=True).click()
        await expect(page.locator("p.done")).to_contain_text("Đã giao 2 yêu cầu")

        await page.goto(f"{running.url}{QUEUE}/{codes[2]}")
        await page.get_by_role("button", name="Giữ cuộc trò chuyện").click()
        await expect(page.get_by_text("Anh/chị đang giữ cuộc trò chuyện", exact=True)).to_be_visible()
        await page.get_by_label("Câu mẫu").select_option(label="Hẹn trả lời")
        await page.get_by_role("button", name="Chèn").click()
        await expect(page.get_by_label("Viết cho người dân")).to_have_value(
            re.compile(rf"^Chào Người thứ 2, Sở đã nhận yêu cầu {codes[2]}, hẹn trả lời trước \d\d:\d\d ngày")
        )
        await looked_at(page, f"held-{kind}")
        await page.get_by_role("button", name="Gửi tin").click()
        await expect(page.get_by_role("status")).to_contain_text("Đã gửi")

        await page.get_by_label("Viết cho người dân").fill("Gõ rất lâu rồi mới gửi")
        await sql(database, "UPDATE staff_sessions SET expires_at = last_seen_at")
        await page.get_by_role("button", name="Gửi tin").click()
        await expect(page.get_by_role("status")).to_contain_text("chữ vừa gõ vẫn còn")
        await looked_at(page, f"expired-{kind}")
        await page.get_by_label("Tên đăng nhập").fill("lan")
        await page.get_by_label("Mật khẩu").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Nhập mã xác nhận")).to_be_visible()
        await looked_at(page, f"code-{kind}")
        await sql(database, "UPDATE staff_second_factors SET last_step = 0")
        await page.get_by_label("Mã xác nhận").fill(pyotp.TOTP(secret).now())
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Nội dung")).to_have_value("Gõ rất lâu rồi mới gửi")
        await looked_at(page, f"kept-{kind}")
        await page.get_by_role("button", name="Gửi lại").click()
        await expect(page.get_by_role("status")).to_contain_text("Đã gửi")


async def test_the_bar_comes_quietly_and_moves_nothing(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url + await invite(running.database, role=StaffRole.OFFICER), "desktop")
        await set_password(page)
        for _ in range(3):
            await file_request(running.database)
        await page.add_init_script("const slow = setTimeout; setTimeout = (run, ms) => slow(run, Math.min(ms, 300))")
        await page.goto(f"{running.url}{QUEUE}?muc=tat-ca")
        rows = page.locator(".queue tbody tr")
        await expect(rows).to_have_count(3)
        await expect(page.locator("#news")).to_be_hidden()
        await rows.nth(1).locator("input").check()
        first, place = await rows.first.inner_text(), await rows.first.bounding_box()
        await file_request(running.database)
        await file_request(running.database)
        await expect(page.locator("#news")).to_have_text("Có 2 yêu cầu mới. Bấm để xem.")
        await expect(rows).to_have_count(3)
        assert await rows.first.inner_text() == first
        assert await rows.first.bounding_box() == place
        await expect(rows.nth(1).locator("input")).to_be_checked()
        await looked_at(page, "news-desktop-light")
        await page.locator("#news").click()
        await expect(rows).to_have_count(5)
        await sql(running.database, "DELETE FROM staff_sessions")
        await page.wait_for_timeout(1000)
        assert QUEUE in page.url  # it stays readable; the next click leads to the sign-in


async def test_shortcuts_work_by_keyboard_and_never_while_typing(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url + await invite(running.database, role=StaffRole.OFFICER), "desktop")
        await set_password(page)
        await add_canned(running.database)
        codes = [await file_request(running.database) for _ in range(3)][::-1]  # the newest first
        await page.goto(f"{running.url}{QUEUE}?muc=tat-ca")
        await expect(page.get_by_role("button", name="Phím tắt")).to_be_visible()  # its script has run
        press = page.keyboard.press
        for key, code in (("j", codes[0]), ("j", codes[1]), ("j", codes[2]), ("j", codes[2]), ("k", codes[1])):
            await press(key)
            assert await focused(page) == code, key
        await press("x")
        await expect(page.get_by_label(f"Đánh dấu {codes[1]}")).to_be_checked()
        await press("*")
        await expect(page.get_by_text("Giao 3 yêu cầu cho")).to_be_visible()
        await press("/")
        assert await focused(page) == "tim"
        await page.keyboard.type("jk?xgq/")
        await expect(page.locator("#tim")).to_have_value("jk?xgq/")
        await expect(page.locator("#keys")).to_be_hidden()
        await page.locator("h1").click()
        await press("?")
        await expect(page.get_by_role("dialog", name="Phím tắt")).to_be_visible()
        await looked_at(page, "keys-desktop-light")
        await page.get_by_role("button", name="Tắt phím tắt").click()
        await press("Escape")
        await expect(page.locator("#keys")).to_be_hidden()
        await press("j")
        assert codes[0] not in await focused(page)
        await press("?")
        await page.get_by_role("button", name="Bật phím tắt").click()
        await page.get_by_role("button", name="Đóng").click()
        await press("j")
        await press("Enter")
        await expect(page.get_by_role("heading", name=codes[0])).to_be_visible()
        await page.wait_for_load_state()  # its script has run
        await press("r")
        assert await focused(page) == "text"
        await page.keyboard.type("gq r")
        await expect(page.locator("#text")).to_have_value("gq r")
        await page.locator("h1").click()
        await press("g")
        await press("q")
        await expect(page.get_by_role("heading", name="Yêu cầu hỗ trợ")).to_be_visible()


async def test_a_phone_is_offered_no_shortcuts(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url + await invite(running.database, role=StaffRole.OFFICER), "phone")
        await set_password(page)
        await page.goto(f"{running.url}{QUEUE}")
        await expect(page.get_by_role("heading", name="Yêu cầu hỗ trợ")).to_be_visible()
        await expect(page.get_by_role("button", name="Phím tắt")).to_be_hidden()
