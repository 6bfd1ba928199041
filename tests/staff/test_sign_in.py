"""Getting in: links that work once, passwords, lock-out, cookies, and sessions that end."""

from __future__ import annotations

import asyncio
import datetime as dt
import time

import pytest

from db.engine import Database
from db.models import StaffRole
from db.queries.staff import Throttle
from staff.accounts import AccountError, NewLink, add_account, offer_first_link, parse_link, reset_account
from staff.passwords import find_fault
from staff.sessions import ACCOUNT_FREE, ADDRESS_FREE
from staff.signing import Signer
from tests.conftest import MakeSettings
from tests.harness import running_service
from tests.staff.driver import PASSWORD, Browser, invite, sql, text_of, token_of


async def test_a_link_sets_the_password_once(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running, Browser(running) as lan:
        path = await invite(running.database, role=StaffRole.OFFICER)
        for _ in range(3):  # a messenger that previews the link uses nothing up
            assert "Tên đăng nhập của anh/chị là lan" in text_of(await lan.get(path))
        response = await lan.use_link(path)
        assert (response.status_code, response.headers["location"]) == (303, "/staff/yeu-cau")
        assert "Cán bộ lan" in text_of(await lan.get("/staff/"))
        async with Browser(running) as other:
            used = await other.get(path)
            assert used.status_code == 404
            assert "đã được dùng" in text_of(used)
        rows = await sql(running.database, "SELECT password_hash, link_hash FROM staff_members WHERE login = 'lan'")
        assert rows[0].password_hash.startswith("$argon2id$")
        assert rows[0].link_hash is None


async def test_a_link_used_by_two_at_once_works_for_one(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running:
        path = await invite(running.database, role=StaffRole.OFFICER)
        async with Browser(running) as one, Browser(running) as two:
            answers = await asyncio.gather(one.use_link(path), two.use_link(path, "một câu khác hẳn"))
        assert sorted(answer.status_code for answer in answers) == [303, 404]
        assert len(await sql(running.database, "SELECT 1 FROM staff_sessions")) == 1


async def test_a_link_ends_after_a_day(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running, Browser(running) as lan:
        path = await invite(running.database, role=StaffRole.OFFICER)
        page = await lan.get(path)
        await sql(running.database, "UPDATE staff_members SET link_expires_at = :at", at=_ago(seconds=1))
        assert (await lan.get(path)).status_code == 404
        data = {"token": token_of(page), "password": PASSWORD, "again": PASSWORD}
        assert (await lan.client.post(path, data=data)).status_code == 404
        assert (await sql(running.database, "SELECT password_hash FROM staff_members"))[0][0] is None


def _ago(**span: float) -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(**span)


@pytest.mark.parametrize(
    "tail", ["", "1", "1.", "1.zz", f"1.{'0' * 64}", f"99999999999.{'0' * 64}", f"7.{'a' * 64}", "../dang-nhap"]
)
async def test_a_wrong_link_says_nothing(sqlite_settings: MakeSettings, understander, tail: str) -> None:
    async with running_service(sqlite_settings(), understander) as running, Browser(running) as lan:
        await invite(running.database, role=StaffRole.OFFICER)
        response = await lan.get(f"/staff/lien-ket/{tail}")
        assert response.status_code in {404, 307} or "Đăng nhập" in response.text
        assert "lan" not in text_of(response).split()


async def test_a_poor_password_is_explained_and_the_link_stays(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running, Browser(running) as lan:
        path = await invite(running.database, role=StaffRole.OFFICER)
        response = await lan.post(path, password="ngắn", again="ngắn")
        assert response.status_code == 400
        assert "ít nhất 10 ký tự" in text_of(response)
        response = await lan.post(path, password=PASSWORD, again=PASSWORD + "x")
        assert "chưa giống nhau" in text_of(response)
        assert (await lan.use_link(path)).status_code == 303


@pytest.mark.parametrize(
    ("password", "login", "good"),
    [
        ("mười ký tự", "lan", True),
        ("chín kýtự", "lan", False),
        ("a" * 200 + "bcdef", "lan", False),
        ("1111111111111", "lan", False),
        ("toi la QUAN-TRI day", "quan-tri", False),
    ],
)
def test_passwords(password: str, login: str, good: bool) -> None:
    assert (find_fault(password, again=password, login=login) is None) is good


async def test_the_same_letters_from_another_keyboard_are_the_same_password(
    sqlite_settings: MakeSettings, understander
) -> None:
    import unicodedata

    async with running_service(sqlite_settings(), understander) as running, Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        async with Browser(running) as other:
            response = await other.sign_in(password=unicodedata.normalize("NFD", PASSWORD))
            assert response.status_code == 303


async def test_sign_in_and_out(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running, Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        await lan.post("/staff/dang-xuat", form_on="/staff/")
        away = await lan.get("/staff/", tim="tem QR")
        assert (away.status_code, away.headers["location"]) == (
            303,
            "/staff/dang-nhap?tiep=%2Fstaff%2F%3Ftim%3Dtem%2BQR",
        )
        form = await lan.get(away.headers["location"])
        data = {"token": token_of(form), "login": " LAN ", "password": PASSWORD, "tiep": "/staff/?tim=tem+QR"}
        response = await lan.client.post("/staff/dang-nhap", data=data)
        assert (response.status_code, response.headers["location"]) == (303, "/staff/?tim=tem+QR")
        assert (await lan.get("/staff/")).status_code == 200
        actions = [row[0] for row in await sql(running.database, "SELECT action FROM audit_events ORDER BY id")]
        assert actions == ["staff.added", "staff.password_set", "staff.signed_in", "staff.signed_in"]


async def test_a_session_gets_a_new_token_at_each_sign_in(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running, Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        first = lan.client.cookies["khcn_staff"]
        assert (await lan.sign_in()).status_code == 303
        assert lan.client.cookies["khcn_staff"] != first
        async with Browser(running) as thief:
            thief.client.cookies.set("khcn_staff", first)
            assert (await thief.get("/staff/")).status_code == 303
        kept = await sql(running.database, "SELECT token_hash FROM staff_sessions")
        assert len(kept) == 1
        assert kept[0][0] not in {first, lan.client.cookies["khcn_staff"]}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE staff_sessions SET expires_at = :at",
        "UPDATE staff_sessions SET last_seen_at = :two_hours",
        "UPDATE staff_members SET is_active = :no",
        "DELETE FROM staff_sessions",
    ],
)
async def test_sessions_end(make_settings: MakeSettings, understander, statement: str) -> None:
    async with running_service(make_settings(), understander) as running, Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        given = {"at": _ago(seconds=1), "two_hours": _ago(hours=2, seconds=5), "no": False}
        await sql(running.database, statement, **{key: value for key, value in given.items() if f":{key}" in statement})
        assert (await lan.get("/staff/")).status_code == 303


async def test_use_keeps_a_session_alive(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running, Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        await sql(running.database, "UPDATE staff_sessions SET last_seen_at = :at", at=_ago(minutes=119))
        assert (await lan.get("/staff/")).status_code == 200
        rows = await sql(running.database, "SELECT 1 FROM staff_sessions WHERE last_seen_at > :at", at=_ago(minutes=1))
        assert len(rows) == 1


@pytest.mark.parametrize(
    ("public_url", "name"), [(None, "khcn_staff"), ("https://sokhcn.example", "__Host-khcn_staff")]
)
async def test_cookie_flags(sqlite_settings: MakeSettings, understander, public_url: str | None, name: str) -> None:
    async with running_service(sqlite_settings(public_url=public_url), understander) as running:
        async with Browser(running) as lan:
            path = await invite(running.database, role=StaffRole.OFFICER)
            page = await lan.get(path)
            form_cookie = page.headers["set-cookie"].split(";")[0]
            response = await lan.client.post(
                path, data={"token": token_of(page), "password": PASSWORD, "again": PASSWORD},
                headers={"cookie": form_cookie},
            )  # fmt: skip
            cookie = next(c for c in response.headers.get_list("set-cookie") if c.startswith(f"{name}="))
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/"} <= parts
        assert ("secure" in parts) is (public_url is not None)
        assert not any(part.startswith("domain") for part in parts)
        assert len(cookie.split(";")[0].partition("=")[2]) >= 43  # 32 random bytes
        assert response.headers["cache-control"] == "no-store"


# -- lock-out -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["lan", "khong-co-ai"])
async def test_wrong_passwords_lock_an_account_alike_whether_it_exists(
    make_settings: MakeSettings, understander, login: str
) -> None:
    async with running_service(make_settings(), understander) as running, Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        async with Browser(running) as thief:
            for _ in range(ACCOUNT_FREE):
                response = await thief.sign_in(login, "không phải đâu nhé")
                assert response.status_code == 403
                assert "Tên đăng nhập hoặc mật khẩu chưa đúng" in text_of(response)
            response = await thief.sign_in(login, PASSWORD)  # now even the right one has to wait
            assert response.status_code == 429
            assert "thử lại sau 30 giây" in text_of(response)
            assert response.headers["retry-after"] == "30"
        assert (await lan.get("/staff/")).status_code == 200  # who is in stays in


async def test_many_guesses_at_once_do_not_outrun_the_lock(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running, Browser(running) as thief:
        await invite(running.database, role=StaffRole.OFFICER)
        token = token_of(await thief.get("/staff/dang-nhap"))
        data = {"token": token, "login": "lan", "password": "đoán thử xem sao"}
        answers = await asyncio.gather(*(thief.client.post("/staff/dang-nhap", data=data) for _ in range(12)))
        assert sorted(answer.status_code for answer in answers) == [403] * ACCOUNT_FREE + [429] * (12 - ACCOUNT_FREE)


async def test_the_lock_opens_with_time_and_the_right_password_clears_it(
    make_settings: MakeSettings, understander
) -> None:
    async with running_service(make_settings(), understander) as running, Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        for _ in range(ACCOUNT_FREE):
            await lan.sign_in(password="không phải đâu nhé")
        await sql(running.database, "UPDATE sign_in_throttles SET blocked_until = :at", at=_ago(seconds=1))
        assert (await lan.sign_in(password="vẫn không phải đâu")).status_code == 403
        response = await lan.sign_in()
        assert response.status_code == 429
        assert "thử lại sau 60 giây" in text_of(response)  # doubled
        await sql(running.database, "UPDATE sign_in_throttles SET blocked_until = :at", at=_ago(seconds=1))
        assert (await lan.sign_in()).status_code == 303
        assert (await lan.sign_in(password="lại sai rồi đây này")).status_code == 403
        assert (await lan.sign_in()).status_code == 303


async def test_one_address_that_tries_many_names_is_locked(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running, Browser(running) as thief:
        for number in range(ADDRESS_FREE):
            assert (await thief.sign_in(f"ten-{number}", "đoán thử xem sao")).status_code == 403
        assert (await thief.sign_in("ten-moi", "đoán thử xem sao")).status_code == 429
        kept = await sql(running.database, "SELECT key FROM sign_in_throttles")
        assert not any("ten-" in row[0] or "127.0.0.1" in row[0] for row in kept)


def test_waits_double_up_to_a_quarter_of_an_hour() -> None:
    throttle = Throttle("k", 5)
    assert [throttle.wait_s(n) for n in (1, 4, 5, 6, 7, 10, 500)] == [0, 0, 30, 60, 120, 900, 900]


async def test_an_unknown_login_takes_as_long(sqlite_settings: MakeSettings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running, Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        spans: dict[str, list[float]] = {"lan": [], "khong-co-ai": []}
        for _ in range(4):
            for login, span in spans.items():
                await sql(running.database, "DELETE FROM sign_in_throttles")
                started = time.perf_counter()
                await lan.sign_in(login, "không phải đâu nhé")
                span.append(time.perf_counter() - started)
        known, unknown = min(spans["lan"]), min(spans["khong-co-ai"])
        assert 0.5 < known / unknown < 2, (known, unknown)  # without the dummy hash it is beyond five


async def test_a_very_long_password_costs_no_more(sqlite_settings: MakeSettings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running, Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        assert (await lan.sign_in(password="x" * 20_000)).status_code == 403
        assert (await lan.sign_in(password="x" * 200_000)).status_code == 403  # more than a form may hold: no token


# -- where one lands ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "back",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/staff/\\..\\evil", "javascript:alert(1)", "/",
     "/staff/dang-nhap", "/staffing", "/staff/\r\nSet-Cookie: a=b"],
)  # fmt: skip
async def test_signing_in_never_leads_away(sqlite_settings: MakeSettings, understander, back: str) -> None:
    async with running_service(sqlite_settings(), understander) as running, Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        response = await lan.sign_in(back=back)
        assert (response.status_code, response.headers["location"]) == (303, "/staff/yeu-cau")


# -- accounts -----------------------------------------------------------------------------------------------------


async def test_reset_signs_out_and_takes_the_password_away(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running, Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        link, now = NewLink.make(), dt.datetime.now(dt.UTC)
        path = await running.database.write(
            lambda c: reset_account(c, department_id=1, login="lan", link=link, now=now)
        )
        assert (await lan.get("/staff/")).status_code == 303
        assert (await lan.sign_in()).status_code == 403
        assert (await lan.use_link(path, "mật khẩu hoàn toàn mới")).status_code == 303


async def test_the_first_administrator_gets_one_link_until_it_is_used(
    make_settings: MakeSettings, understander
) -> None:
    """Restarts and processes that start at once all print the same link, and it works."""
    async with running_service(make_settings(), understander) as running, Browser(running) as boss:
        signer, others = Signer("k" * 40), [Database(make_settings().database_url) for _ in range(3)]

        async def first(database: Database, **later: float) -> str | None:
            moment = dt.datetime.now(dt.UTC) + dt.timedelta(**later)
            return await offer_first_link(database, signer, department_id=1, now=moment)

        try:
            printed = await asyncio.gather(*(first(one) for one in (running.database, *others)))
            assert len(set(printed)) == 1
            assert printed[0]
            await asyncio.sleep(1)
            assert await first(others[0]) == printed[0]
            assert len(await sql(running.database, "SELECT 1 FROM staff_members")) == 1
            fresh = await first(others[1], hours=25)  # the old one ended
            assert fresh
            assert fresh != printed[0]
            assert (await boss.get(printed[0])).status_code == 404
            assert (await boss.use_link(fresh)).status_code == 303
            assert await first(others[2]) is None
            await boss.enrol()
            assert "Quản trị" in text_of(await boss.get("/staff/"))
        finally:
            for one in others:
                await one.close()


async def test_accounts_that_cannot_be(make_settings: MakeSettings) -> None:
    database = Database(make_settings().database_url)
    link, now = NewLink("0" * 64, "hash"), dt.datetime.now(dt.UTC)

    async def add(login: str, name: str = "Lan") -> str:
        return await database.write(
            lambda c: add_account(
                c, department_id=1, login=login, name=name, role=StaffRole.OFFICER, link=link, now=now
            )
        )

    try:
        for login in ("", "Lan", "có dấu", "a" * 65, "-lan", "lan\n", "<b>"):
            with pytest.raises(AccountError, match="login name"):
                await add(login)
        with pytest.raises(AccountError, match="name"):
            await add("lan", "  ")
        assert parse_link((await add("lan")).rpartition("/")[2])
        with pytest.raises(AccountError, match="already"):
            await add("lan")
        with pytest.raises(AccountError, match="no account"):
            await database.write(lambda c: reset_account(c, department_id=1, login="minh", link=link, now=now))
    finally:
        await database.close()
