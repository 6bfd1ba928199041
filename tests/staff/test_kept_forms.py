"""A session that ends while somebody types: what was typed survives the sign-in, for its owner only."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator
from html import unescape

import pytest

from db.models import StaffRole
from staff.kept import Kept, open_kept
from staff.signing import Signer
from tests.conftest import MakeSettings
from tests.harness import Running, running_service
from tests.staff.casework import file_request, messages, request_row
from tests.staff.driver import PASSWORD, Browser, invite, sql, text_of, token_of

QUEUE = "/staff/yeu-cau"
TYPED = 'Chào chị,\nhồ sơ gồm "hai" bản & <b>một</b> ảnh'


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(), understander) as service:
        yield service


def hidden(page, name: str) -> str:
    match = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert match, page.text
    return unescape(match[1])


async def lose_session(running: Running, browser: Browser, code: str, statement: str, **values):
    """Type a reply, lose the session, send."""
    page = await browser.get(f"{QUEUE}/{code}")
    await sql(running.database, statement, **values)
    fields = {"token": token_of(page), "version": "1", "text": TYPED}
    return await browser.client.post(f"{QUEUE}/{code}/tra-loi", data=fields)


async def sign_in_on(page, browser: Browser, *, login: str = "lan"):
    """Fill in the sign-in form that keeps what was typed."""
    fields = {"token": token_of(page), "login": login, "password": PASSWORD, "giu": hidden(page, "giu")}
    return await browser.client.post("/staff/dang-nhap", data=fields)


EXPIRE = "UPDATE staff_sessions SET expires_at = :at"


def past() -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)


@pytest.mark.parametrize("statement", [EXPIRE, "DELETE FROM staff_sessions"])
async def test_what_was_typed_waits_for_the_sign_in(running: Running, statement: str) -> None:
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        code = await file_request(running.database)
        before = len(await messages(running.database, code))
        values = {"at": past()} if ":at" in statement else {}
        page = await lose_session(running, lan, code, statement, **values)
        assert page.status_code == 403
        assert "chữ vừa gõ vẫn còn" in text_of(page)
        assert "hồ sơ gồm" not in text_of(page)  # nobody who comes by reads it
        fields = {"token": token_of(page), "login": "lan", "tiep": "/staff/", "giu": hidden(page, "giu")}
        wrong = await lan.client.post("/staff/dang-nhap", data={**fields, "password": "không phải đâu nhé"})
        assert hidden(wrong, "giu")  # a slip does not lose it either
        shown = await lan.client.post("/staff/dang-nhap", data={**fields, "password": PASSWORD})
        assert shown.status_code == 200
        match = re.search(r'<textarea[^>]* name="text"[^>]*>([^<]*)</textarea>', shown.text)
        assert match
        assert unescape(match[1]) == TYPED
        assert len(await messages(running.database, code)) == before  # nothing is sent unseen
        again = {"token": token_of(shown), "version": hidden(shown, "version"), "text": TYPED}
        sent = await lan.client.post(f"{QUEUE}/{code}/tra-loi", data=again)
        assert sent.status_code == 303
        assert (await messages(running.database, code))[-1].text == TYPED


async def test_it_waits_through_the_second_factor_too(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        code = await file_request(running.database)
        page = await lose_session(running, lan, code, EXPIRE, at=past())
        step = await sign_in_on(page, lan)
        assert step.status_code == 200
        assert "Nhập mã xác nhận" in text_of(step)
        wrong = await lan.client.post(
            "/staff/xac-nhan", data={"token": token_of(step), "code": "000000", "giu": hidden(step, "giu")}
        )
        assert wrong.status_code == 403
        form = {"token": token_of(wrong), "code": await lan.fresh_code(), "giu": hidden(wrong, "giu")}
        shown = await lan.client.post("/staff/xac-nhan", data=form)
        assert shown.status_code == 200
        assert unescape(shown.text).count(TYPED) == 1


async def test_another_member_on_the_same_browser_does_not_get_it(running: Running) -> None:
    async with Browser(running) as lan, Browser(running) as minh:
        await minh.join(login="minh", role=StaffRole.OFFICER)
        await lan.join(role=StaffRole.OFFICER)
        code = await file_request(running.database)
        page = await lose_session(running, lan, code, EXPIRE, at=past())
        response = await sign_in_on(page, lan, login="minh")
        assert (response.status_code, response.headers["location"]) == (303, "/staff/yeu-cau")


async def test_a_form_that_is_not_ours_is_not_kept(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        code = await file_request(running.database)
        await sql(running.database, EXPIRE, at=past())
        for fields in ({"text": TYPED}, {"text": TYPED, "token": "0" * 64}):
            response = await lan.client.post(f"{QUEUE}/{code}/tra-loi", data=fields)
            assert (response.status_code, response.headers["location"]) == (303, "/staff/dang-nhap")


async def test_a_page_from_before_a_new_sign_in_shows_what_was_typed(running: Running) -> None:
    """Signed in anew in another tab: the old tab's form is refused, but what was typed stands there to be sent."""
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        code = await file_request(running.database)
        page = await lan.get(f"{QUEUE}/{code}")
        await lan.sign_in()
        fields = {"token": token_of(page), "version": "1", "text": TYPED}
        plain = await lan.client.post(f"{QUEUE}/{code}/tra-loi", data=fields)
        assert plain.status_code == 403
        assert TYPED not in unescape(plain.text)  # nobody vouches for where this form stood
        headers = {"sec-fetch-site": "same-origin"}
        shown = await lan.client.post(f"{QUEUE}/{code}/tra-loi", data=fields, headers=headers)
        assert shown.status_code == 403
        assert TYPED in unescape(shown.text)
        assert (await request_row(running.database, code)).version == 1
        again = {"token": token_of(shown), "version": hidden(shown, "version"), "text": TYPED}
        assert (await lan.client.post(f"{QUEUE}/{code}/tra-loi", data=again)).status_code == 303


async def test_passwords_are_never_kept(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.use_link(await invite(running.database, role=StaffRole.OFFICER))
        page = await lan.get("/staff/tai-khoan")
        await sql(running.database, EXPIRE, at=past())
        assert hidden(page, "username") == "lan"
        fields = {"token": token_of(page), "current": PASSWORD, "password": "mật khẩu mới đây", "again": "x"}
        response = await lan.client.post("/staff/tai-khoan/mat-khau", data={**fields, "username": "lan"})
        assert response.status_code == 303


async def test_pasted_tokens_are_never_kept(make_settings: MakeSettings, understander) -> None:
    zalo = {"zalo_app_id": "1", "zalo_app_secret": "s" * 16, "zalo_oa_id": "2", "zalo_oa_secret": "o" * 16}
    async with running_service(make_settings(**zalo), understander) as running, Browser(running) as lan:
        await lan.join()
        page = await lan.get("/staff/kenh")
        assert 'name="refresh_token"' in page.text
        fields = {"token": token_of(page), "access_token": "a" * 40, "refresh_token": "r" * 40}
        await lan.client.post("/staff/dang-xuat", data={"token": token_of(page)})
        await lan.sign_in()
        await sql(running.database, "UPDATE staff_sessions SET is_verified = :yes", yes=True)
        old = await lan.client.post("/staff/kenh/zalo/ma", data=fields, headers={"sec-fetch-site": "same-origin"})
        assert old.status_code == 403
        assert "r" * 40 not in old.text
        assert "a" * 40 not in old.text
        fields["token"] = token_of(await lan.get("/staff/kenh"))
        await sql(running.database, EXPIRE, at=past())
        ended = await lan.client.post("/staff/kenh/zalo/ma", data=fields)
        assert (ended.status_code, ended.headers["location"]) == (303, "/staff/dang-nhap")


async def test_it_waits_while_the_session_of_the_code_form_ends_too(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        code = await file_request(running.database)
        page = await lose_session(running, lan, code, EXPIRE, at=past())
        step = await sign_in_on(page, lan)
        waiting = {"token": token_of(step), "tiep": hidden(step, "tiep"), "giu": hidden(step, "giu")}
        await sql(running.database, EXPIRE, at=past())
        again = await lan.client.post("/staff/xac-nhan", data={**waiting, "code": "000000"})
        assert again.status_code == 403
        empty = await lan.client.post("/staff/xac-nhan", data={**waiting, "giu": "", "code": "000000"})
        assert (empty.status_code, empty.headers["location"]) == (303, "/staff/dang-nhap")
        step = await sign_in_on(again, lan)
        form = {"token": token_of(step), "code": await lan.fresh_code(), "giu": hidden(step, "giu")}
        shown = await lan.client.post("/staff/xac-nhan", data=form)
        assert unescape(shown.text).count(TYPED) == 1


def test_sealed_forms() -> None:
    signer = Signer("k" * 40)
    kept = Kept("/staff/x", {"text": "chữ", "version": "3"}, 7)
    assert open_kept(signer, kept.seal(signer)) == kept
    assert "chữ" not in kept.seal(signer)
    for sealed in ("", "x", kept.seal(Signer("y" * 40)), kept.seal(signer)[:-2] + "AA", signer.seal("other", "[]")):
        assert open_kept(signer, sealed) is None, sealed
    assert Kept.of("/x", {"token": "a", "version": "3", "password": "p", "tiep": "/staff/"}, None) is None
