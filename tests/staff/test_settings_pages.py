"""Units, routing, targets, the calendar and the profile: what is set in the console is what the service does."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.knowledge_store import prepare
from db.models import StaffRole
from db.queries import departments
from db.queries import desk as desk_queries
from desk.settings import load_desk
from desk.targets import Target
from knowledge.loader import load_content
from tests.conftest import MakeSettings
from tests.harness import Running, WebPerson, running_service
from tests.staff.casework import file_request, request_row
from tests.staff.driver import Browser, sql, text_of
from tests.waiting import eventually

UNITS, ROUTING, TARGETS, CALENDAR, PROFILE = (
    f"/staff/{slug}" for slug in ("don-vi", "phan-viec", "thoi-han", "lich", "ho-so")
)
WEEK = {
    f"{day}-{session}-{end}": at
    for day in ("mon", "tue", "wed", "thu", "fri")
    for session, ends in (("sang", ("08:00", "12:00")), ("chieu", ("13:00", "17:00")))
    for end, at in zip(("tu", "den"), ends, strict=True)
}
AMOUNTS = {
    f"{name}-{part}": value
    for name, amount, unit in (
        ("accept", "2", "hours"), ("first_reply", "1", "days"), ("low", "20", "days"), ("normal", "7", "days"),
        ("high", "2", "days"), ("urgent", "4", "hours"),
    )
    for part, value in (("amount", amount), ("unit", unit))
}  # fmt: skip


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(), understander) as service:
        yield service


async def routed(running: Running, topic: str | None, province: str | None) -> str | None:
    def read(connection: Any) -> str | None:
        unit = desk_queries.route(connection, department_id=1, topic=topic, province=province)
        return next((row.name for row in desk_queries.list_units(connection, department_id=1) if row.id == unit), None)

    return await running.database.read(read)


async def test_units_and_routing(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.MANAGER)
        for name in ("Phòng Sở hữu trí tuệ", "Chi cục TĐC"):
            assert (await lan.post(UNITS, name=name)).status_code == 303
        page = await lan.post(UNITS, name="chi cục tđc")
        assert page.status_code == 400
        assert "Đã có đơn vị tên" in text_of(page)
        patents, standards = [row[0] for row in await sql(running.database, "SELECT id FROM units ORDER BY id")]
        assert await routed(running, "nhan-hieu", "vinh-long") is None
        fields = {"name": "Chi cục TĐC", "active": "1", "default": "1"}
        assert (await lan.post(f"{UNITS}/{standards}", form_on=UNITS, **fields)).status_code == 303
        assert await routed(running, "nhan-hieu", "vinh-long") == "Chi cục TĐC"
        assert (await lan.post(ROUTING, topic="nhan-hieu", province="", unit=str(patents))).status_code == 303
        assert (await lan.post(ROUTING, topic="nhan-hieu", province="tay-ninh", unit=str(standards))).status_code == 303
        assert await routed(running, "nhan-hieu", "vinh-long") == "Phòng Sở hữu trí tuệ"
        assert await routed(running, "nhan-hieu", "tay-ninh") == "Chi cục TĐC"
        shown = text_of(await lan.get(ROUTING))
        assert "Tây Ninh → Chi cục TĐC" in shown
        page = await lan.post(f"{ROUTING}/xoa", form_on=ROUTING, topic="nhan-hieu", province="tay-ninh")
        assert page.status_code == 303
        assert await routed(running, "nhan-hieu", "tay-ninh") == "Phòng Sở hữu trí tuệ"
        # a unit that is switched off takes nothing, and its rule says so
        fields = {"name": "Phòng Sở hữu trí tuệ"}
        assert (await lan.post(f"{UNITS}/{patents}", form_on=UNITS, **fields)).status_code == 303
        assert await routed(running, "nhan-hieu", None) == "Chi cục TĐC"
        assert "không dùng nữa" in text_of(await lan.get(ROUTING))
        for wrong in ({"topic": "khong-co", "unit": "1"}, {"topic": "", "province": "x", "unit": "1"},
                      {"topic": "", "province": "", "unit": str(patents)}):  # fmt: skip
            assert (await lan.post(ROUTING, **wrong)).status_code == 400
        assert (await lan.post(f"{UNITS}/999", form_on=UNITS, name="x")).status_code == 404


async def test_targets_are_kept_and_explained(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.MANAGER)
        shown = text_of(await lan.get(TARGETS))
        assert "Gửi lúc này thì hạn là" in shown
        assert "ngày làm việc" in shown
        assert (await lan.post(TARGETS, **AMOUNTS)).status_code == 303
        own = {"topic": "nhan-hieu", "priority": "normal", "topic-amount": "3", "topic-unit": "days"}
        assert (await lan.post(f"{TARGETS}/rieng", form_on=TARGETS, **own)).status_code == 303
        targets = (await running.database.read(lambda c: load_desk(c, department_id=1))).targets
        assert targets.accept == Target(2, "hours")
        assert targets.of("ma-so-ma-vach", "normal") == Target(7, "days")
        assert targets.of("nhan-hieu", "normal") == Target(3, "days")
        assert targets.of("nhan-hieu", "urgent") == Target(4, "hours")
        page = await lan.post(TARGETS, **{**AMOUNTS, "low-amount": "0"})
        assert page.status_code == 400
        assert "«Thấp» là một số từ 1 đến 1000" in text_of(page)
        removed = await lan.post(f"{TARGETS}/bo", form_on=TARGETS, topic="nhan-hieu", priority="normal")
        assert removed.status_code == 303
        targets = (await running.database.read(lambda c: load_desk(c, department_id=1))).targets
        assert targets.of("nhan-hieu", "normal") == Target(7, "days")


async def test_hours_and_days_move_what_is_due(running: Running) -> None:
    code = await file_request(running.database)
    before = (await request_row(running.database, code)).due_at
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.MANAGER)
        assert (await lan.post(f"{CALENDAR}/gio", form_on=CALENDAR, **WEEK)).status_code == 303
        before = (await request_row(running.database, code)).due_at
        page = await lan.post(f"{CALENDAR}/gio", form_on=CALENDAR, **{**WEEK, "mon-sang-den": "07:00"})
        assert page.status_code == 400
        assert "Giờ ghi như 07:30" in text_of(page)
        page = await lan.post(f"{CALENDAR}/gio", form_on=CALENDAR, **dict.fromkeys(WEEK, ""))
        assert "ít nhất một buổi" in text_of(page)
        day = before.astimezone(dt.timezone(dt.timedelta(hours=7))).date()
        off = {"day": day.isoformat(), "kind": "off", "name": "Nghỉ bão", "document": "123/UBND"}
        assert (await lan.post(f"{CALENDAR}/ngay", form_on=CALENDAR, **off)).status_code == 303
        moved = (await request_row(running.database, code)).due_at
        assert moved > before
        assert "Nghỉ bão Sở đặt" in text_of(await lan.get(CALENDAR))
        assert (await lan.post(f"{CALENDAR}/ngay", form_on=CALENDAR, **{**off, "document": ""})).status_code == 400
        assert (await lan.post(f"{CALENDAR}/ngay", form_on=CALENDAR, **{**off, "day": "1999-01-01"})).status_code == 400
        assert (await lan.post(f"{CALENDAR}/bo-ngay", form_on=CALENDAR, day=day.isoformat())).status_code == 303
        assert (await request_row(running.database, code)).due_at < moved


async def test_a_season_has_hours_of_its_own(running: Running) -> None:
    """From the form to what is due: in the season, over the new year, taken away again."""

    async def opens(day: dt.date) -> str:
        desk = await running.database.read(lambda c: load_desk(c, department_id=1))
        return desk.calendar.sessions(day)[0][0].strftime("%H:%M")

    july, december, january = dt.date(2026, 7, 15), dt.date(2026, 12, 15), dt.date(2027, 1, 13)
    summer = {"season": "", "first": "16/4", "last": "15-10", **WEEK, "wed-sang-tu": "07:00", "tue-sang-tu": "07:15"}
    winter = {"season": "", "first": "16/10", "last": "15/04", **WEEK, "wed-sang-tu": "08:30", "tue-sang-tu": "08:45"}

    async with Browser(running) as lan, Browser(running) as thu:
        await lan.join(role=StaffRole.MANAGER)
        await thu.join(login="thu", role=StaffRole.AUDITOR)
        code = await file_request(running.database)
        assert await opens(july) == "07:30"
        assert (await lan.post(f"{CALENDAR}/mua", form_on=CALENDAR, **summer)).status_code == 303
        before = (await request_row(running.database, code)).due_at
        assert (await lan.post(f"{CALENDAR}/mua", form_on=CALENDAR, **winter)).status_code == 303
        assert (await opens(july), await opens(december), await opens(january)) == ("07:00", "08:45", "08:30")
        page = await lan.get(CALENDAR)
        assert "16/04–15/10" in text_of(page)
        assert "16/10–15/04" in text_of(page)
        assert 'id="mua-10-16-tue-sang-tu" name="tue-sang-tu" type="time" value="08:45"' in page.text
        assert "Lưu giờ theo mùa" not in (await thu.get(CALENDAR)).text

        # a change of one keeps the other and moves what is due
        short = {key: at for key, at in winter.items() if "chieu" not in key} | {"season": "10-16", "last": "28/02"}
        assert (await lan.post(f"{CALENDAR}/mua", form_on=CALENDAR, **short)).status_code == 303
        assert (await request_row(running.database, code)).due_at != before
        assert await opens(dt.date(2027, 3, 16)) == "07:30"

        for changed, said in (
            ({"first": "31/02"}, "ghi như 16/04"),
            ({"last": ""}, "ghi như 16/04"),
            ({"first": "tháng tư"}, "16/04"),
            ({"first": "01/10", "last": "20/10"}, "trùng ngày với một mùa"),
            ({"first": "01/03", "last": "02/03", "wed-sang-den": "06:00"}, "Giờ ghi như 07:30"),
            ({"first": "01/03", "last": "02/03", **dict.fromkeys(WEEK, "")}, "ít nhất một buổi"),
            ({"season": "01-01", "first": "01/03", "last": "02/03"}, "Có người vừa sửa"),
        ):
            typed = {**summer, "season": "", "tue-sang-tu": "07:15", **changed}
            page = await lan.post(f"{CALENDAR}/mua", form_on=CALENDAR, **typed)
            assert page.status_code == 400, changed
            assert said in text_of(page), changed
            kept = typed["tue-sang-tu"]
            assert f'id="mua--tue-sang-tu" name="tue-sang-tu" type="time" value="{kept}"' in page.text, changed
        assert (await lan.post(f"{CALENDAR}/gio", form_on=CALENDAR, **WEEK)).status_code == 303  # the seasons stay
        assert await opens(july) == "07:00"
        for first in ("04-16", "10-16", "04-16"):  # twice is once
            assert (await lan.post(f"{CALENDAR}/bo-mua", form_on=CALENDAR, season=first)).status_code == 303
        assert (await opens(july), await opens(december)) == ("08:00", "08:00")
        log = text_of(await lan.get("/staff/nhat-ky", viec="calendar"))
        assert "Đặt giờ theo mùa" in log
        assert "16/10–15/04" in log


def profile(**changed: str) -> dict[str, str]:
    fields = {"version": "1", "name": "Sở Khoa học và Công nghệ Vĩnh Long", "short_name": "Sở KH&CN Vĩnh Long",
              "province": "ben-tre", "address": "Số 1 đường Hoàng Thái Hiếu", "hours": "Thứ Hai đến thứ Sáu",
              "phones": "0270 382 3456 (Văn phòng)\n1900 1234", "website": "https://skhcn.example.vn",
              "privacy_contact": "Văn phòng Sở, 0270 382 3456"}  # fmt: skip
    return fields | changed


async def test_the_profile_is_said_at_once(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.MANAGER)
        page = await lan.post(PROFILE, **profile())
        assert page.status_code == 303
        await eventually(lambda: running.service.department.province == "ben-tre", 4)
        person = WebPerson(running)
        greeting = await person.says("xin chào")
        assert "Sở Khoa học và Công nghệ Vĩnh Long" in greeting[0]["body"]
        privacy = " ".join(str(reply["body"]) for reply in await person.says("riêng tư"))
        assert "Văn phòng Sở, 0270 382 3456" in privacy
        contact = " ".join(f"{reply['body']} {reply['note']}" for reply in await WebPerson(running).says("gặp cán bộ"))
        assert "1900 1234" in contact
        assert "Sở Khoa học và Công nghệ Vĩnh Long" in (await running.client.get("/rieng-tu")).text
        await eventually(lambda: _named(lan), 5)  # the console's own heading
        page = await lan.post(PROFILE, **profile(name="Sở khác"))
        assert page.status_code == 409
        assert "Có người vừa sửa" in text_of(page)
        assert 'value="Sở khác"' in page.text
        for changed, said in (
            ({"phones": "gọi tôi nhé"}, "«gọi tôi nhé» chưa đúng"), ({"website": "javascript:alert(1)"}, "http"),
            ({"name": " "}, "chưa điền «Tên đầy đủ»"), ({"province": "atlantis"}, "chọn «Tỉnh»"),
        ):  # fmt: skip
            page = await lan.post(PROFILE, **profile(version="2", **changed))
            assert page.status_code == 400
            assert said in text_of(page)


async def _named(lan: Browser) -> bool:
    return "Sở KH&CN Vĩnh Long" in text_of(await lan.get("/staff/"))


async def test_an_import_leaves_an_edited_profile_alone(make_settings: MakeSettings, tmp_path) -> None:
    from db.engine import Database

    path = tmp_path / "department.yaml"
    settings = make_settings(department_file=path)
    database, content, now = Database(settings.database_url), load_content(), dt.datetime.now(dt.UTC)

    async def bring(name: str) -> list[str]:
        path.write_text(f"slug: so-khcn\nname: {name}\nshort_name: Sở\n", encoding="utf-8")
        report = await database.write(lambda c: prepare(c, settings, content, now))
        return report.conflicts

    async def name() -> str:
        return str((await database.read(departments.find_department)).name)

    try:
        assert await bring("Sở một") == []
        assert await name() == "Sở một"
        row = await database.read(departments.find_department)
        assert await database.write(
            lambda c: departments.edit_department(c, row.id, version=row.version, name="Sở hai", short_name="Sở")
        )
        assert await bring("Sở một") == []  # the file is the one it came from
        assert await bring("Sở ba") == ["department so-khcn"]
        assert await name() == "Sở hai"
        assert await bring("Sở hai") == []  # the file says by now what the console said
        assert await bring("Sở bốn") == []
        assert await name() == "Sở bốn"
    finally:
        await database.close()


async def test_a_single_session_stands_in_its_half_of_the_day(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.MANAGER)
        week = {key: at for key, at in WEEK.items() if not key.startswith(("mon-sang", "tue-chieu"))}
        assert (await lan.post(f"{CALENDAR}/gio", form_on=CALENDAR, **week)).status_code == 303
        page = (await lan.get(CALENDAR)).text
        for box, at in (("mon-sang-tu", ""), ("mon-chieu-tu", "13:00"), ("tue-sang-tu", "08:00"), ("tue-chieu-tu", ""),
                        ("wed-sang-tu", "08:00"), ("wed-chieu-den", "17:00"), ("sun-sang-tu", "")):  # fmt: skip
            assert f'name="{box}" type="time" value="{at}"' in page, box


async def test_too_many_phone_lines_are_said_to_be(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.MANAGER)
        fields = {"name": "Sở KH&CN", "short_name": "Sở", "province": "ben-tre", "version": "1"}
        page = await lan.post(PROFILE, **fields, phones="\n".join(["0272 382 6246"] * 7))
        assert page.status_code == 400
        assert "«Điện thoại» ghi tối đa 6 dòng" in text_of(page)
