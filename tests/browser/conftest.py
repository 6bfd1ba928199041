"""A real Chromium, and pages opened in it as people hold them."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserType, Page, async_playwright, expect

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "test-results"
ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
expect.set_options(timeout=15_000)  # a shared machine may be slow; what is wrong stays wrong
SCREENS = {"phone": PHONE, "desktop": DESKTOP}


@pytest.fixture(scope="session")
def chromium_path() -> str:
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is required in CI and is not installed")
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(chromium_path: str) -> AsyncIterator[BrowserType]:
    async with async_playwright() as playwright:
        yield playwright.chromium


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: BrowserType, chromium_path: str) -> AsyncIterator[Browser]:
    browser = await chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
    yield browser
    await browser.close()


OpenPage = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """Open a page in a context of its own; a script error on any of them fails the test."""
    problems: list[str] = []

    async def open_one(url: str, screen: str = "phone", **context_options: Any) -> Page:
        context = await browser.new_context(**SCREENS[screen], **context_options)
        context.on("weberror", lambda error: problems.append(str(error.error)))
        page = await context.new_page()
        await page.goto(url)
        return page

    yield open_one
    for context in browser.contexts:
        await context.close()
    assert problems == []


async def ask(page: Page, text: str) -> None:
    """Type a question and press the send button."""
    await page.fill("#say", text)
    await page.click("#send")


async def keep_picture(page: Page, name: str) -> None:
    """A screenshot for the eye, under ``test-results``."""
    RESULTS.mkdir(exist_ok=True)
    await page.wait_for_timeout(500)  # until scrolling has come to rest
    await page.screenshot(path=RESULTS / f"{name}.png")
