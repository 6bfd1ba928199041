"""One request's page: the case from filing to closing, stale saves, delivery told as it is, files, who may see it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Connection, select

from db.models import AuditEvent, OutboxMessage, RequestHistory, StaffRole
from db.queries import requests
from desk import actions
from desk.change import Actor
from desk.settings import load_desk
from staff.app import PAGES
from staff.request_actions import ACTIONS
from tests.conftest import MakeSettings
from tests.harness import Running, running_service
from tests.staff.casework import add_unit, file_request, member_id, messages, now, request_row, set_delivery
from tests.staff.driver import Browser, sql, text_of, token_of

QUEUE = "/staff/yeu-cau"


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(), understander) as service:
        yield service


def version_of(page: Any) -> str:
    match = re.search(r'name="version" value="(\d+)"', page.text)
    assert match, page.text
    return match[1]


async def act(browser: Browser, code: str, slug: str, **fields: str) -> Any:
    """Fill in a form of the page as it is now."""
    page = await browser.get(f"{QUEUE}/{code}")
    assert f'action="{QUEUE}/{code}/{slug}"' in page.text, f"the page offers no {slug}"
    given = {"token": token_of(page), "version": version_of(page), **fields}
    return await browser.client.post(f"{QUEUE}/{code}/{slug}", data=given)


async def done(browser: Browser, code: str, slug: str, **fields: str) -> str:
    """Do something and read the page it leads to."""
    response = await act(browser, code, slug, **fields)
    assert response.status_code == 303, text_of(response)
    return text_of(await browser.get(response.headers["location"]))


async def person_writes(running: Running, code: str, text: str) -> None:
    row = await request_row(running.database, code)

    def write(connection: Connection) -> None:
        desk = load_desk(connection, department_id=1)
        actor = Actor.person(row.conversation_id)
        actions.person_wrote(connection, desk, request_id=row.id, text=text, actor=actor, now=now())

    await running.database.write(write)


async def test_a_case_from_new_to_reopened(running: Running) -> None:
    database = running.database
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        code = await file_request(database)
        page = text_of(await lan.get(f"{QUEUE}/{code}"))
        for shown in (code, "Nguyễn Thị Hoa", "HTX Bình Minh", "0912 345 678", "Vĩnh Long (Bến Tre cũ)", "Hợp tác xã",
                      "Xã Mỹ Thạnh An", "Tôi muốn đăng ký nhãn hiệu", "Telegram", "Mới"):  # fmt: skip
            assert shown in page, shown

        assert "Đã báo: đã nhận được yêu cầu." in page
        assert (await request_row(database, code)).unread_at is not None
        for said in (page, text_of(await lan.get(QUEUE, muc="chua-giao"))):
            assert "Mới" in said
            assert "tin mới" not in said  # one tag says it
        assert "Đánh dấu đã đọc" not in page
        assert "đã nhận yêu cầu này" in await done(lan, code, "nhan")
        assert (await request_row(database, code)).assignee_id == await member_id(database, "lan")
        page = await done(lan, code, "hoi-them", text="Chị gửi giúp ảnh nhãn")
        assert "Thời hạn tạm dừng" in page
        assert "tạm dừng, chờ người dân" in page
        assert (await request_row(database, code)).paused_at is not None
        await person_writes(running, code, "Ảnh đây ạ")
        page = text_of(await lan.get(f"{QUEUE}/{code}"))
        assert "tin mới" in page
        assert page.index("Chị gửi giúp ảnh nhãn") < page.index("Ảnh đây ạ")
        assert "đã đọc" in await done(lan, code, "da-doc")
        assert (await request_row(database, code)).unread_at is None

        page = await done(lan, code, "ghi-chu", text="Gọi lại sau 3 giờ")
        assert "Gọi lại sau 3 giờ" in page
        assert "Người dân không thấy" in page
        await done(lan, code, "tra-loi", text="Cảm ơn chị, tôi đang xem")
        assert "Khẩn" in await done(lan, code, "uu-tien", priority="urgent")
        await done(lan, code, "ket-luan", text="Hồ sơ gồm hai bản")
        assert (await request_row(database, code)).status == "answered"
        page = await done(lan, code, "dong", result="Đã hướng dẫn hồ sơ")
        assert "Đã xong" in page
        assert "Đã hướng dẫn hồ sơ" in page
        await done(lan, code, "mo-lai", reason="Chị hỏi thêm một ý")
        assert (await request_row(database, code)).status == "reopened"
        assert "Từ chối" in await done(lan, code, "tu-choi", reason="Trùng với yêu cầu khác")

        row = await request_row(database, code)
        statement = select(RequestHistory.action, RequestHistory.staff_member_id).where(
            RequestHistory.request_id == row.id
        )
        history = [tuple(found) for found in await database.read(lambda c: c.execute(statement).all())]
        me = await member_id(database, "lan")
        named = ["accept", "ask_for_more", "mark_read", "note", "reply", "set_priority", "answer", "close", "reopen",
                 "reject"]  # fmt: skip
        assert [action for action, member in history if member == me] == named
        audit = select(AuditEvent.action).where(AuditEvent.staff_member_id == me).order_by(AuditEvent.id)
        audited = await database.read(lambda c: c.execute(audit).scalars().all())
        assert [action for action in audited if action.startswith("request.")] == [f"request.{name}" for name in named]
        sent = select(OutboxMessage.reply).where(OutboxMessage.conversation_id == row.conversation_id)
        told = str(await database.read(lambda c: c.execute(sent).scalars().all()))
        assert "Hồ sơ gồm hai bản" in told
        assert "Gọi lại sau 3 giờ" not in told  # a note never leaves
        assert "hỏi thêm một ý" not in told


async def test_a_stale_save_is_refused_and_loses_nothing(running: Running) -> None:
    """Two officers have the page open; the second to save is told so, with the text still in its form."""
    database = running.database
    typed = 'Chị ơi, <b>hồ sơ</b> gồm "hai" bản & một ảnh'
    async with Browser(running) as lan, Browser(running) as minh:
        await lan.join(login="lan", role=StaffRole.OFFICER)
        await minh.join(login="minh", role=StaffRole.OFFICER)
        code = await file_request(database)
        old = await lan.get(f"{QUEUE}/{code}")
        await done(minh, code, "tra-loi", text="Tôi trả lời trước")
        before = len(await messages(database, code))
        for slug, name in (("tra-loi", "text"), ("dong", "result"), ("tu-choi", "reason"), ("gia-han", "reason")):
            for version in (version_of(old), "", "0", "-1", "x", "99999999999"):
                fields = {"token": token_of(old), "version": version, name: typed}
                refused = await lan.client.post(f"{QUEUE}/{code}/{slug}", data=fields)
                assert refused.status_code == 409, (slug, version)
                assert "Có người vừa thay đổi" in text_of(refused)
                assert "Tôi trả lời trước" in text_of(refused)  # what changed is on the same page
                from html import unescape

                kept = re.search(rf'<textarea[^>]* name="{name}"[^>]*>([^<]*hồ sơ[^<]*)</textarea>', refused.text)
                assert kept and unescape(kept[1]) == typed
                assert len(await messages(database, code)) == before
        again = {"token": token_of(refused), "version": version_of(refused), "text": typed}
        assert (await lan.client.post(f"{QUEUE}/{code}/tra-loi", data=again)).status_code == 303
        assert (await messages(database, code))[-1].text == typed


async def test_what_the_desk_refuses_is_said_with_the_form_kept(running: Running) -> None:
    database = running.database
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        code = await file_request(database)

        async def refused(slug: str, status: int, sentence: str, **fields: str) -> str:
            page = await lan.get(f"{QUEUE}/{code}")
            given = {"token": token_of(page), "version": version_of(page), **fields}
            response = await lan.client.post(f"{QUEUE}/{code}/{slug}", data=given)
            assert response.status_code == status, text_of(response)
            assert sentence in text_of(response)
            return response.text

        before = await request_row(database, code)
        await refused("tra-loi", 400, "chưa điền", text="  \n ")
        await refused("tra-loi", 400, "dài quá 4000 ký tự", text="a" * 4001)
        await refused("dong", 400, "chưa điền")
        await refused("tiep-tuc", 409, "Chưa làm được việc này")
        await refused("mo-lai", 409, "Chưa làm được việc này", reason="x")
        for assignee in ("999", "x", "-1"):
            await refused("giao", 400, "chọn lại", assignee=assignee)
        for unit in ("", "999", "x"):
            await refused("chuyen", 400, "chọn lại", unit=unit)
        await refused("uu-tien", 400, "chọn lại", priority="x")
        await refused("da-goi", 400, "chọn lại", message="999")
        page = await refused("chuyen-ngoai", 400, "chưa đồng ý", agency="Sở Công Thương", where="Số 1", shared="1")
        assert 'value="Sở Công Thương"' in page
        assert await request_row(database, code) == before


async def test_nobody_who_does_not_work_on_requests_is_given_one(running: Running) -> None:
    async with Browser(running) as lan, Browser(running) as auditor:
        await lan.join(role=StaffRole.MANAGER)
        await auditor.join(login="kiem", role=StaffRole.AUDITOR)
        code = await file_request(running.database)
        checker = str(await member_id(running.database, "kiem"))
        assert (await act(lan, code, "giao", assignee=checker)).status_code == 400
        me = await member_id(running.database, "lan")
        assert (await act(lan, code, "giao", assignee=str(me))).status_code == 303
        assert (await request_row(running.database, code)).assignee_id == me
        assert (await act(lan, code, "giao", assignee="")).status_code == 303
        assert (await request_row(running.database, code)).assignee_id is None


async def test_another_units_request_is_not_there(running: Running) -> None:
    """An officer of another unit gets 404 on the page, its files and every form, and nothing changes."""
    database = running.database
    async with Browser(running) as lan, Browser(running) as minh:
        await lan.join(login="lan", role=StaffRole.OFFICER)
        await minh.join(login="minh", role=StaffRole.OFFICER)
        ours, theirs = await add_unit(database, "Phòng SHTT", "lan"), await add_unit(database, "Phòng TĐC", "minh")
        code = await file_request(database, unit_id=theirs)
        before = await request_row(database, code)
        token = token_of(await lan.get("/staff/"))
        assert (await lan.get(f"{QUEUE}/{code}")).status_code == 404
        assert (await lan.get(f"{QUEUE}/{code}/tep/1")).status_code == 404
        for form in ACTIONS:
            fields = {"token": token, "version": "1", "text": "x", "result": "x", "reason": "x", "unit": str(ours)}
            response = await lan.client.post(f"{QUEUE}/{code}/{form.slug}", data=fields)
            assert response.status_code == 404, form.slug
            assert code not in response.text
        assert await request_row(database, code) == before

        page = await done(minh, code, "chuyen", unit=str(ours), reason="Việc của phòng SHTT")
        assert "nay thuộc đơn vị khác" in page
        assert (await minh.get(f"{QUEUE}/{code}")).status_code == 404
        assert "Việc của phòng SHTT" in text_of(await lan.get(f"{QUEUE}/{code}"))
        for odd in ("HT26-000000", "x", "HT26", code + "0", "%00", "..%2f"):
            assert (await lan.get(f"{QUEUE}/{odd}")).status_code == 404, odd
        assert (await lan.get(f"{QUEUE}/{code.lower().replace('-', '')}")).status_code == 200  # as people type it


async def test_an_auditor_reads_and_is_offered_nothing(running: Running) -> None:
    async with Browser(running) as auditor, Browser(running) as curator:
        await auditor.join(login="kiem", role=StaffRole.AUDITOR)
        await curator.join(login="bien", role=StaffRole.CURATOR)
        code = await file_request(running.database)
        page = await auditor.get(f"{QUEUE}/{code}")
        assert page.status_code == 200
        assert f"{QUEUE}/{code}/" not in page.text
        token = token_of(page)
        for browser in (auditor, curator):
            for form in ACTIONS:
                given = {"token": token_of(await browser.get("/staff/")), "version": "1", "text": "x"}
                response = await browser.client.post(f"{QUEUE}/{code}/{form.slug}", data=given)
                assert response.status_code == 403, form.slug
        assert token
        assert (await curator.get(QUEUE)).status_code == 403
        assert QUEUE not in (await curator.get("/staff/")).text


def test_every_form_of_the_desk_has_its_page() -> None:
    posts = {page.path for page in PAGES if page.method == "POST"}
    assert {f"{QUEUE}/{{code}}/{form.slug}" for form in ACTIONS} <= posts
    from desk.states import TRANSITIONS, Who

    staffs = {row.action for row in TRANSITIONS if Who.STAFF in row.who}
    assert staffs - {form.action for form in ACTIONS} == set()


# -- delivery -----------------------------------------------------------------------------------------------------


async def test_delivery_is_told_as_it_is(running: Running) -> None:
    database, moment = running.database, dt.datetime(2026, 11, 22, 3, 5, tzinfo=dt.UTC)
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        code = await file_request(database)
        await done(lan, code, "tra-loi", text="Chào chị Hoa")
        said = (await messages(database, code))[-1].id

        async def shown(**values: Any) -> str:
            if values:
                await set_delivery(database, said, **values)
            page = await lan.get(f"{QUEUE}/{code}")
            article = page.text[page.text.index(f'id="tin-{said}"') :]
            return article[: article.index("</article>")]

        assert "Đang chờ gửi" in await shown(status="queued")
        assert "Đã gửi lúc 22/11/2026 10:05" in await shown(status="sent", sent_at=moment)
        assert "Đã tới lúc 22/11/2026 10:05" in await shown(delivered_at=moment)
        assert "Đã xem lúc 22/11/2026 10:05" in await shown(seen_at=moment)
        for status, error, why in (
            ("waiting_window", "WindowClosed: -230", "đã hết thời gian kênh cho phép nhắn"),
            ("undeliverable", "RecipientUnreachable: 403", "người nhận đã chặn hoặc rời đi"),
            ("undeliverable", None, "kênh không nhận"),
        ):
            part = await shown(status=status, error=error, sent_at=None, delivered_at=None, seen_at=None)
            assert f"Chưa gửi được: {why}, gọi điện" in part
            assert 'href="tel:+84912345678"' in part
        page = await done(lan, code, "da-goi", message=str(said))
        assert "Đã gọi điện lúc" in page
        message = (await messages(database, code))[-1]
        assert message.called_by == await member_id(database, "lan")
        assert "/da-goi" not in await shown()
        other = await file_request(database)
        page = await lan.get(f"{QUEUE}/{other}")
        fields = {"token": token_of(page), "version": version_of(page), "message": str(said)}
        response = await lan.client.post(f"{QUEUE}/{other}/da-goi", data=fields)
        assert response.status_code == 400  # a message of another request


async def test_what_was_asked_before_and_what_may_be_the_same(running: Running) -> None:
    database = running.database
    async with Browser(running) as lan:
        await lan.join()
        first, second = await file_request(database), await file_request(database, phone="+84912345678")
        row = await request_row(database, second)
        for number, offset in ((1, -60), (2, 60)):
            moment = row.created_at + dt.timedelta(seconds=offset)
            await sql(
                database,
                "INSERT INTO turns (department_id, key, conversation_id, channel, created_at, text, outcome, details)"
                " VALUES (1, :key, :person, 'telegram', :at, :text, 'answer', '{}')",
                key=f"t{number}", person=row.conversation_id, at=moment, text=f"câu hỏi số {number}",
            )  # fmt: skip
        page = await lan.get(f"{QUEUE}/{second}")
        assert "câu hỏi số 1" in page.text
        assert "câu hỏi số 2" not in page.text  # after it was filed
        assert f'href="{QUEUE}/{first}"' in page.text


async def test_when_everything_personal_is_gone_the_page_still_opens(running: Running) -> None:
    database = running.database
    async with Browser(running) as lan:
        await lan.join()
        code = await file_request(database, status="closed")
        await sql(
            database,
            "UPDATE requests SET name = NULL, phone = NULL, organisation = NULL, description = NULL, place = NULL,"
            " province = NULL, old_province = NULL, conversation_id = NULL, question = NULL, requester_kind = NULL",
        )
        await sql(database, "UPDATE request_messages SET text = NULL, outbox_id = NULL")
        page = text_of(await lan.get(f"{QUEUE}/{code}"))
        assert "Nội dung đã được xoá" in page
        assert "không gửi đi được nữa" in page
        found = await database.read(lambda c: requests.find_by_code(c, code, department_id=1))
        assert found is not None
