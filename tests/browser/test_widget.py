"""The chat on another site: one script tag, only where it is allowed, whatever storage the browser grants."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, BrowserType, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.browser.conftest import ARGUMENTS, PHONE, OpenPage, keep_picture
from tests.conftest import MakeSettings
from tests.harness import running_service

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
QUESTION = "đăng ký nhãn hiệu cần giấy tờ gì"
NO_STORAGE = """
if (window !== window.top) for (const kind of ["localStorage", "sessionStorage"])
  Object.defineProperty(window, kind, { get() { throw new DOMException("denied", "SecurityError"); } });
"""


@contextlib.asynccontextmanager
async def another_site(listener: socket.socket) -> AsyncIterator[list[str]]:
    """A site with a strict policy of its own; the list takes the address of the chat it embeds."""
    chat: list[str] = []

    async def page(request: Request) -> Response:
        del request
        policy = f"default-src 'none'; script-src {chat[0]}; frame-src {chat[0]}"
        tag = f'<script src="{chat[0]}/widget.js" async></script>'
        html = f'<!doctype html><html lang="vi"><title>Huyện</title><h1>Trang của huyện</h1>{tag}'
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})

    server = uvicorn.Server(uvicorn.Config(Starlette(routes=[Route("/", page)]), log_config=None, lifespan="off"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn tells by an attribute
        await asyncio.sleep(0.01)
    try:
        yield chat
    finally:
        server.should_exit = True
        await task


@pytest.fixture
def listener() -> socket.socket:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


async def ask_in_frame(page: Page) -> None:
    await page.get_by_role("button", name="Hỏi Sở KH&CN").click()
    frame = page.frame_locator("iframe")
    await expect(frame.locator(".tiles")).to_be_visible()
    await frame.locator("#say").fill(QUESTION)
    await frame.locator("#send").click()
    await expect(frame.locator(".note")).to_contain_text("Nguồn:")


async def test_an_allowed_site_embeds_the_chat(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage, listener: socket.socket
) -> None:
    site = f"http://localhost:{listener.getsockname()[1]}"
    async with (
        running_service(sqlite_settings(widget_origins=(site,)), understander) as running,
        another_site(listener) as chat,
    ):
        chat.append(running.url)
        page = await open_page(site, "desktop")
        await ask_in_frame(page)
        await keep_picture(page, "widget-desktop")
        launcher = page.get_by_role("button", name="Hỏi Sở KH&CN")
        await expect(launcher).to_have_attribute("aria-expanded", "true")
        await page.frame_locator("iframe").locator("#say").press("Escape")
        await expect(page.locator("iframe")).to_be_hidden()
        await expect(launcher).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.frame_locator("iframe").locator(".note")).to_be_visible()
        await page.get_by_role("button", name="Đóng khung trò chuyện").click()
        await expect(page.locator("iframe")).to_be_hidden()


async def test_on_a_phone_it_fills_the_screen(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage, listener: socket.socket
) -> None:
    site = f"http://localhost:{listener.getsockname()[1]}"
    async with (
        running_service(sqlite_settings(widget_origins=(site,)), understander) as running,
        another_site(listener) as chat,
    ):
        chat.append(running.url)
        page = await open_page(site, "desktop")
        await page.set_viewport_size({"width": 360, "height": 740})
        await ask_in_frame(page)
        await keep_picture(page, "widget-phone")
        box = await page.locator("iframe").bounding_box()
        assert box is not None
        assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 360, 740)
        close = page.get_by_role("button", name="Đóng khung trò chuyện")
        await expect(close).to_be_in_viewport()
        await close.click()
        await expect(page.locator("iframe")).to_be_hidden()


async def test_another_site_is_refused(
    sqlite_settings: MakeSettings, understander, open_page: OpenPage, listener: socket.socket
) -> None:
    port = listener.getsockname()[1]
    async with (
        running_service(sqlite_settings(widget_origins=("https://so.example.vn",)), understander) as running,
        another_site(listener) as chat,
    ):
        chat.append(running.url)
        page = await open_page(f"http://localhost:{port}", "desktop")
        await page.get_by_role("button", name="Hỏi Sở KH&CN").click()
        await expect(page.get_by_role("link", name="Mở trang trò chuyện")).to_be_visible()
        assert await page.frame_locator("iframe").locator("#say").count() == 0


async def _with_blocked_cookies(chromium: BrowserType, path: str, folder: Path) -> BrowserContext:
    """Chromium as set by a person who blocks third-party cookies."""
    (folder / "Default").mkdir(parents=True)
    preferences = {"profile": {"block_third_party_cookies": True, "cookie_controls_mode": 1}}
    (folder / "Default" / "Preferences").write_text(json.dumps(preferences))
    return await chromium.launch_persistent_context(folder, executable_path=path, args=ARGUMENTS)


@pytest.mark.parametrize("blocked", ["third-party cookies", "all storage of the frame"])
async def test_it_works_without_storage(
    sqlite_settings: MakeSettings, understander, chromium: BrowserType, browser: Browser, chromium_path: str,
    listener: socket.socket, tmp_path: Path, blocked: str,
) -> None:  # fmt: skip
    site = f"http://localhost:{listener.getsockname()[1]}"
    async with (
        running_service(sqlite_settings(widget_origins=(site,)), understander) as running,
        another_site(listener) as chat,
    ):
        chat.append(running.url)
        if blocked == "third-party cookies":
            context = await _with_blocked_cookies(chromium, chromium_path, tmp_path / "profile")
        else:
            context = await browser.new_context(**PHONE)
            await context.add_init_script(NO_STORAGE)
        page = await context.new_page()
        await page.goto(site)
        await ask_in_frame(page)
        await context.close()
