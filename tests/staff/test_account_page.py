"""One's own account: changing the password, where one is signed in, signing out everywhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from db.models import StaffRole
from staff.account_page import browser_name
from staff.sessions import ACCOUNT_FREE
from tests.conftest import MakeSettings
from tests.harness import Running, running_service
from tests.staff.driver import PASSWORD, Browser, text_of

ACCOUNT = "/staff/tai-khoan"
NEW = "một câu khác hẳn câu cũ"


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(), understander) as service:
        yield service


async def change(browser: Browser, **fields: str):
    given = {"current": PASSWORD, "password": NEW, "again": NEW, **fields}
    return await browser.post(f"{ACCOUNT}/mat-khau", form_on=ACCOUNT, **given)


async def test_another_password_signs_the_others_out(running: Running) -> None:
    async with Browser(running) as lan, Browser(running) as other:
        await lan.join()
        await other.sign_in()
        before = lan.client.cookies["khcn_staff"]
        response = await change(lan)
        assert response.status_code == 303
        assert lan.client.cookies["khcn_staff"] != before
        page = await lan.get(response.headers["location"])
        assert "Đã đổi mật khẩu" in text_of(page)
        assert (await other.get("/staff/")).headers["location"].startswith("/staff/dang-nhap")
        assert (await other.sign_in()).status_code == 403
        assert (await other.sign_in(password=NEW)).status_code == 303


async def test_only_who_knows_the_password_changes_it(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        for fields, status, said in (
            ({"current": "không phải đâu nhé"}, 403, "đang dùng chưa đúng"),
            ({"password": "ngắn", "again": "ngắn"}, 400, "ít nhất 10 ký tự"),
            ({"again": "gõ nhầm mất rồi"}, 400, "chưa giống nhau"),
        ):
            response = await change(lan, **fields)
            assert response.status_code == status
            assert said in text_of(response)
        for _ in range(ACCOUNT_FREE + 1):  # no guess at the password
            assert (await change(lan, password="ngắn", again="ngắn")).status_code == 400
        for _ in range(ACCOUNT_FREE):
            await change(lan, current="đoán thử xem sao")
        assert (await change(lan)).status_code == 429
        async with Browser(running) as other:
            assert (await other.sign_in(password=NEW)).status_code in {403, 429}


async def test_where_one_is_signed_in_and_out_again(running: Running) -> None:
    async with Browser(running) as lan, Browser(running) as phone, Browser(running) as minh:
        await lan.join(role=StaffRole.OFFICER)
        await minh.join(login="minh", role=StaffRole.OFFICER)
        phone.client.headers["user-agent"] = "Mozilla/5.0 (Linux; Android 14) AppleWebKit Chrome/130 Mobile Safari"
        await phone.sign_in()
        page = await lan.get(ACCOUNT)
        assert "Chrome, Android" in text_of(page)
        assert page.text.count("máy này") == 1
        await lan.post(f"{ACCOUNT}/thoat-noi-khac", form_on=ACCOUNT)
        assert (await phone.get("/staff/")).status_code == 303
        assert (await lan.get("/staff/")).status_code == 200
        assert (await minh.get("/staff/")).status_code == 200
        assert "Chrome, Android" not in text_of(await lan.get(ACCOUNT))


def test_browsers_by_name() -> None:
    windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"
    assert browser_name(windows) == "Chrome, Windows"
    assert browser_name(windows + " Edg/130.0") == "Edge, Windows"
    assert (
        browser_name("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1")
        == "Safari, iPhone"
    )
    for odd in (None, "", "<script>", "curl/8"):
        assert browser_name(odd) == "Trình duyệt không rõ"
