"""axe-core finds nothing serious on the public pages, in light and in dark."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage, ask, keep_picture
from tests.conftest import MakeSettings
from tests.harness import running_service

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def serious_findings(page: Page) -> list[dict[str, Any]]:
    results = await Axe().run(page)
    assert results.response["testEngine"]["name"] == "axe-core"
    return [
        {"rule": found["id"], "where": [node["target"] for node in found["nodes"]]}
        for found in results.response["violations"]
        if found["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/widget", "/rieng-tu", "/khong-co"])
async def test_no_serious_finding(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage, path: str, scheme: str
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        screen = "desktop" if path == "/" and scheme == "light" else "phone"
        page = await open_page(running.url + path, screen, color_scheme=scheme, reduced_motion="reduce")
        if path in {"/", "/widget"}:
            await expect(page.locator(".tiles")).to_be_visible()
            assert await serious_findings(page) == []
            await ask(page, "đăng ký nhãn hiệu cần giấy tờ gì")
            await expect(page.locator(".note")).to_be_visible()
            await page.locator('.verdict-button[data-tap^="u:"]').click()
            await expect(page.locator('[aria-pressed="true"]')).to_be_visible()
        await keep_picture(page, f"{screen}-{scheme}-{path.strip('/') or 'chat'}")
        assert await serious_findings(page) == []


async def test_the_log_is_announced_but_not_the_past(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url)
        log = page.get_by_role("log", name="Cuộc trò chuyện")
        await expect(log).to_have_attribute("aria-live", "polite")
        await expect(page.locator("html")).to_have_attribute("lang", "vi")
        await expect(page.get_by_label("Câu hỏi của anh/chị")).to_be_editable()
        await expect(page.get_by_role("main")).to_have_count(1)
        await expect(page.get_by_role("banner")).to_have_count(1)


async def test_motion_is_spared_on_request(sqlite_settings: MakeSettings, understander, open_page: OpenPage) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await open_page(running.url, reduced_motion="reduce")
        await expect(page.locator(".bubble").first).to_be_visible()
        names = await page.locator(".bubble, #typing i").evaluate_all(
            "found => found.map(e => getComputedStyle(e).animationName)"
        )
        assert set(names) == {"none"}
