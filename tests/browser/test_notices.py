"""Notices of the desk on an open page: the newest is brought into view, unless the person reads or types."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, expect

from desk import actions
from tests.browser.conftest import OpenPage
from tests.conftest import MakeSettings
from tests.filing import file
from tests.harness import Running, WebPerson, running_service
from tests.test_requests_after import Officer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
LONG = "Anh/chị chuẩn bị giúp các giấy tờ sau rồi gửi lại tại đây.\n" + "\n".join(
    f"{number}. Giấy tờ thứ {number} của cơ sở." for number in range(1, 9)
)


async def at_the_end(running: Running, open_page: OpenPage) -> Page:
    """A page of somebody whose request was filed, read to its end."""
    page = await open_page(running.url)
    await expect(page.locator(".card").first).to_be_visible()
    person = WebPerson(running)
    person.token = await page.evaluate("localStorage.getItem('khcn.token')")
    await file(person)
    await page.reload()
    await expect(page.locator("#log")).to_contain_text("Mã: HT")
    await to_the_end(page)
    return page


async def to_the_end(page: Page) -> None:
    await page.evaluate("log.scrollTo({ top: log.scrollHeight, behavior: 'instant' })")
    await expect(page.locator("#latest")).to_be_hidden()


async def wait_for_the_end(page: Page) -> None:
    """Until the newest bubble is shown to its last line."""
    await page.wait_for_function(
        "() => [...log.querySelectorAll('.bubble')].pop().getBoundingClientRect().bottom"
        " <= log.getBoundingClientRect().bottom + 1"
    )


async def test_the_second_of_two_notices_is_brought_into_view(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page, officer = await at_the_end(running, open_page), Officer(running)
        await officer.does(actions.reply, text=LONG)
        await expect(page.locator(".card").last).to_contain_text("Giấy tờ thứ 8")
        await officer.does(actions.ask_for_more, text=LONG.replace("thứ 8", "sau cùng"))
        await expect(page.locator(".card").last).to_contain_text("Giấy tờ sau cùng")
        await wait_for_the_end(page)
        await expect(page.locator("#latest")).to_be_hidden()


async def test_who_scrolled_up_or_types_is_left_in_peace(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page, officer = await at_the_end(running, open_page), Officer(running)
        typing = asyncio.create_task(page.locator("#say").press_sequentially("tôi đang viết " * 8, delay=60))
        await expect(page.locator("#say")).to_have_value("tôi", timeout=5000)
        before = await page.evaluate("log.scrollTop")
        await officer.does(actions.reply, text=LONG)
        await expect(page.locator(".card").last).to_contain_text("Giấy tờ thứ 8")
        assert not typing.done()
        await typing
        assert await page.evaluate("log.scrollTop") == before
        await expect(page.locator("#latest")).to_be_visible()

        await page.wait_for_timeout(2200)  # done typing: the next one comes into view
        await officer.does(actions.ask_for_more, text="Anh/chị gửi giúp ảnh nhãn.")
        await expect(page.locator(".card").last).to_contain_text("ảnh nhãn")
        await wait_for_the_end(page)

        await page.mouse.move(150, 300)
        await page.mouse.wheel(0, -500)
        await page.wait_for_timeout(600)
        before = await page.evaluate("log.scrollTop")
        await officer.does(actions.reply, text=LONG.replace("thứ 8", "sau cùng"))
        await expect(page.locator(".card").last).to_contain_text("Giấy tờ sau cùng")
        await page.wait_for_timeout(600)
        assert await page.evaluate("log.scrollTop") == before
        await expect(page.locator("#latest")).to_be_visible()
        await page.click("#latest")
        await wait_for_the_end(page)
