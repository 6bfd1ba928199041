"""People of the console: invited, changed, shut out and let in again, never the last administrator."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from html import unescape

import httpx
import pytest

from db.models import StaffRole
from tests.conftest import MakeSettings
from tests.harness import Running, running_service
from tests.staff.casework import add_unit, file_request, member_id
from tests.staff.driver import Browser, sql, text_of

MEMBERS = "/staff/can-bo"


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(), understander) as service:
        yield service


def link_in(page: httpx.Response) -> str:
    """The path of the one-time link a page shows."""
    match = re.search(r'class="once"[^>]*>([^<]+)<', page.text)
    assert match, text_of(page)
    return httpx.URL(unescape(match[1])).raw_path.decode()


async def audited(running: Running, action: str) -> list[tuple[int | None, dict]]:
    rows = await sql(running.database, "SELECT staff_member_id, details FROM audit_events WHERE action = :a", a=action)
    import json

    return [(row[0], row[1] if isinstance(row[1], dict) else json.loads(row[1])) for row in rows]


async def test_somebody_is_invited_and_gets_in(running: Running) -> None:
    unit = await add_unit(running.database, "Phòng Sở hữu trí tuệ")
    async with Browser(running) as lan, Browser(running) as hoa:
        await lan.join()
        page = await lan.post(MEMBERS, name="Trần Thị Hoa", login="Hoa", role="officer", **{f"unit-{unit}": "1"})
        assert page.status_code == 200
        link = link_in(page)
        assert link.startswith("/staff/lien-ket/")
        assert link not in (await lan.get(MEMBERS)).text  # shown once
        assert (await hoa.use_link(link)).status_code == 303
        assert (await hoa.get("/staff/yeu-cau")).status_code == 200
        shown = text_of(await lan.get(MEMBERS))
        assert "Trần Thị Hoa hoa Cán bộ xử lý Phòng Sở hữu trí tuệ" in shown
        by, details = (await audited(running, "staff.added"))[-1]
        assert by == await member_id(running.database, "lan")
        assert details["login"] == "hoa"
        assert link.rpartition(".")[2] not in str(details)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "", "login": "hoa", "role": "officer"}, "chưa điền «Họ và tên»"),
        ({"name": "Hoa", "login": "hoa lê", "role": "officer"}, "chữ thường không dấu"),
        ({"name": "Hoa", "login": "lan", "role": "officer"}, "«lan» đã có người dùng"),
        ({"name": "Hoa", "login": "hoa", "role": "king"}, "chọn «Vai trò»"),
        ({"name": "x" * 161, "login": "hoa", "role": "officer"}, "dài quá 160 ký tự"),
    ],
)
async def test_a_form_that_cannot_be_taken_says_why_and_keeps_what_was_typed(
    running: Running, fields: dict[str, str], said: str
) -> None:
    async with Browser(running) as lan:
        await lan.join()
        page = await lan.post(MEMBERS, **fields)
        assert page.status_code == 400
        assert said in text_of(page)
        assert f'value="{fields["login"]}"' in page.text
        assert len(await sql(running.database, "SELECT 1 FROM staff_members")) == 1


async def test_the_last_administrator_cannot_be_locked_out(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        own = f"{MEMBERS}/{await member_id(running.database, 'lan')}"
        # invited but never in: no help yet
        await lan.post(MEMBERS, name="Hoa", login="hoa", role="administrator")
        for form, fields in (("khoa", {}), ("luu", {"name": "Lan", "role": "officer"}), ("lien-ket", {})):
            page = await lan.post(f"{own}/{form}", form_on=own, **fields)
            assert page.status_code == 400, form
            assert "người quản trị cuối cùng" in text_of(page)
        assert (await lan.get("/staff/kenh")).status_code == 200
        page = await lan.post(f"{own}/luu", form_on=own, name="Lan Nguyễn", role="administrator")
        assert page.status_code == 303
        assert "Lan Nguyễn" in (await lan.get(own)).text


async def test_two_administrators_cannot_shut_each_other_out_at_once(running: Running) -> None:
    async with Browser(running) as lan, Browser(running) as hoa:
        await lan.join()
        await hoa.join(login="hoa")
        ids = {name: await member_id(running.database, name) for name in ("lan", "hoa")}
        answers = await asyncio.gather(
            lan.post(f"{MEMBERS}/{ids['hoa']}/khoa", form_on=MEMBERS),
            hoa.post(f"{MEMBERS}/{ids['lan']}/khoa", form_on=MEMBERS),
        )
        left = await sql(running.database, "SELECT login FROM staff_members WHERE is_active = :yes", yes=True)
        assert len(left) == 1
        # the second is either told that nobody would be left, or was shut out before the form came
        assert sorted(answer.status_code for answer in answers) in ([303, 303], [303, 400])


async def test_who_is_shut_out_is_out_at_once_and_may_come_back(running: Running) -> None:
    async with Browser(running) as lan, Browser(running) as hoa:
        await lan.join()
        await hoa.join(login="hoa", role=StaffRole.OFFICER)
        hers = f"{MEMBERS}/{await member_id(running.database, 'hoa')}"
        await file_request(running.database, assignee_id=await member_id(running.database, "hoa"))
        assert "1 yêu cầu" in text_of(await lan.get(hers))
        assert (await lan.post(f"{hers}/khoa", form_on=hers)).status_code == 303
        assert (await hoa.get("/staff/yeu-cau")).status_code == 303
        assert (await hoa.sign_in("hoa")).status_code == 403
        page = await lan.post(f"{hers}/lien-ket", form_on=MEMBERS)
        assert page.status_code == 400
        assert "đang khoá" in text_of(page)
        assert (await lan.post(f"{hers}/mo", form_on=hers)).status_code == 303
        assert (await hoa.sign_in("hoa")).status_code == 303
        assert [by for by, _ in await audited(running, "staff.switched_off")] == [
            await member_id(running.database, "lan")
        ]


async def test_a_new_link_ends_the_old_password_and_every_session(running: Running) -> None:
    async with Browser(running) as lan, Browser(running) as hoa:
        await lan.join()
        await hoa.join(login="hoa", role=StaffRole.OFFICER)
        hers = f"{MEMBERS}/{await member_id(running.database, 'hoa')}"
        page = await lan.post(f"{hers}/lien-ket", form_on=hers)
        assert page.status_code == 200
        assert (await hoa.get("/staff/yeu-cau")).status_code == 303
        assert (await hoa.sign_in("hoa")).status_code == 403
        assert (await hoa.use_link(link_in(page), "mật khẩu mới toanh")).status_code == 303
        [(by, details)] = await audited(running, "staff.reset")  # one act, one row
        assert by == await member_id(running.database, "lan")
        assert details["login"] == "hoa"


async def test_a_member_of_another_department_is_not_there(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        await sql(
            running.database,
            "INSERT INTO departments (slug, name, short_name, province, phones, edited_in_console, version, created_at)"
            " SELECT 'khac', 'Sở khác', 'Sở khác', province, phones, edited_in_console, version, created_at"
            " FROM departments",
        )
        await sql(
            running.database,
            "INSERT INTO staff_members (department_id, login, name, role, is_active, created_at)"
            " SELECT id, 'nguoi-khac', 'Người khác', 'officer', :yes, created_at FROM departments WHERE slug = 'khac'",
            yes=True,
        )
        other = await member_id(running.database, "nguoi-khac")
        assert "Người khác" not in (await lan.get(MEMBERS)).text
        assert (await lan.get(f"{MEMBERS}/{other}")).status_code == 404
        for form in ("luu", "khoa", "mo", "lien-ket"):
            page = await lan.post(f"{MEMBERS}/{other}/{form}", form_on=MEMBERS, name="x", role="auditor")
            assert page.status_code == 404, form
        assert (await lan.get(f"{MEMBERS}/{10**12}")).status_code == 404
