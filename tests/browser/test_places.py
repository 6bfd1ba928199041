"""Choosing between places that share a name: in the chat, and on the form's own page."""

from __future__ import annotations

import datetime as dt

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect
from sqlalchemy import Connection, select

from db.models import Conversation, LinkPurpose
from desk import links
from desk.settings import load_desk
from handlers.texts import say
from tests.browser.conftest import OpenPage, ask, keep_picture
from tests.conftest import MakeSettings
from tests.filing import CODE, CONSENT, NEED, all_requests
from tests.harness import running_service

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def is_fit(page: Page) -> None:
    results = await Axe().run(page)
    assert [v["id"] for v in results.response["violations"] if v["impact"] in ("serious", "critical")] == []
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("screen", ["phone", "desktop"])
async def test_choosing_a_place(sqlite_settings: MakeSettings, understander, open_page: OpenPage, screen: str) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        chat = await open_page(running.url, screen)
        await expect(chat.locator(".card").first).to_be_visible()
        for text in (*CONSENT, "nông dân", "bỏ qua", "bỏ qua", "ba tri bến tre"):
            count = await chat.locator(".card").count()
            await ask(chat, text)
            await expect(chat.locator(".card")).to_have_count(count + 1)
        await expect(chat.locator(".card").last).to_contain_text(say("problem.place.which"))
        await keep_picture(chat, f"{screen}-place-chat")
        await is_fit(chat)
        await chat.locator('.choices [data-tap^="s:c:"]').first.click()
        await expect(chat.locator(".card").last).to_contain_text("Anh/chị cần Sở giúp việc gì?")

        def make(connection: Connection) -> str:
            desk = load_desk(connection, department_id=running.service.department_id)
            conversation_id = connection.execute(select(Conversation.id)).scalar_one()
            return links.make(
                connection, desk, purpose=LinkPurpose.FORM, conversation_id=conversation_id, now=dt.datetime.now(dt.UTC)
            )

        page = await open_page(f"{running.url}/yeu-cau#{await running.database.write(make)}", screen)
        for purpose, value in (("consent", "yes"), ("share", "no"), ("news", "no")):
            await page.locator(f'input[name="{purpose}"][value="{value}"]').check()
        await page.fill("#place", "12 Hùng Vương, phường 3, Long An")
        await page.fill("#need", NEED)
        await page.get_by_role("button", name="Gửi yêu cầu").click()
        await expect(page.locator("#place-problem")).to_have_text(say("problem.place.which"))
        offered = page.locator("#places button")
        await expect(offered).to_have_count(2)
        await offered.nth(1).click()
        await expect(offered.nth(1)).to_have_attribute("aria-pressed", "true")
        await page.locator("#place").scroll_into_view_if_needed()
        await keep_picture(page, f"{screen}-place-page")
        await is_fit(page)
        await page.get_by_role("button", name="Gửi yêu cầu").click()
        await expect(page.locator("#outcome")).to_contain_text(CODE)
        [row] = await all_requests(running.database)
        assert (row.former_unit, row.place) == ("27806", "12 Hùng Vương")
