"""Nothing is lost and nothing arrives twice, whatever the network does."""

from __future__ import annotations

import pytest
from playwright.async_api import Route, expect
from sqlalchemy import select

from db.models import InboxMessage
from tests.browser.conftest import OpenPage, ask, keep_picture
from tests.conftest import MakeSettings
from tests.harness import Running, running_service

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
QUESTION = "đăng ký nhãn hiệu cần giấy tờ gì"


async def texts_stored(running: Running) -> list[str]:
    """The texts of the inbox, in order of arrival."""
    rows = await running.database.read(
        lambda c: c.execute(select(InboxMessage.message).order_by(InboxMessage.id)).scalars().all()
    )
    return [row["text"] for row in rows if row["kind"] == "text"]


async def test_written_offline_delivered_once(make_settings: MakeSettings, understander, open_page: OpenPage) -> None:
    async with running_service(make_settings(), understander) as running:
        page = await open_page(running.url)
        await expect(page.locator(".tiles")).to_be_visible()
        await page.context.set_offline(True)
        await ask(page, QUESTION)
        await ask(page, "còn lệ phí thì sao")
        await expect(page.locator("#notice")).to_contain_text("Mất kết nối")
        await expect(page.locator(".mine").first).to_have_attribute("data-state", "waiting")
        await keep_picture(page, "phone-offline")
        assert await texts_stored(running) == []
        await page.context.set_offline(False)
        await expect(page.locator(".note").first).to_be_visible()
        await expect(page.locator('.mine[data-state="sent"]')).to_have_count(2)
        await expect(page.locator("#notice")).to_be_hidden()
        assert await texts_stored(running) == [QUESTION, "còn lệ phí thì sao"]


async def test_what_waits_survives_closing_the_page(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url)
        await expect(page.locator(".tiles")).to_be_visible()
        await page.context.set_offline(True)
        await ask(page, QUESTION)
        await expect(page.locator(".mine")).to_have_attribute("data-state", "waiting")
        context = page.context
        await page.close()
        await context.set_offline(False)
        page = await context.new_page()
        await page.goto(running.url)
        await expect(page.locator(".mine .said")).to_have_text(QUESTION)
        await expect(page.locator(".note")).to_be_visible()
        assert await texts_stored(running) == [QUESTION]


async def test_an_answer_lost_on_the_way_back_does_not_store_twice(
    make_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    tries: list[str | None] = []

    async def lose_the_first_answer(route: Route) -> None:
        if route.request.method != "POST":
            await route.continue_()
            return
        tries.append(route.request.post_data)
        answer = await route.fetch()
        if len(tries) == 1:
            await route.abort("connectionreset")
        else:
            await route.fulfill(response=answer)

    async with running_service(make_settings(), understander) as running:
        page = await open_page(running.url)
        await expect(page.locator(".tiles")).to_be_visible()
        await page.route("**/chat/messages", lose_the_first_answer)
        await ask(page, QUESTION)
        await expect(page.locator(".mine")).to_have_attribute("data-state", "sent")
        await expect(page.locator(".note")).to_have_count(1)
        assert len(tries) == 2
        assert tries[0] == tries[1]
        assert await texts_stored(running) == [QUESTION]


async def test_replies_come_where_streams_do_not_get_through(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page("about:blank")
        await page.route("**/chat/events", lambda route: route.abort("failed"))
        await page.goto(running.url)
        await expect(page.locator(".tiles")).to_be_visible()
        await ask(page, QUESTION)
        await expect(page.locator(".note")).to_be_visible()
        assert running.service.follower._events == {}


async def test_a_stream_reads_on_where_it_was(sqlite_settings: MakeSettings, understander, open_page: OpenPage) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url)
        await ask(page, QUESTION)
        await expect(page.locator(".note")).to_be_visible()
        cards = await page.locator(".card").count()
        async with page.expect_request("**/chat/events") as again:
            await page.context.set_offline(True)
            await page.context.set_offline(False)
        request = await again.value
        assert request.headers["last-event-id"] == str(cards)
        await ask(page, "menu")
        await expect(page.locator(".card")).to_have_count(cards + 1)
