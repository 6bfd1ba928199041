"""Every page of the console x who comes without the right to it: one table over all routes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from bot.app import build_app
from db.models import StaffRole
from staff import access
from staff.access import ROLES, SIGN_IN_PATH, Right, safe_return
from staff.app import PAGES, only_post
from tests.conftest import MakeSettings
from tests.harness import Running, running_service
from tests.staff import administering
from tests.staff.casework import add_canned, add_unit, file_request, member_id, messages, request_row, take
from tests.staff.driver import PASSWORD, Browser, invite, sql, text_of, token_of

POSTS = [page for page in PAGES if page.method == "POST"]
GUARDED = [page for page in PAGES if page.right is not Right.ANYBODY]


def address(path: str, link: str = "/staff/lien-ket/1.x", code: str = "HT26-000000") -> str:
    """A page's path with real values in place of its parameters."""
    for name, value in administering.PLACES.items():
        path = path.replace(name, value)
    path = path.replace("{turn_id:int}", "1").replace("{file_id:int}", "1").replace("{code}", code)
    return path.replace("/staff/lien-ket/{link}", link)


# the status in which a request can be what the form asks for; new unless said here
STATUS = {"tiep-tuc": "waiting", "mo-lai": "answered"}


CODE, ENROL, ACCOUNT = "/staff/xac-nhan", "/staff/hai-lop", "/staff/tai-khoan"
# recovery codes, one-time links: a page of its own, not to be come back to
SHOWS_ONCE = {ENROL, f"{ACCOUNT}/ma-du-phong", *administering.SHOWS_ONCE}


async def code_for(running: Running, member: Browser, path: str) -> str:
    """The one-time code for ``path``, with the session brought to the step where it is asked for."""
    if path == CODE:
        await sql(running.database, "UPDATE staff_sessions SET is_verified = :no", no=False)
    if path == ENROL:
        await sql(running.database, "DELETE FROM staff_second_factors")
        match = re.search(r"secret=([A-Z2-7]+)", (await member.get(ENROL)).text)
        assert match
        member.secret = match[1]
    return await member.fresh_code()


async def fields_for(running: Running, path: str) -> tuple[str, dict[str, str]]:
    """A request on which the form of ``path`` can be carried out, and what belongs into any form."""
    status = STATUS.get(path.rpartition("/")[2], "new")
    unit = await add_unit(running.database, f"Phòng {path}")
    code = await file_request(running.database, status=status)
    if path.endswith("/tra-lai"):
        await take(running.database, code, await member_id(running.database, "minh"))
    row, said = await request_row(running.database, code), await messages(running.database, code)
    fields = {
        "login": "minh", "password": PASSWORD, "again": PASSWORD, "current": PASSWORD,
        "version": str(row.version), "text": "Chào chị",
        "result": "Xong", "reason": "Vì thế", "agency": "Sở khác", "where": "Số 1", "unit": str(unit),
        "assignee": str(await member_id(running.database, "minh")), "priority": "high",
        "message": str(said[0].id if said else 0), "topic": "ma-so-ma-vach", "title": "Chào hỏi",
        "reply": str(await add_canned(running.database)), f"chon-{code}": str(row.version),
    }  # fmt: skip
    return code, fields | await administering.fields_for(running, path)


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(**administering.SETTINGS), understander) as service:
        yield service


# what the service answers below /staff without the gate: it shows nothing but one's own name
OPEN = {("GET", "/staff"), ("GET", "/staff/{rest:path}"), *(("GET", path) for path in only_post())}


async def test_every_route_of_the_service_is_in_the_table(running: Running) -> None:
    """A page that is added anywhere, and in any way, is a row of ``PAGES`` and so of every test here."""
    found = set()
    for one in build_app(running.service).routes:
        path = getattr(one, "path", "")
        if not path.startswith("/staff"):
            assert isinstance(one, Route | Mount), one  # nothing that could hide pages of the console
            continue
        if isinstance(one, Mount):
            assert (path, type(one.app)) == ("/staff/static", StaticFiles)
            continue
        assert isinstance(one, Route)
        found |= {(method, path) for method in (one.methods or {"every"}) - {"HEAD"}}
    assert found - OPEN == {(page.method, page.path) for page in PAGES}
    for path in ("du-lieu", "lich/mua", "lich/bo-mua", "tin-moi"):  # so that this cannot come to look at nothing
        assert any(one.endswith(f"/{path}") for _, one in found), path


def test_every_right_names_its_roles() -> None:
    assert set(ROLES) == set(Right) - {Right.ANYBODY}
    assert all(roles for roles in ROLES.values())
    assert {page.method for page in PAGES} == {"GET", "POST"}


async def test_without_a_session_every_page_leads_to_the_sign_in(running: Running) -> None:
    async with Browser(running) as nobody:
        for forged in (None, "x" * 43):
            if forged:
                nobody.client.cookies.set("khcn_staff", forged)
            for page in GUARDED:
                response = await nobody.client.request(page.method, address(page.path))
                assert response.headers["cache-control"] == "no-store", page
                if page.is_background:  # an open page is told to ask no more, and shown nothing
                    assert (response.status_code, response.content) == (286, b""), page
                    continue
                assert response.status_code == 303, page
                assert response.headers["location"].startswith(SIGN_IN_PATH), page


async def test_before_the_second_step_every_page_leads_to_it(running: Running) -> None:
    """And what an open page asks by itself, such as the queue's news, never brings another page into its bar."""
    async with Browser(running) as member, Browser(running) as new:
        await member.join()
        await sql(running.database, "UPDATE staff_sessions SET is_verified = :no", no=False)
        await new.use_link(await invite(running.database, login="moi"))  # has yet to set the step up
        for half, step in ((member, CODE), (new, ENROL)):
            asked_by_themselves = 0
            for page in GUARDED:
                if page.right is Right.HALF_SIGNED_IN:
                    continue
                response = await half.client.request(page.method, address(page.path))
                if page.is_background:
                    asked_by_themselves += 1
                    assert (response.status_code, response.content) == (286, b""), page
                    assert "location" not in response.headers, page
                    continue
                assert response.status_code == 303, page
                assert response.headers["location"].startswith(step), page
            assert asked_by_themselves


async def test_a_role_without_the_right_is_turned_away(running: Running) -> None:
    for role in StaffRole:
        async with Browser(running) as member:
            await member.join(login=role.value, role=role)
            for page in GUARDED:
                if page.method == "GET":
                    status = (await member.get(address(page.path))).status_code
                    may = role in ROLES[page.right]
                    assert (status == 403) is not may, (role, page, status)
            token = token_of(await member.get("/staff/"))
            before = await _rows(running)
            for page in POSTS:
                if page in GUARDED and role not in ROLES[page.right]:  # what a role may do, the tests of its page do
                    response = await member.client.post(address(page.path), data={"token": token})
                    assert response.status_code == 403, (role, page)
                    assert "Vai trò của anh/chị" in text_of(response)
                    assert f"Cán bộ {role.value}" in text_of(response)
            assert await _rows(running) == before


async def test_an_officer_takes_no_list_away(running: Running) -> None:
    async with Browser(running) as officer:
        await officer.join(login="minh", role=StaffRole.OFFICER)
        response = await officer.get("/staff/cau-hoi.csv")
        assert response.status_code == 403
        assert "Vai trò của anh/chị" in text_of(response)
        assert "Tải về CSV" not in (await officer.get("/staff/")).text
        assert await sql(running.database, "SELECT 1 FROM audit_events WHERE action = 'questions.exported'") == []


async def test_roles_take_effect_at_once(running: Running) -> None:
    async with Browser(running) as member:
        await member.join(role=StaffRole.MANAGER)
        assert (await member.get("/staff/cau-hoi.csv")).status_code == 200
        await sql(running.database, "UPDATE staff_members SET role = 'officer'")
        assert (await member.get("/staff/cau-hoi.csv")).status_code == 403


@pytest.mark.parametrize("page", POSTS, ids=lambda page: page.path)
async def test_a_form_needs_its_token(running: Running, page: access.Page) -> None:
    """Missing, wrong, of another browser, from another site, and as no form at all: all refused without effect."""
    link = await invite(running.database)
    async with Browser(running) as member, Browser(running) as other:
        await member.join(login="minh")
        code, fields = await fields_for(running, page.path)
        path = address(page.path, link, code)
        fields["code"] = await code_for(running, member, path)
        shown = "/staff/" if page.right not in {Right.ANYBODY, Right.HALF_SIGNED_IN} else path
        shown = "/staff/" if path == "/staff/dang-xuat" else shown
        token = token_of(await member.get(shown))
        foreign = token_of(await other.get(SIGN_IN_PATH))
        attempts = [
            {"data": fields},
            {"data": {**fields, "token": ""}},
            {"data": {**fields, "token": "0" * 64}},
            {"data": {**fields, "token": foreign}},
            {"data": {**fields, "token": token}, "headers": {"origin": "https://evil.example"}},
            {"data": {**fields, "token": token}, "headers": {"origin": "null"}},
            {"data": {**fields, "token": token}, "headers": {"sec-fetch-site": "cross-site"}},
            {"json": {**fields, "token": token}},
            {"params": {**fields, "token": token}},
        ]
        before = await _rows(running)
        for attempt in attempts:
            response = await member.client.post(path, **attempt)
            assert response.status_code == 403, attempt
            assert "Trang đã cũ" in text_of(response)
        assert await _rows(running) == before
        response = await member.client.post(path, data={**fields, "token": token}, headers={"origin": running.url})
        # the same form, sent from our page, works
        assert response.status_code == (200 if page.path in SHOWS_ONCE else 303), text_of(response)
        assert await _rows(running) != before


async def _rows(running: Running) -> list[tuple[object, ...]]:
    sessions = await sql(running.database, "SELECT token_hash FROM staff_sessions ORDER BY token_hash")
    members = await sql(running.database, "SELECT id, password_hash, link_hash FROM staff_members ORDER BY id")
    throttles = await sql(running.database, "SELECT key, attempts FROM sign_in_throttles ORDER BY key")
    history = await sql(running.database, "SELECT id, action FROM request_history ORDER BY id")
    requests = await sql(running.database, "SELECT id, version, status FROM requests ORDER BY id")
    audited = await sql(running.database, "SELECT id, action FROM audit_events ORDER BY id")
    return [tuple(row) for row in (*sessions, *members, *throttles, *history, *requests, *audited)]


async def test_what_changes_something_refuses_get(running: Running) -> None:
    link = await invite(running.database)
    async with Browser(running) as member:
        await member.join(login="minh")
        asked = {page.path: await fields_for(running, page.path) for page in POSTS}
        before = await _rows(running)
        token = token_of(await member.get("/staff/"))
        for page in POSTS:
            code, fields = asked[page.path]
            response = await member.get(address(page.path, link, code), token=token, **fields)
            assert response.status_code in ({405} if page.path in only_post() else {200, 303}), page
        members = [row for row in await _rows(running) if row in before]
        assert members == before  # nobody signed out, no link used; looking at a link only counts for the lock-out


async def test_other_methods_are_refused(running: Running) -> None:
    async with Browser(running) as member:
        await member.join()
        for page in PAGES:
            for method in ("PUT", "DELETE", "PATCH"):
                assert (await member.client.request(method, address(page.path))).status_code == 405, page


async def test_signing_in_is_told_from_being_signed_in(running: Running) -> None:
    """A token of the public form is none for a session's forms, though both are of the same browser."""
    async with Browser(running) as member:
        public = token_of(await member.get(SIGN_IN_PATH))
        await member.join()
        response = await member.client.post("/staff/dang-xuat", data={"token": public})
        assert response.status_code == 403


async def test_pages_nobody_made(running: Running) -> None:
    async with Browser(running) as member:
        assert (await member.get("/staff")).headers["location"] == "/staff/"
        await member.join()
        for path in ("/staff/khong-co", "/staff/cau-hoi/999", f"/staff/cau-hoi/{10**30}", "/staff/cau-hoi/-1"):
            response = await member.get(path)
            assert response.status_code == 404, path
            assert "Không tìm thấy" in text_of(response)


async def test_a_problem_keeps_the_head_of_who_is_signed_in(running: Running) -> None:
    """And tells a stranger nothing: neither whose console it is nor which pages there are."""
    async with Browser(running) as lan, Browser(running) as minh, Browser(running) as nobody:
        await lan.join(role=StaffRole.OFFICER)
        await minh.join(login="minh", role=StaffRole.OFFICER)
        unit = await add_unit(running.database, "Phòng SHTT", "minh")
        code = await file_request(running.database, unit_id=unit)
        token = token_of(await lan.get("/staff/"))
        missing, theirs = await lan.get("/staff/khong-co"), await lan.get(f"/staff/yeu-cau/{code}")
        written = await lan.client.post(f"/staff/yeu-cau/{code}/ghi-chu", data={"token": token, "text": "x"})
        refused = await lan.get("/staff/nhat-ky")
        forged = await lan.client.post("/staff/giao-viec", data={"token": "0" * 64})
        assert [page.status_code for page in (missing, theirs, written, refused, forged)] == [404, 404, 404, 403, 403]
        for page in (missing, theirs, written, refused, forged):
            shown = text_of(page)
            assert "Sở KH&CN Yêu cầu Câu hỏi Chưa gửi Cán bộ lan Cán bộ xử lý Đăng xuất" in shown, page.url
            assert "aria-current" not in page.text  # none of these parts
            assert 'class="button" href="/staff/yeu-cau"' in page.text
            assert page.headers["cache-control"] == "no-store"
        assert text_of(theirs) == text_of(missing)  # another unit's looks like none
        assert (await lan.client.post("/staff/dang-xuat", data={"token": token_of(missing)})).status_code == 303
        assert (await minh.get(f"/staff/yeu-cau/{code}")).status_code == 200
        for forged_session in (None, "x" * 43):
            if forged_session:
                nobody.client.cookies.set("khcn_staff", forged_session)
            bare = await nobody.get("/staff/khong-co")
            assert bare.status_code == 404
            assert text_of(bare).startswith("Tới nội dung chính Trợ lý KH&CN Không tìm thấy")
            assert "set-cookie" not in bare.headers
            assert "Đăng xuất" not in bare.text


async def test_before_the_second_step_a_problem_shows_no_parts(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.MANAGER)
        await sql(running.database, "UPDATE staff_sessions SET is_verified = :no", no=False)
        page = await lan.get("/staff/khong-co")
        assert page.status_code == 404
        assert "Yêu cầu" not in text_of(page)


async def test_another_departments_question_is_not_there(running: Running) -> None:
    await sql(
        running.database,
        "INSERT INTO departments (slug, name, short_name, province, phones, edited_in_console, version, created_at)"
        " SELECT 'khac', 'Sở khác', 'Sở khác', province, phones, edited_in_console, version, created_at"
        " FROM departments",
    )
    await sql(
        running.database,
        "INSERT INTO conversations (department_id, channel, account, external_id, state, version, next_seq, created_at,"
        " last_inbound_at) SELECT id, 'web', 'web', 'x', phones, 0, 1, created_at, created_at FROM departments"
        " WHERE slug = 'khac'",
    )
    await sql(
        running.database,
        "INSERT INTO turns (department_id, key, conversation_id, channel, created_at, text, details)"
        " SELECT department_id, 'k', id, 'web', created_at, 'bí mật của sở khác', state FROM conversations"
        " WHERE external_id = 'x'",
    )
    turn_id = (await sql(running.database, "SELECT id FROM turns WHERE key = 'k'"))[0][0]
    async with Browser(running) as member:
        await member.join()
        assert (await member.get(f"/staff/cau-hoi/{turn_id}")).status_code == 404
        for path in ("/staff/", "/staff/cau-hoi.csv"):
            assert "bí mật" not in (await member.get(path)).text


async def test_a_database_that_is_away_is_said_calmly(running: Running) -> None:
    async with Browser(running) as member:
        await member.join()

        class Away:
            async def read(self, run: object) -> None:
                raise OSError

        console = access.Console(
            Away(), 1, access.Signer("k"), False, ("web",), lambda request: "", Path(), hashing=access.Hashing()
        )  # type: ignore[arg-type]
        import httpx
        from starlette.applications import Starlette

        app = Starlette(routes=[access.route(console, page) for page in GUARDED])
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x", cookies={"khcn_staff": "y"}) as client:
            response = await client.get("/staff/")
        assert response.status_code == 503
        assert "thử lại sau ít phút" in text_of(response)


def test_a_page_without_a_right_cannot_be_written() -> None:
    required = [f.name for f in dataclasses.fields(access.Page) if f.default is dataclasses.MISSING]
    assert "right" in required


def test_returning_stays_inside() -> None:
    assert safe_return("/staff/?tim=a%20b&kenh=web") == "/staff/?tim=a%20b&kenh=web"
    assert safe_return("http:/staff/") == "/staff/"
