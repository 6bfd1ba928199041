"""Holding a conversation and giving it back, correcting the topic, what may be the same matter."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from db.models import StaffRole
from db.queries import request_similar
from tests.conftest import MakeSettings
from tests.harness import Running, running_service
from tests.staff.casework import add_unit, file_request, member_id, request_row, take
from tests.staff.driver import Browser, sql, text_of
from tests.staff.test_requests import QUEUE, act, done


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(), understander) as service:
        yield service


async def test_a_conversation_is_held_and_given_back(running: Running) -> None:
    database = running.database
    async with Browser(running) as lan, Browser(running) as minh:
        await lan.join(role=StaffRole.OFFICER)
        await minh.join(login="minh", role=StaffRole.OFFICER)
        code = await file_request(database)
        row = await request_row(database, code)
        assert "Trợ lý tự động đang trả lời" in text_of(await lan.get(f"{QUEUE}/{code}"))
        page = await done(lan, code, "nhan-tro-chuyen")
        assert "Anh/chị đang giữ cuộc trò chuyện" in page
        held = await sql(database, "SELECT paused_until FROM conversations WHERE id = :id", id=row.conversation_id)
        assert held[0][0] is not None
        assert "Cán bộ lan đang giữ cuộc trò chuyện" in text_of(await minh.get(f"{QUEUE}/{code}"))
        await done(minh, code, "nhan-tro-chuyen")
        assert "Cán bộ minh đang giữ" in text_of(await lan.get(f"{QUEUE}/{code}"))
        page = await done(lan, code, "tra-lai")
        assert "Trợ lý tự động đang trả lời" in page
        held = await sql(database, "SELECT paused_until FROM conversations WHERE id = :id", id=row.conversation_id)
        assert held[0][0] is None
        told = [r[0] for r in await sql(database, "SELECT reply FROM outbox_messages ORDER BY id")]
        assert str(told).count("handover.started") == 2
        assert str(told).count("handover.ended") == 1
        audits = [r[0] for r in await sql(database, "SELECT action FROM audit_events ORDER BY id")]
        assert [one for one in audits if one.startswith("handover.")] == ["handover.take"] * 2 + ["handover.give_back"]


async def test_giving_back_what_nobody_holds_any_more(running: Running) -> None:
    async with Browser(running) as lan, Browser(running) as minh:
        await lan.join(role=StaffRole.OFFICER)
        await minh.join(login="minh", role=StaffRole.OFFICER)
        code = await file_request(running.database)
        await take(running.database, code, await member_id(running.database, "lan"))
        page = await minh.get(f"{QUEUE}/{code}")
        await done(lan, code, "tra-lai")
        from tests.staff.driver import token_of

        late = await minh.client.post(f"{QUEUE}/{code}/tra-lai", data={"token": token_of(page)})
        assert late.status_code == 400
        assert "đã được trả lại" in text_of(late)


async def test_who_erased_everything_has_no_conversation_to_hold(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        code = await file_request(running.database, status="closed")
        page = await lan.get(f"{QUEUE}/{code}")
        await sql(running.database, "UPDATE requests SET conversation_id = NULL")
        from tests.staff.driver import token_of

        answer = await lan.client.post(f"{QUEUE}/{code}/nhan-tro-chuyen", data={"token": token_of(page)})
        assert answer.status_code == 400
        assert "đã xoá dữ liệu" in text_of(answer)


async def test_the_topic_is_corrected_and_the_target_follows(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        code = await file_request(running.database)
        page = await done(lan, code, "chu-de", topic="ma-so-ma-vach")
        assert "Đã đổi chủ đề" in page
        assert (await request_row(running.database, code)).topic == "ma-so-ma-vach"
        assert "Đổi chủ đề" in page  # in the history
        for odd in ("khong-co", "<b>", "nhan-hieu'"):
            assert (await act(lan, code, "chu-de", topic=odd)).status_code == 400
        await done(lan, code, "chu-de", topic="")
        assert (await request_row(running.database, code)).topic is None


async def test_what_may_be_the_same_matter(running: Running) -> None:
    database = running.database
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        theirs = await add_unit(database, "Phòng khác")
        words = "Cân ô tô ở cảng Giao Long lệch nhiều so với bình thường"
        this = await file_request(database, description=words, phone="+84911111111")
        phone = await file_request(database, description="Chuyện khác hẳn", phone="+84911111111")
        alike = await file_request(database, description="cảng Giao Long cân ô tô lệch nhiều quá", phone="+84922222222")
        other = await file_request(database, description="Đăng ký nhãn hiệu cho bưởi", phone="+84933333333")
        hidden = await file_request(database, description=words, phone="+84911111111", unit_id=theirs)
        taxed = await file_request(database, description="Mã vạch", phone="+84944444444")
        await sql(
            database, "UPDATE requests SET tax_code = '0100109106' WHERE code IN (:one, :two)", one=this, two=taxed
        )
        person = (await request_row(database, this)).conversation_id
        mine = await file_request(database, description="Việc nữa", phone="+84955555555", conversation_id=person)
        page = await lan.get(f"{QUEUE}/{this}")
        section = page.text[page.text.index('id="similar"') :]
        section = text_of_part(section[: section.index("</section>")])
        for code, why in (
            (phone, "cùng số điện thoại"), (alike, "nội dung giống nhau"), (taxed, "cùng mã số thuế"),
            (mine, "cùng người nhắn"),
        ):  # fmt: skip
            assert why in section[section.index(code) :][:90], (code, section)
        assert other not in section
        assert hidden not in section  # another unit's
        assert this not in section


def text_of_part(part: str) -> str:
    import re

    return " ".join(re.sub(r"<[^>]+>", " ", part).split())


async def test_words_that_everybody_uses_make_nothing_alike(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_similar, "RARE", 2)
    async with Browser(running) as lan:
        await lan.join()
        codes = [
            await file_request(running.database, description="Xin hướng dẫn thủ tục giúp", phone=f"+8491111111{n}")
            for n in range(3)
        ]
        page = await lan.get(f"{QUEUE}/{codes[0]}")
        assert 'id="similar"' not in page.text
