"""Getting into the console in a browser as its people do: link, password, and the second factor if it is asked for."""

from __future__ import annotations

import re

import pyotp
from playwright.async_api import Page, expect

from tests.staff.driver import PASSWORD


async def set_password(page: Page, password: str = PASSWORD) -> None:
    """Fill in the form of a one-time link."""
    await page.get_by_label("Mật khẩu mới").fill(password)
    await page.get_by_label("Nhập lại mật khẩu").fill(password)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Đặt mật khẩu")).to_have_count(0)


async def set_second_factor(page: Page) -> str:
    """Type the code of the app on the page that asks for it, and go on; returns the app's secret."""
    await expect(page.get_by_role("heading", name="Bảo vệ hai lớp")).to_be_visible()
    secret = re.sub(r"\s", "", await page.locator("figcaption code").inner_text())
    await page.get_by_label("6 số đang hiện").fill(pyotp.TOTP(secret).now())
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Giữ lại mã dự phòng")).to_be_visible()
    return secret


async def enter_as_manager(page: Page) -> str:
    """From the one-time link of an administrator or a manager into the console; returns the app's secret."""
    await set_password(page)
    secret = await set_second_factor(page)
    await page.get_by_role("link", name="Đã giữ rồi").click()
    return secret
