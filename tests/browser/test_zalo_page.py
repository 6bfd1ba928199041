"""The fake Zalo's page, on which anybody can try the channel: a request with a picture, on a phone and a desktop."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from handlers.texts import say
from tests.browser.conftest import RESULTS, OpenPage
from tests.browser.test_accessibility import serious_findings
from tests.conftest import MakeSettings
from tests.filing import CODE, NEED, all_requests, files_of
from tests.zalo.conftest import zalo_world

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def says(page: Page, *texts: str) -> None:
    """Write one thing after the other, each once the last was answered."""
    for words in texts:
        before = await page.locator(".oa").count()
        await page.get_by_label("Tin nhắn").fill(words)
        await page.keyboard.press("Enter")
        await expect(page.locator(".oa").nth(before)).to_be_visible()


async def looked_at(page: Page, name: str) -> None:
    """A screenshot for the eye; nothing scrolls sideways, nothing keeps anybody out."""
    RESULTS.mkdir(exist_ok=True)
    await page.wait_for_timeout(300)
    await page.screenshot(path=RESULTS / f"zalo-{name}.png")
    assert await serious_findings(page) == [], name
    assert await page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]


@pytest.mark.parametrize("screen", ["phone", "desktop"])
async def test_a_request_with_a_picture(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage, screen: str
) -> None:
    async with zalo_world(sqlite_settings, understander, zalo_contact_image="https://so.example/a.png") as z:
        page = await open_page(f"{z.fake.url}/", screen)
        await says(page, "gửi yêu cầu hỗ trợ", "đồng ý", "không đồng ý", "không đồng ý", "nông dân")
        share = page.get_by_role("button", name="Chia sẻ", exact=True)
        await expect(share).to_be_visible()
        await page.get_by_label("Họ tên").fill("Nguyễn Thị Hoa")
        await looked_at(page, f"form-{screen}")
        await share.click()
        shared = say("form.shared", fields="họ tên, điện thoại, nơi ở")
        await expect(page.locator(".oa", has_text=shared)).to_be_visible()
        await says(page, NEED)
        stream = io.BytesIO()
        Image.new("RGB", (320, 200), (180, 40, 30)).save(stream, "JPEG")
        picture = {"name": "nhan.jpg", "mimeType": "image/jpeg", "buffer": stream.getvalue()}
        await page.locator("#own").set_input_files(picture)  # type: ignore[arg-type]
        await expect(page.locator(".oa", has_text=say("file.kept", count=1, limit=10))).to_be_visible()
        await says(page, "xong")
        await looked_at(page, f"review-{screen}")
        await says(page, "gửi")
        await expect(page.locator(".oa").last).to_contain_text(CODE)
        await page.locator("summary").click()
        await looked_at(page, f"filed-{screen}")
        [row] = await all_requests(z.database)
        assert (row.name, row.phone, row.province) == ("Nguyễn Thị Hoa", "+84901234567", "tay-ninh")
        [kept] = await files_of(z.database)
        assert kept.kind == "photo" and kept.request_id == row.id
