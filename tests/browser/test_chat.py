"""The chat page as a person meets it, on a phone and on a desk."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select

from db.models import Turn
from handlers.texts import say
from tests.browser.conftest import OpenPage, ask, keep_picture
from tests.conftest import MakeSettings
from tests.harness import Running, running_service

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
QUESTION = "đăng ký nhãn hiệu cần giấy tờ gì"


async def told(page: Page) -> list[str]:
    """What the log shows, in order: each bubble's own words."""
    return await page.locator("#log .said, #log .card .body").all_inner_texts()


async def fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("screen", ["phone", "desktop"])
async def test_greeting_question_follow_up_and_reload(
    make_settings: MakeSettings, understander, open_page: OpenPage, screen: str
) -> None:
    async with running_service(make_settings(), understander) as running:
        page = await open_page(running.url, screen)
        await expect(page.locator(".card").first).to_contain_text("trợ lý tự động")
        fields = page.locator('.tiles [data-tap^="f:"]')
        await expect(fields).to_have_count(6)
        await keep_picture(page, f"{screen}-greeting")

        await ask(page, QUESTION)
        await expect(page.locator(".note").last).to_contain_text("Nguồn:")
        await expect(page.locator(".mine").last).to_have_attribute("data-state", "sent")
        await keep_picture(page, f"{screen}-answer")

        follow_up = page.locator('.current [data-tap^="q:"]').first
        label = await follow_up.inner_text()
        cards = await page.locator(".card").count()
        await follow_up.click()
        await expect(page.locator(".mine").last).to_contain_text(label)
        await expect(page.locator(".card")).to_have_count(cards + 1)
        assert await fits(page)

        before = await told(page)
        await page.reload()
        await expect(page.locator(".card")).to_have_count(cards + 1)
        assert await told(page) == before
        assert before.index(QUESTION) < before.index(label)


async def test_every_choice_of_a_phone_is_large_enough_to_tap(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url)
        await ask(page, QUESTION)
        await expect(page.locator(".verdict-button")).to_have_count(2)
        sizes = await page.locator("button:not(.word):visible, header a:visible, textarea").evaluate_all(
            "found => found.map(e => [e.textContent.trim(), e.offsetHeight])"  # as laid out, wherever it still moves
        )
        assert len(sizes) > 10
        assert [name for name, height in sizes if height < 44] == []
        assert await fits(page)


async def test_lists_are_lists_and_markup_is_text(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url)
        await ask(page, "<img src=x onerror=alert(1)> <b>menu</b>")
        await expect(page.locator(".mine .said")).to_have_text("<img src=x onerror=alert(1)> <b>menu</b>")
        assert await page.locator("#log img, #log b").count() == 0
        made = await page.evaluate(
            """async () => {
                const { assistantBubble } = await import(`${document.body.dataset.assets}/bubbles.js`);
                const body = "Gồm:\\n1. Tờ khai\\n2. Mẫu\\n\\n- Phí\\n- Ảnh <b>x</b>\\n"
                    + "Xem https://dichvucong.gov.vn. Gọi 0272 3826 252, lệ phí 1.000.000 đồng theo 01/2026/TT.";
                const reply = { at: new Date().toISOString(), body, heading: "A", note: "Nguồn: B", choices: [] };
                return assistantBubble(reply).querySelector(".body").innerHTML;
            }"""
        )
        assert "<ol" in made
        assert '<li value="2">Mẫu</li>' in made
        assert "<li>Ảnh &lt;b&gt;x&lt;/b&gt;</li>" in made
        assert 'href="https://dichvucong.gov.vn"' in made
        assert 'Gọi <a href="tel:02723826252">0272 3826 252</a>, lệ phí' in made
        assert made.count("<a ") == 2


async def test_a_verdict_is_kept_and_can_be_changed(
    make_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async def verdicts(running: Running) -> list[str | None]:
        return list(
            await running.database.read(lambda c: c.execute(select(Turn.feedback).order_by(Turn.id)).scalars().all())
        )

    async with running_service(make_settings(), understander) as running:
        page = await open_page(running.url)
        await ask(page, QUESTION)
        useful = page.locator('.verdict-button[data-tap^="u:"]')
        wrong = page.locator('.verdict-button[data-tap^="w:"]')
        await useful.click()
        await expect(page.locator(".card").last).to_contain_text(say("feedback.thanks"))
        await expect(useful).to_have_attribute("aria-pressed", "true")
        assert "useful" in await verdicts(running)
        await wrong.click()
        await expect(page.locator(".card").last).to_contain_text("ghi lại")
        await page.reload()
        await expect(wrong).to_have_attribute("aria-pressed", "true")
        await expect(useful).to_have_attribute("aria-pressed", "false")
        assert "wrong" in await verdicts(running)
        assert "useful" not in await verdicts(running)


async def test_two_tabs_show_the_same(sqlite_settings: MakeSettings, understander, open_page: OpenPage) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        first = await open_page(running.url, "desktop")
        await expect(first.locator(".tiles")).to_be_visible()
        second = await first.context.new_page()
        await second.goto(running.url)
        await expect(second.locator(".tiles")).to_be_visible()
        await ask(first, QUESTION)
        await expect(second.locator(".note")).to_be_visible()
        await expect(second.locator(".mine")).to_have_attribute("data-state", "sent")
        assert await told(second) == await told(first)
        assert QUESTION in await told(second)


async def test_keyboard_alone_is_enough(sqlite_settings: MakeSettings, understander, open_page: OpenPage) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url, "desktop")
        await expect(page.locator(".tiles")).to_be_visible()
        await expect(page.locator("#say")).to_be_focused()
        for _ in range(3):  # past the end of the page and in again at its beginning
            await page.keyboard.press("Tab")
            if await page.locator(".skip:focus").count():
                break
        await expect(page.locator(".skip")).to_be_focused()
        await expect(page.locator(".skip")).to_be_in_viewport()
        await page.keyboard.press("Enter")
        await expect(page.locator("#say")).to_be_focused()
        await page.keyboard.type("phí mã vạch")
        await page.keyboard.press("Shift+Enter")
        await page.keyboard.type("hết nhiêu")
        await expect(page.locator(".mine")).to_have_count(0)
        await page.keyboard.press("Enter")
        await expect(page.locator(".mine .said")).to_have_text("phí mã vạch\nhết nhiêu")
        choice = page.locator(".current .choice").last
        await expect(page.locator(".note")).to_be_visible()
        label = await choice.inner_text()
        for _ in range(4):
            await page.keyboard.press("Shift+Tab")
            if await choice.evaluate("e => e === document.activeElement"):
                break
        await expect(choice).to_be_focused()
        outline = await choice.evaluate("e => getComputedStyle(e).outlineStyle")
        assert outline == "solid"
        await page.keyboard.press("Enter")
        await expect(page.locator(".mine").last).to_contain_text(label)


async def test_a_draft_survives_a_reload(sqlite_settings: MakeSettings, understander, open_page: OpenPage) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url)
        await page.fill("#say", "tôi đang viết dở")
        await page.reload()
        await expect(page.locator("#say")).to_have_value("tôi đang viết dở")


async def test_the_text_for_a_hurried_person_is_shown(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(web_rate_per_minute=2), understander) as running:
        page = await open_page(running.url)
        await expect(page.locator(".tiles")).to_be_visible()
        await ask(page, "menu")
        await expect(page.locator(".tiles")).to_have_count(2)
        await ask(page, QUESTION)
        await expect(page.locator("#notice")).to_have_text(say("slow_down"))
        await expect(page.locator(".mine").last).to_have_attribute("data-state", "waiting")
        await expect(page.locator(".mine").last.locator(".retry")).to_be_visible()


async def test_a_page_with_an_open_stream_does_not_hold_up_a_shutdown(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url)
        await expect(page.locator(".tiles")).to_be_visible()
        async with asyncio.timeout(5):
            while not running.service.follower._events:  # noqa: ASYNC110 - set in another task without an event
                await asyncio.sleep(0.02)
        started = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - started < 5
    await expect(page.locator("#notice")).to_be_visible()


async def test_privacy_notice_and_starting_anew(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(retention_days=17), understander) as running:
        page = await open_page(running.url)
        await ask(page, QUESTION)
        await expect(page.locator(".note")).to_be_visible()
        await page.click('header a[href="/rieng-tu"]')
        await expect(page.locator("main")).to_contain_text("Sau 17 ngày")
        assert await fits(page)
        await page.click("#forget")
        await expect(page.locator("#forgotten")).to_contain_text("Đã bỏ")
        await page.goto(running.url)
        await expect(page.locator(".tiles")).to_be_visible()
        assert QUESTION not in await told(page)


async def test_an_unknown_page_is_answered_in_vietnamese(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(f"{running.url}/khong-co-trang-nay")
        await expect(page.locator("h1")).to_have_text("Không có trang này")
        answer = await running.client.get("/khong-co", headers={"accept": "application/json"})
        assert (answer.status_code, answer.text) == (404, "not found")


async def test_without_scripts_the_page_says_so(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url, java_script_enabled=False)
        await expect(page.locator("noscript p")).to_contain_text("cần JavaScript")
