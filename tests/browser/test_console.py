"""The staff console in Chromium: usable on a phone and by keyboard, without serious accessibility faults."""

from __future__ import annotations

import datetime as dt

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from db.models import StaffRole
from db.queries import operations
from staff.accounts import NewLink, add_account
from tests.browser.conftest import RESULTS, OpenPage
from tests.browser.signing_in import set_password, set_second_factor
from tests.conftest import MakeSettings
from tests.harness import Running, WebPerson, running_service

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def _no_serious_fault(page: Page, name: str) -> None:
    RESULTS.mkdir(exist_ok=True)
    await page.screenshot(path=RESULTS / f"console-{name}.png", full_page=True)
    results = await Axe().run(page)
    serious = [
        f"{name}: {violation['id']} {node['html'][:120]}"
        for violation in results.response["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]
    assert serious == []
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"], f"{name} scrolls sideways"  # type: ignore[index]


async def _invite(running: Running) -> str:
    link, now = NewLink.make(), dt.datetime.now(dt.UTC)
    return await running.database.write(
        lambda c: add_account(
            c,
            department_id=1,
            login="lan",
            name="Nguyễn Thị Ngọc Lan",
            role=StaffRole.ADMINISTRATOR,
            link=link,
            now=now,
        )
    )


@pytest.mark.parametrize(
    ("screen", "scheme"), [("phone", "light"), ("desktop", "light"), ("desktop", "dark"), ("phone", "dark")]
)
async def test_from_the_link_to_one_question(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage, screen: str, scheme: str
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person = WebPerson(running)
        replies = await person.says("đăng ký nhãn hiệu cần giấy tờ gì")
        useful = next(data for _, data in replies[-1]["choices"] if data.startswith("u:"))
        await person.taps(useful)
        for text in ("đăng kiểm xe ở đâu", "<b>một câu rất dài không có khoảng trắng</b> " + "x" * 120, "xin chào"):
            await WebPerson(running).says(text)
        now = dt.datetime.now(dt.UTC)
        await running.database.write(
            lambda c: operations.note_channel(
                c, department_id=1, channel="telegram", account="1", last_received_at=now - dt.timedelta(hours=30),
                last_error="ChannelUnavailable: 502", last_error_at=now,
            )
        )  # fmt: skip
        link = await _invite(running)
        kind = f"{screen}-{scheme}"
        page = await open_page(running.url + link, screen, color_scheme=scheme)
        await _no_serious_fault(page, f"link-{kind}")
        await set_password(page)
        await expect(page.get_by_role("heading", name="Bảo vệ hai lớp")).to_be_visible()
        await _no_serious_fault(page, f"enrol-{kind}")
        await set_second_factor(page)
        await _no_serious_fault(page, f"recovery-codes-{kind}")
        await page.get_by_role("link", name="Đã giữ rồi").click()
        await expect(page.get_by_role("heading", name="Kênh và câu hỏi")).to_be_visible()
        await _no_serious_fault(page, f"overview-{kind}")

        await page.get_by_text("Tìm và lọc").click()
        await page.get_by_label("Đánh giá").select_option("useful")
        await page.get_by_role("button", name="Lọc").click()
        await expect(page.get_by_role("row")).to_have_count(2)  # the heading and one question
        await _no_serious_fault(page, f"filtered-{kind}")

        await page.get_by_role("link", name="đăng ký nhãn hiệu").click()
        await expect(page.get_by_role("heading", name="Máy đã hiểu thế nào")).to_be_visible()
        await _no_serious_fault(page, f"question-{kind}")

        await page.get_by_role("button", name="Đăng xuất").click()
        await expect(page.get_by_role("heading", name="Đăng nhập")).to_be_visible()
        await page.get_by_label("Tên đăng nhập").fill("lan")
        await page.get_by_label("Mật khẩu").fill("không đúng đâu nhé")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("chưa đúng")
        await _no_serious_fault(page, f"sign-in-{kind}")
        await page.goto(running.url + link)
        await expect(page.get_by_role("heading", name="Đường dẫn không dùng được")).to_be_visible()
        await _no_serious_fault(page, f"problem-{kind}")


async def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url + "/staff/dang-nhap", "desktop")
        reached = []
        for _ in range(5):
            await page.keyboard.press("Tab")
            reached.append(
                await page.evaluate(
                    "document.activeElement.id || document.activeElement.className || document.activeElement.tagName"
                )
            )
            outline = await page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
            assert outline == "3px", reached[-1]
        assert reached == ["skip", "brand", "login", "password", "BUTTON"]
