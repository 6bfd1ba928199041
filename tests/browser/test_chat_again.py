"""What a page of the web chat shows after it was reloaded, and after everything was erased under it."""

from __future__ import annotations

import datetime as dt
from urllib.parse import quote

import pytest
from playwright.async_api import expect
from sqlalchemy import Connection, select

from db.models import Conversation
from desk import privacy
from desk.change import Actor
from desk.settings import load_desk
from tests.browser.conftest import OpenPage, ask
from tests.conftest import MakeSettings
from tests.harness import Running, WebPerson, running_service
from tests.test_requests_files import at_files, picture, send

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def erase_everybody(running: Running) -> None:
    """As an officer does on somebody's request, in whichever process."""

    def write(connection: Connection) -> None:
        desk = load_desk(connection, department_id=1)
        for conversation_id in connection.execute(select(Conversation.id)).scalars().all():
            now = dt.datetime.now(dt.UTC)
            privacy.erase(connection, desk, conversation_id=conversation_id, now=now, actor=Actor.system())

    await running.database.write(write)


@pytest.mark.parametrize("streams", [True, False], ids=["stream", "asking"])
async def test_an_open_page_begins_anew_when_its_conversation_is_erased(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage, streams: bool
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url)
        if not streams:  # something in between holds streams back
            await page.context.route("**/chat/events", lambda route: route.abort())
            await page.reload()
        await ask(page, "đăng ký nhãn hiệu cần giấy tờ gì")
        await expect(page.locator(".bubble.mine")).to_have_count(1)
        await expect(page.locator(".bubble.assistant .note").first).to_be_visible()
        await erase_everybody(running)
        await expect(page.locator("#notice")).to_contain_text("Dữ liệu cũ đã xoá", timeout=30_000)
        await expect(page.locator(".bubble.mine")).to_have_count(0)
        await expect(page.locator(".tiles")).to_be_visible()  # a fresh conversation
        assert "da-xoa" not in page.url
        await ask(page, "mã vạch là gì")
        await expect(page.locator(".bubble.assistant .note").first).to_be_visible()


async def test_files_that_were_sent_are_shown_again(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url)
        await expect(page.locator(".card").first).to_be_visible()
        person = WebPerson(running)
        person.token = await page.evaluate("localStorage.getItem('khcn.token')")
        await person.replies()
        await at_files(person)
        assert (await send(running, person, picture(), quote("nhãn mắm.jpg"))).status_code == 202
        await person.replies()
        await page.reload()
        await expect(page.locator(".bubble.mine", has_text="Tệp: nhãn mắm.jpg")).to_have_count(1)
