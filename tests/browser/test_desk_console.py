"""The queue and a request in Chromium: readable on a phone, no serious fault for axe, a case worked by clicking."""

from __future__ import annotations

import datetime as dt

import pytest
from playwright.async_api import Page, expect

from db.models import StaffRole
from tests.browser.conftest import RESULTS, OpenPage
from tests.browser.test_accessibility import serious_findings
from tests.conftest import MakeSettings
from tests.harness import running_service
from tests.staff.casework import add_unit, file_request, messages, now, set_delivery
from tests.staff.driver import PASSWORD, invite

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

DAY = dt.timedelta(days=1)


async def looked_at(page: Page, name: str) -> None:
    """A picture for the eye; no serious finding; nothing to scroll sideways."""
    RESULTS.mkdir(exist_ok=True)
    await page.screenshot(path=RESULTS / f"desk-{name}.png", full_page=True)
    assert await serious_findings(page) == [], name
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"], f"{name} scrolls sideways"  # type: ignore[index]


@pytest.mark.parametrize(("screen", "scheme"), [("phone", "light"), ("desktop", "light"), ("desktop", "dark")])
async def test_from_the_queue_to_a_closed_case(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage, screen: str, scheme: str
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        database = running.database
        link = await invite(database, role=StaffRole.OFFICER)
        await add_unit(database, "Phòng Sở hữu trí tuệ", "lan")
        await add_unit(database, "Phòng Tiêu chuẩn Đo lường Chất lượng", "lan")
        long = "Cơ sở tôi làm bánh tráng ở xã, muốn có mã vạch và nhãn hiệu chung cho cả hợp tác xã. " * 4
        code = await file_request(database, description=long, due_at=now() - DAY)
        await file_request(database, status="waiting", name="Trần Văn Dũng")
        await file_request(database, status="answered", description="x" * 150)
        await file_request(database, status="accepted", due_at=now() + 3 * DAY, priority="urgent")
        kind = f"{screen}-{scheme}"
        page = await open_page(running.url + link, screen, color_scheme=scheme)
        await page.get_by_label("Mật khẩu mới").fill(PASSWORD)
        await page.get_by_label("Nhập lại mật khẩu").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name="Yêu cầu", exact=True).click()
        await page.get_by_role("link", name="Tất cả").click()
        await expect(page.get_by_role("row")).to_have_count(5)
        await looked_at(page, f"queue-{kind}")
        await page.get_by_text("Lọc thêm").click()
        await page.get_by_label("Thời hạn").select_option("overdue")
        await page.get_by_role("button", name="Lọc").click()
        await expect(page.get_by_role("row")).to_have_count(2)
        await looked_at(page, f"filtered-{kind}")
        await page.get_by_role("searchbox").fill("banh trang")
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name=code).click()
        await expect(page.get_by_role("heading", name=code)).to_be_visible()
        await looked_at(page, f"new-{kind}")

        await page.get_by_role("button", name="Nhận xử lý").click()
        await expect(page.get_by_role("status")).to_contain_text("đã nhận")
        await page.get_by_label("Viết cho người dân").fill("Chào chị, chị gửi giúp ảnh nhãn sản phẩm nhé.")
        await page.get_by_role("button", name="Gửi tin").click()
        await expect(page.get_by_role("status")).to_contain_text("Đã gửi")
        await page.get_by_label("Viết cho người dân").fill("Chị này hay gọi buổi chiều.")
        await page.get_by_role("button", name="Lưu ghi chú").click()
        await expect(page.get_by_text("ghi chú nội bộ", exact=True)).to_be_visible()
        said = next(row for row in await messages(database, code) if row.text and "ảnh nhãn" in row.text)
        await set_delivery(database, said.id, status="waiting_window", error="WindowClosed: -230")
        await page.reload()
        await expect(page.get_by_text("gọi điện")).to_be_visible()
        for summary in await page.locator(".todo summary, details > summary").all():
            await summary.click()
        await looked_at(page, f"open-{kind}")
        await page.get_by_role("button", name="Đã gọi").click()
        await expect(page.get_by_text("Đã gọi điện lúc")).to_be_visible()
        await page.locator("summary", has_text="Kết thúc").click()
        await page.get_by_label("Kết quả, người dân sẽ đọc").fill("Đã hướng dẫn hồ sơ mã vạch.")
        await page.get_by_role("button", name="Kết thúc", exact=True).click()
        await expect(page.get_by_role("status")).to_contain_text("Đã kết thúc")
        await looked_at(page, f"closed-{kind}")
        await page.reload()
        await expect(page.get_by_role("heading", name=code)).to_be_visible()
        await expect(page.get_by_role("status")).to_have_count(0)  # said once


async def test_a_stale_text_stays_in_its_form(sqlite_settings: MakeSettings, understander, open_page: OpenPage) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        link = await invite(running.database, role=StaffRole.OFFICER)
        code = await file_request(running.database)
        page = await open_page(running.url + link, "desktop")
        await page.get_by_label("Mật khẩu mới").fill(PASSWORD)
        await page.get_by_label("Nhập lại mật khẩu").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name="Yêu cầu", exact=True).click()
        await page.goto(f"{running.url}/staff/yeu-cau/{code}")
        other = await page.context.new_page()
        await other.goto(f"{running.url}/staff/yeu-cau/{code}")
        await other.get_by_role("button", name="Nhận xử lý").click()
        await expect(other.get_by_role("status")).to_be_visible()
        await page.get_by_label("Viết cho người dân").fill("Câu trả lời viết rất lâu")
        await page.get_by_role("button", name="Gửi tin").click()
        await expect(page.get_by_role("alert")).to_contain_text("vừa thay đổi")
        await expect(page.get_by_label("Viết cho người dân")).to_have_value("Câu trả lời viết rất lâu")
        await looked_at(page, "stale-desktop-light")
        await page.get_by_role("button", name="Gửi tin").click()
        await expect(page.get_by_role("status")).to_contain_text("Đã gửi")
