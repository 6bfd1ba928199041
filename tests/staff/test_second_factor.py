"""The second factor: who must have one, setting it up, codes that work once, recovery codes, guessing, resetting."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import AsyncIterator

import pyotp
import pytest

from db.models import StaffRole
from staff.accounts import NewLink, reset_account
from staff.codes import present_code
from staff.second_factor import RECOVERY_CODES, REQUIRED, matching_step, missing_step, step_of
from staff.sessions import ACCOUNT_FREE
from staff.signing import Signer
from tests.conftest import MakeSettings
from tests.harness import Running, running_service
from tests.staff.driver import PASSWORD, Browser, invite, sql, text_of, token_of

CODE, ENROL, ACCOUNT = "/staff/xac-nhan", "/staff/hai-lop", "/staff/tai-khoan"
HOMES = {role: "/staff/yeu-cau" if role in {"officer", "manager"} else "/staff/" for role in StaffRole}


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(), understander) as service:
        yield service


def recovery_codes(page) -> list[str]:
    return re.findall(r"<li><code>([0-9a-z-]{14})</code></li>", page.text)


async def give(browser: Browser, code: str, **fields: str):
    page = await browser.get(CODE)
    return await browser.client.post(CODE, data={"token": token_of(page), "code": code, **fields})


@pytest.mark.parametrize("role", list(StaffRole))
async def test_who_must_set_it_up_sees_nothing_before(running: Running, role: StaffRole) -> None:
    async with Browser(running) as lan:
        response = await lan.use_link(await invite(running.database, role=role))
        home = HOMES[role]
        assert response.headers["location"] == (ENROL if role in REQUIRED else home)
        if role not in REQUIRED:
            assert (await lan.get("/staff/")).status_code == 200
            return
        for path in ("/staff/", "/staff/yeu-cau", ACCOUNT, "/staff/cau-hoi.csv"):
            away = await lan.get(path)
            assert (away.status_code, away.headers["location"]) == (303, ENROL), path
        token = token_of(await lan.get(ENROL))
        form = {"token": token, "password": PASSWORD, "current": PASSWORD, "again": PASSWORD}
        assert (await lan.client.post(f"{ACCOUNT}/mat-khau", data=form)).headers["location"] == ENROL
        before = lan.client.cookies["khcn_staff"]
        page = await lan.enrol()
        assert len(recovery_codes(page)) == len(set(recovery_codes(page))) == RECOVERY_CODES
        assert f'class="button" href="{home}"' in page.text
        assert lan.client.cookies["khcn_staff"] != before  # more rights, another token
        assert (await lan.get("/staff/")).status_code == 200
        async with Browser(running) as thief:
            thief.client.cookies.set("khcn_staff", before)
            assert (await thief.get("/staff/")).headers["location"].startswith("/staff/dang-nhap")


async def test_a_role_that_must_have_it_is_asked_at_the_next_click(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        await sql(running.database, "UPDATE staff_members SET role = 'manager'")
        assert (await lan.get("/staff/")).headers["location"] == ENROL


async def test_signing_in_takes_password_and_code(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        response = await lan.sign_in(back="/staff/yeu-cau?muc=tat-ca")
        assert response.headers["location"] == f"{CODE}?tiep=%2Fstaff%2Fyeu-cau%3Fmuc%3Dtat-ca"
        assert (await lan.get("/staff/yeu-cau")).headers["location"].startswith(CODE)
        assert (await lan.get(ENROL)).headers["location"] == ACCOUNT  # no second one beside it
        half = lan.client.cookies["khcn_staff"]
        for wrong in ("", "000000", "abcdef", "١٢٣٤٥٦", "1" * 30):
            refused = await give(lan, wrong)
            assert refused.status_code in {403, 429}, wrong
        await sql(running.database, "DELETE FROM sign_in_throttles")
        code = await lan.fresh_code()
        response = await give(lan, f"{code[:3]} {code[3:]}", tiep="/staff/yeu-cau?muc=tat-ca")
        assert (response.status_code, response.headers["location"]) == (303, "/staff/yeu-cau?muc=tat-ca")
        assert lan.client.cookies["khcn_staff"] != half
        assert (await lan.get("/staff/yeu-cau")).status_code == 200


@pytest.mark.parametrize("role", list(StaffRole))
async def test_whoever_works_on_requests_begins_at_the_queue(running: Running, role: StaffRole) -> None:
    """Unless another page was wanted: that one is kept, for every role."""
    async with Browser(running) as lan:
        await lan.join(role=role)
        for wanted, reached in (("/staff/", HOMES[role]), ("/staff/?tim=tem", "/staff/?tim=tem"), ("//x", HOMES[role])):
            response = await lan.sign_in(back=wanted)
            if role in REQUIRED:
                assert response.headers["location"].startswith(CODE)
                response = await give(lan, await lan.fresh_code(), tiep=wanted)
            assert (response.status_code, response.headers["location"]) == (303, reached)
            if role in REQUIRED:  # the form for the code, come back to afterwards
                assert (await lan.get(CODE)).headers["location"] == HOMES[role]
        page = await lan.get("/staff/")  # the overview stays where it is
        assert "Kênh và câu hỏi" in text_of(page)
        assert f'class="brand" href="{HOMES[role]}"' in page.text


async def test_a_code_works_once(running: Running) -> None:
    async with Browser(running) as lan, Browser(running) as thief:
        await lan.join()
        await lan.sign_in()
        code = await lan.fresh_code()
        assert (await give(lan, code)).status_code == 303
        await thief.sign_in()
        refused = await give(thief, code)
        assert refused.status_code == 403
        assert "đã dùng rồi" in text_of(refused)
        assert (await thief.get("/staff/")).headers["location"].startswith(CODE)


async def test_two_at_once_with_one_code_get_one_session(running: Running) -> None:
    async with Browser(running) as lan, Browser(running) as other:
        await lan.join()
        code = await lan.fresh_code()
        await lan.sign_in()
        await other.sign_in()
        answers = await asyncio.gather(give(lan, code), give(other, code))
        assert sorted(answer.status_code for answer in answers) == [303, 403]


async def test_codes_are_not_guessed_even_with_the_right_password(running: Running) -> None:
    """A right password in between gives no new guesses; the present code has to wait too."""
    async with Browser(running) as lan, Browser(running) as thief:
        await lan.join()
        for number in range(ACCOUNT_FREE):
            assert (await thief.sign_in()).status_code == 303
            assert (await give(thief, f"00000{number}")).status_code == 403
        assert (await thief.sign_in()).status_code == 303
        blocked = await give(thief, await lan.fresh_code())
        assert blocked.status_code == 429
        assert "thử lại sau" in text_of(blocked)
        assert (await lan.get("/staff/")).status_code == 200  # who is in stays in


async def test_a_recovery_code_works_once(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.use_link(await invite(running.database))
        codes = recovery_codes(await lan.enrol())
        kept = [row[0] for row in await sql(running.database, "SELECT code_hash FROM staff_recovery_codes")]
        assert len(kept) == RECOVERY_CODES
        assert not set(kept) & set(codes)
        await lan.sign_in()
        assert (await give(lan, codes[0].upper().replace("-", " "))).status_code == 303
        assert "Còn 9 mã dự phòng" in text_of(await lan.get(ACCOUNT))
        await lan.sign_in()
        assert (await give(lan, codes[0])).status_code == 403
        assert (await give(lan, codes[1])).status_code == 303
        actions = [row[0] for row in await sql(running.database, "SELECT action FROM audit_events")]
        assert actions.count("staff.recovery_code_used") == 2


async def test_another_members_recovery_code_is_none(running: Running) -> None:
    async with Browser(running) as lan, Browser(running) as minh:
        await lan.use_link(await invite(running.database))
        codes = recovery_codes(await lan.enrol())
        await minh.join(login="minh")
        await minh.sign_in(login="minh")
        assert (await give(minh, codes[0])).status_code == 403


async def test_new_recovery_codes_end_the_old_ones(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.use_link(await invite(running.database))
        old = recovery_codes(await lan.enrol())
        token = token_of(await lan.get(ACCOUNT))
        refused = await lan.client.post(f"{ACCOUNT}/ma-du-phong", data={"token": token, "code": old[0]})
        assert refused.status_code == 403  # only the phone makes new ones
        form = {"token": token, "code": await lan.fresh_code()}
        new = recovery_codes(await lan.client.post(f"{ACCOUNT}/ma-du-phong", data=form))
        assert len(new) == RECOVERY_CODES
        assert not set(new) & set(old)
        await lan.sign_in()
        assert (await give(lan, old[1])).status_code == 403
        assert (await give(lan, new[1])).status_code == 303


async def test_another_phone(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        old = lan.secret
        form = {"token": token_of(await lan.get(ACCOUNT)), "code": await lan.fresh_code()}
        response = await lan.client.post(f"{ACCOUNT}/doi-may", data=form)
        assert response.headers["location"] == ENROL
        assert (await lan.get("/staff/")).headers["location"] == ENROL
        await lan.enrol()
        assert lan.secret != old
        assert (await lan.get("/staff/")).status_code == 200


async def test_an_officer_may_have_it_too_and_other_browsers_are_asked(running: Running) -> None:
    async with Browser(running) as lan, Browser(running) as other:
        await lan.join(role=StaffRole.OFFICER)
        await other.sign_in()
        assert (await other.get("/staff/")).status_code == 200
        assert "Chưa bật" in text_of(await lan.get(ACCOUNT))
        await lan.enrol()
        assert "Đang bật" in text_of(await lan.get(ACCOUNT))
        assert (await other.get("/staff/")).headers["location"].startswith(CODE)


async def test_the_secret_is_sealed_and_shown_once(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        row = (await sql(running.database, "SELECT sealed_secret FROM staff_second_factors"))[0]
        assert lan.secret
        assert lan.secret not in row.sealed_secret
        assert Signer("k" * 40).open("second factor", row.sealed_secret) == lan.secret
        assert Signer("x" * 40).open("second factor", row.sealed_secret) is None
        for path in (ACCOUNT, "/staff/"):
            assert lan.secret not in (await lan.get(path)).text


async def test_looking_at_the_picture_changes_nothing(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.use_link(await invite(running.database))
        pages = [await lan.get(ENROL) for _ in range(2)]
        secrets = {re.search(r"secret=([A-Z2-7]{32})", page.text)[1] for page in pages}  # type: ignore[index]
        assert len(secrets) == 1
        assert "<svg" in pages[0].text
        form = {"token": token_of(pages[0]), "code": "000000"}
        refused = await lan.client.post(ENROL, data=form)
        assert refused.status_code == 403
        assert await sql(running.database, "SELECT 1 FROM staff_second_factors") == []


async def test_a_half_open_session_ends_soon(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        await lan.sign_in()
        soon = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=16)
        rows = await sql(running.database, "SELECT expires_at FROM staff_sessions WHERE expires_at < :soon", soon=soon)
        assert len(rows) == 1


async def test_reset_takes_it_away(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        link, now = NewLink.make(), dt.datetime.now(dt.UTC)
        path = await running.database.write(
            lambda c: reset_account(c, department_id=1, login="lan", link=link, now=now)
        )
        assert await sql(running.database, "SELECT 1 FROM staff_second_factors") == []
        assert await sql(running.database, "SELECT 1 FROM staff_recovery_codes") == []
        response = await lan.use_link(path, "mật khẩu hoàn toàn mới")
        assert response.headers["location"] == ENROL


async def test_the_command_line_knows_the_code(running: Running) -> None:
    """Before and after it is set up: `make run` must let in who has no phone at hand."""
    signer = Signer("k" * 40)

    async def shown() -> str:
        now = dt.datetime.now(dt.UTC)
        line = await running.database.write(lambda c: present_code(c, signer, department_id=1, login="lan", now=now))
        match = re.search(r"\d{6}", line)
        assert match
        return match[0]

    async with Browser(running) as lan:
        await lan.use_link(await invite(running.database))
        form = {"token": token_of(await lan.get(ENROL)), "code": await shown()}
        assert recovery_codes(await lan.client.post(ENROL, data=form))
        await lan.sign_in()
        await sql(running.database, "UPDATE staff_second_factors SET last_step = 0")
        assert (await give(lan, await shown())).status_code == 303


def test_codes_of_neighbouring_half_minutes_are_taken() -> None:
    secret, now = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", dt.datetime(2026, 11, 22, 3, 0, 15, tzinfo=dt.UTC)
    totp = pyotp.TOTP(secret)
    for offset, good in ((-60, False), (-30, True), (0, True), (30, True), (60, False)):
        step = matching_step(secret, totp.at(now + dt.timedelta(seconds=offset)), now=now)
        assert step == (step_of(now) + offset // 30 if good else None)
    rfc = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238, appendix B, the last six digits for SHA-1
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (2000000000, "279037")):
        assert matching_step(rfc, code, now=dt.datetime.fromtimestamp(seconds, dt.UTC)) == seconds // 30


@pytest.mark.parametrize("role", list(StaffRole))
def test_what_a_session_lacks(role: StaffRole) -> None:
    assert missing_step(role, has_factor=True, is_verified=True) is None
    assert missing_step(role, has_factor=True, is_verified=False) == "code"
    assert missing_step(role, has_factor=False, is_verified=False) == ("enrol" if role in REQUIRED else None)
