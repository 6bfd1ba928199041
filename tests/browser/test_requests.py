"""Filing on the page: a photo attached, the private link asked for, and the form behind a one-time link."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from sqlalchemy import Connection, select

from db.models import Conversation, LinkPurpose
from desk import links
from desk.settings import load_desk
from handlers.texts import say
from tests.browser.conftest import OpenPage, ask, keep_picture
from tests.conftest import MakeSettings
from tests.filing import CODE, CONSENT, NEED, WHO, all_requests, files_of
from tests.harness import Running, WebPerson, running_service
from tests.test_requests_files import picture

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("screen", ["phone", "desktop"])
async def test_filing_with_a_photo(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage, tmp_path: Path, screen: str
) -> None:
    photo = tmp_path / "nhãn mắm.jpg"
    photo.write_bytes(picture(position=True))
    too_large = tmp_path / "phim.jpg"
    too_large.write_bytes(b"\xff\xd8\xff" + b"\x00" * 11_000_000)
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url, screen)
        await expect(page.locator(".card").first).to_be_visible()
        for text in (*CONSENT, *WHO, NEED):
            count = await page.locator(".card").count()
            await ask(page, text)
            await expect(page.locator(".card")).to_have_count(count + 1)
        await keep_picture(page, f"{screen}-form")
        await page.set_input_files("#files", [too_large])
        await expect(page.locator("#notice")).to_contain_text("10 MB")
        await page.set_input_files("#files", [photo])
        await expect(page.locator(".card").last).to_contain_text(say("file.kept", count=1, limit=10))
        await ask(page, "xong")
        await expect(page.locator(".card").last).to_contain_text(say("form.files_count", count=1))
        await expect(page.locator('.card a[href="tel:0100109106"]')).to_have_count(0)  # a tax code is not called
        await keep_picture(page, f"{screen}-review")
        await page.locator('.choices [data-tap^="s:send:"]').last.click()
        await expect(page.locator(".card").last).to_contain_text("Mã: HT")
        await page.locator(".link-button").last.click()
        link = await page.locator(".private-link a").last.get_attribute("href")
        assert link
        assert "#link-" in link
        await keep_picture(page, f"{screen}-receipt")
        results = await Axe().run(page)
        assert [v["id"] for v in results.response["violations"] if v["impact"] in ("serious", "critical")] == []
        [row] = await all_requests(running.database)
        assert len(await files_of(running.database)) == 1

        other = await open_page(link)
        await expect(other.locator("#log")).to_contain_text(row.code)
        assert "link-" not in other.url


async def make_link(running: Running) -> str:
    """A one-time link for the only conversation there is."""

    def make(connection: Connection) -> str:
        desk = load_desk(connection, department_id=running.service.department_id)
        conversation_id = connection.execute(select(Conversation.id)).scalar_one()
        return links.make(
            connection, desk, purpose=LinkPurpose.FORM, conversation_id=conversation_id, now=dt.datetime.now(dt.UTC)
        )

    return f"{running.url}/yeu-cau#{await running.database.write(make)}"


async def test_a_reload_of_the_form_goes_on_with_what_was_typed(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        await WebPerson(running).says("xin chào")
        link = await make_link(running)
        token = link.partition("#")[2]
        asked: list[str] = []
        page = await open_page("about:blank")
        page.on("request", lambda request: asked.append(f"{request.url} {request.headers.get('referer')}"))
        await page.goto(link)
        for purpose in ("consent", "share", "news"):
            await page.locator(f'input[name="{purpose}"][value="yes"]').check()
        await page.select_option("#kind", "doanh-nghiep")
        for name, text in zip(("name", "organisation", "tax", "phone"), WHO[1:5], strict=True):
            await page.fill(f"#{name}", text)
        await page.fill("#need", NEED)
        await page.reload()
        assert page.url == f"{running.url}/yeu-cau"
        await expect(page.locator("#organisation")).to_have_value(WHO[2])
        await expect(page.locator("#organisation")).to_be_visible()
        await expect(page.locator("#need")).to_have_value(NEED)
        await expect(page.locator('input[name="share"][value="yes"]')).to_be_checked()
        await expect(page.locator('input[name="share"][value="no"]')).not_to_be_checked()

        other = await page.context.new_page()  # another tab knows nothing of it
        await other.goto(f"{running.url}/yeu-cau")
        await expect(other.locator("#outcome")).to_contain_text("đường dẫn dùng một lần")

        await page.get_by_role("button", name="Gửi yêu cầu").click()
        await expect(page.locator("#outcome")).to_contain_text(CODE)
        assert len(await all_requests(running.database)) == 1
        assert [line for line in asked if token in line.replace(f"{link} None", "")] == []
        assert "khcn.form" not in await page.evaluate("Object.keys(sessionStorage)")
        await page.reload()
        await expect(page.locator("#outcome")).to_contain_text("đường dẫn dùng một lần")


async def test_a_refused_link_is_forgotten_and_a_new_one_is_taken_in_the_same_tab(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        await WebPerson(running).says("xin chào")
        page = await open_page(f"{running.url}/yeu-cau#of-another-time")
        for purpose in ("consent", "share", "news"):
            await page.locator(f'input[name="{purpose}"][value="no"]').check()
        await page.fill("#need", NEED)
        await page.get_by_role("button", name="Gửi yêu cầu").click()
        await expect(page.locator("#outcome")).to_have_text(say("form_page.gone"))
        await page.fill("#need", f"{NEED} Nữa.")
        assert "khcn.form" not in await page.evaluate("Object.keys(sessionStorage)")

        await page.goto(await make_link(running))  # only what is behind the hash differs
        await expect(page.locator("#need")).to_have_value("")
        assert page.url == f"{running.url}/yeu-cau"
        for purpose in ("consent", "share", "news"):
            await page.locator(f'input[name="{purpose}"][value="no"]').check()
        await page.fill("#need", NEED)
        await page.goto(f"{running.url}/rieng-tu")
        await page.click("#forget")
        assert "khcn.form" not in await page.evaluate("Object.keys(sessionStorage)")


@pytest.mark.parametrize("screen", ["phone", "desktop"])
async def test_the_form_behind_a_link(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage, screen: str
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        chat = await open_page(running.url)
        await expect(chat.locator(".card").first).to_be_visible()

        page = await open_page(await make_link(running), screen)
        await page.get_by_role("button", name="Gửi yêu cầu").click()
        await expect(page.locator("#need-problem")).to_contain_text("kể thêm")
        await expect(page.locator("#consent-problem")).to_contain_text(say("form_page.choose"))
        for purpose in ("consent", "share", "news"):
            await page.locator(f'input[name="{purpose}"][value="yes"]').check()
        await page.select_option("#kind", "doanh-nghiep")
        for name, text in zip(("name", "organisation", "tax", "phone", "place"), WHO[1:], strict=True):
            await page.fill(f"#{name}", text)
        await page.fill("#need", NEED)
        await keep_picture(page, f"{screen}-form-page")
        results = await Axe().run(page)
        assert [v["id"] for v in results.response["violations"] if v["impact"] in ("serious", "critical")] == []
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        await page.get_by_role("button", name="Gửi yêu cầu").click()
        await expect(page.locator("#outcome")).to_contain_text(CODE)
        [row] = await all_requests(running.database)
        assert row.organisation == WHO[2]
