"""Canned replies: kept by managers, filled in for a request, never sent with a gap in them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape

import pytest

from db.models import StaffRole
from staff.canned import PLACEHOLDERS, PlaceholderLeft, check_filled, fill
from tests.conftest import MakeSettings
from tests.harness import Running, running_service
from tests.staff.casework import add_canned, add_unit, file_request, messages
from tests.staff.driver import Browser, sql, text_of, token_of

CANNED, QUEUE = "/staff/cau-mau", "/staff/yeu-cau"


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(), understander) as service:
        yield service


async def save(browser: Browser, **fields: str):
    return await browser.post(CANNED, **{"title": "Chào", "text": "Chào {ten}", **fields})


async def test_a_text_is_kept_changed_and_taken_away(running: Running) -> None:
    async with Browser(running) as chief:
        await chief.join(role=StaffRole.MANAGER)
        assert (await save(chief, title=" Hẹn  ngày ", text="Chào {ten},\r\nhẹn {han}.")).status_code == 303
        rows = await sql(running.database, "SELECT id, title, text, unit_id FROM canned_replies")
        assert [tuple(row)[1:] for row in rows] == [("Hẹn ngày", "Chào {ten},\nhẹn {han}.", None)]
        assert "Hẹn ngày" in text_of(await chief.get(CANNED, xong="saved"))
        unit = await add_unit(running.database, "Phòng SHTT")
        await save(chief, reply=str(rows[0].id), title="Hẹn", text="Hẹn {han}", unit=str(unit))
        rows = await sql(running.database, "SELECT id, title, text, unit_id FROM canned_replies")
        assert [tuple(row)[1:] for row in rows] == [("Hẹn", "Hẹn {han}", unit)]
        gone = await chief.post(f"{CANNED}/xoa", form_on=CANNED, reply=str(rows[0].id))
        assert gone.status_code == 303
        assert (await chief.post(f"{CANNED}/xoa", form_on=CANNED, reply=str(rows[0].id))).status_code == 404
        assert await sql(running.database, "SELECT 1 FROM canned_replies") == []
        kept = await save(chief, reply=str(rows[0].id), text="Viết lại rất lâu")
        assert kept.status_code == 400
        assert "Viết lại rất lâu" in kept.text
        actions = [row[0] for row in await sql(running.database, "SELECT action FROM audit_events ORDER BY id")]
        assert [one for one in actions if one.startswith("canned.")] == ["canned.saved"] * 2 + ["canned.removed"]


async def test_what_cannot_be_kept_is_said_and_stays_typed(running: Running) -> None:
    async with Browser(running) as chief:
        await chief.join(role=StaffRole.MANAGER)
        for fields, said in (
            ({"text": "Chào {ten_day_du}"}, "{ten_day_du}"), ({"text": " "}, "điền cả"), ({"title": ""}, "điền cả"),
            ({"title": "a" * 121}, "tối đa 120"), ({"text": "a" * 2001}, "tối đa 120"), ({"unit": "999"}, "chọn lại"),
        ):  # fmt: skip
            response = await save(chief, **fields)
            assert response.status_code == 400, fields
            assert said in text_of(response)
            for value in (fields.get("title", ""), fields.get("text", "")):
                assert value.strip() in unescape(response.text)
        page = (await save(chief, text="<script>{x}</script>")).text
        assert "<script>{x}" not in page
        assert await sql(running.database, "SELECT 1 FROM canned_replies") == []


async def test_a_text_keeps_a_unit_that_is_switched_off(running: Running) -> None:
    async with Browser(running) as chief:
        await chief.join(role=StaffRole.MANAGER)
        unit, unused = await add_unit(running.database, "Phòng cũ"), await add_unit(running.database, "Phòng bỏ")
        await add_canned(running.database, unit_id=unit)
        await sql(running.database, "UPDATE units SET is_active = :no", no=False)
        page = await chief.get(CANNED)
        assert f'<option value="{unit}" selected>' in page.text
        assert f'<option value="{unused}"' not in page.text


async def test_officers_use_them_but_do_not_keep_them(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        assert (await lan.get(CANNED)).status_code == 403
        ours, theirs = await add_unit(running.database, "Phòng SHTT", "lan"), await add_unit(running.database, "Khác")
        text = 'Chào {ten}, yêu cầu {ma} về {chu_de} hẹn {han}. {can_bo}, {don_vi}, {so} "ạ" {han}'
        first = await add_canned(running.database, title="Cả Sở", text=text)
        await add_canned(running.database, title="Phòng tôi", unit_id=ours)
        await add_canned(running.database, title="Phòng khác", unit_id=theirs)
        code = await file_request(running.database, unit_id=ours, name="Nguyễn <b>Hoa</b>")
        page = await lan.get(f"{QUEUE}/{code}")
        assert "Cả Sở" in page.text
        assert "Phòng tôi" in page.text
        assert "Phòng khác" not in page.text
        assert CANNED not in page.text
        assert "Nguyễn <b>" not in page.text
        filled = await lan.get(f"{QUEUE}/{code}", mau=str(first))  # without scripts: the page comes with it filled in
        match = re.search(r'<textarea id="text"[^>]*>([^<]*)</textarea>', filled.text)
        assert match
        said = unescape(match[1])
        assert said.startswith(f"Chào Nguyễn <b>Hoa</b>, yêu cầu {code} về ")
        assert "Cán bộ lan, Phòng SHTT, " in said
        assert "{" not in said
        assert re.search(r"hẹn \d\d:\d\d ngày \d\d/\d\d/\d{4}\. ", said)


@pytest.mark.parametrize(
    ("slug", "name"), [("tra-loi", "text"), ("hoi-them", "text"), ("ket-luan", "text"), ("dong", "result"),
                       ("tu-choi", "reason"), ("gia-han", "reason")],
)  # fmt: skip
async def test_nothing_goes_out_with_a_gap_in_it(running: Running, slug: str, name: str) -> None:
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        code = await file_request(running.database)
        before = len(await messages(running.database, code))
        page = await lan.get(f"{QUEUE}/{code}")
        fields = {"token": token_of(page), "version": "1", name: "Hẹn chị {han} nhé"}
        refused = await lan.client.post(f"{QUEUE}/{code}/{slug}", data=fields)
        assert refused.status_code == 400
        assert "còn chỗ trống {han}" in text_of(refused)
        assert "Hẹn chị {han} nhé" in refused.text  # still there to be finished
        assert len(await messages(running.database, code)) == before
        note = {"token": token_of(page), "text": "Mẫu {han} hay bị quên"}
        assert (await lan.client.post(f"{QUEUE}/{code}/ghi-chu", data=note)).status_code == 303


def test_filling_in() -> None:
    values = dict.fromkeys(PLACEHOLDERS, None) | {"ten": "chị {ma} Hoa", "ma": "HT26-000000"}
    assert fill("{ten} {ma} {han} {khac} {{ma}}", values) == "chị {ma} Hoa HT26-000000 {han} {khac} {HT26-000000}"
    assert check_filled("{khac} {} { ten }") == "{khac} {} { ten }"
    with pytest.raises(PlaceholderLeft):
        check_filled("chào {can_bo}")
