"""The queue: who sees what in which tab, filters, search without diacritics, pages, and how much it asks."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert

from db.engine import Database
from db.models import Request, StaffRole
from db.queries import request_queue
from staff.access import Member
from staff.clock import due_words
from staff.queue import PAGE_SIZE, read_filter, read_queue
from staff.request_page import read_request
from tests.conftest import MakeSettings
from tests.harness import Running, running_service
from tests.staff.casework import add_unit, file_request, member_id, now, request_row
from tests.staff.driver import Browser, invite, text_of

QUEUE = "/staff/yeu-cau"
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(), understander) as service:
        yield service


def listed(page: Any) -> list[str]:
    assert page.status_code == 200, page.text
    return re.findall(r'class="main"><a href="/staff/yeu-cau/([^"]+)">', page.text)


async def test_tabs_hold_what_they_say(running: Running) -> None:
    database = running.database
    async with Browser(running) as lan, Browser(running) as chief:
        await lan.join(login="lan", role=StaffRole.OFFICER)
        await chief.join(login="chi", role=StaffRole.MANAGER)
        me = await member_id(database, "lan")
        ours, theirs = await add_unit(database, "Phòng SHTT", "lan"), await add_unit(database, "Phòng TĐC")
        late = await file_request(database, unit_id=ours, assignee_id=me, due_at=now() - HOUR, status="accepted")
        soon = await file_request(database, unit_id=ours, assignee_id=me, due_at=now() + HOUR, status="accepted")
        free = await file_request(database, unit_id=ours, due_at=now() + 2 * DAY)
        waiting = await file_request(database, unit_id=ours, status="waiting", due_at=now() - DAY)
        done = await file_request(database, unit_id=ours, assignee_id=me, status="closed")
        nobodys = await file_request(database, due_at=now() + 3 * DAY)
        foreign = await file_request(database, unit_id=theirs, due_at=now() - 2 * DAY)
        lent = await file_request(database, unit_id=theirs, assignee_id=me, due_at=now() + 5 * DAY)

        async def tab(browser: Browser, slug: str) -> list[str]:
            return listed(await browser.get(QUEUE, muc=slug))

        assert listed(await lan.get(QUEUE)) == [late, soon, lent]  # the first tab of an officer; what is due first
        assert await tab(lan, "cua-toi") == [late, soon, lent]
        assert await tab(lan, "don-vi") == [waiting, late, soon, free]
        assert await tab(lan, "chua-giao") == [waiting, free, nobodys]
        assert await tab(lan, "qua-han") == [late]  # one that waits for the person is not overdue
        assert await tab(lan, "cho-dan") == [waiting]
        assert await tab(lan, "tat-ca") == [lent, nobodys, done, waiting, free, soon, late]  # newest first
        assert await tab(chief, "tat-ca") == [lent, foreign, nobodys, done, waiting, free, soon, late]
        assert await tab(chief, "qua-han") == [foreign, late]
        page = text_of(await lan.get(QUEUE))
        assert "Của tôi 3 yêu cầu" in page
        assert "Quá hạn 1 yêu cầu" in page
        assert "Đơn vị tôi" not in text_of(await chief.get(QUEUE))  # is in none

        assert await _found(lan, muc="cua-toi", trang_thai="closed") == [done]
        assert await _found(lan, muc="tat-ca", trang_thai="waiting") == [waiting]
        assert await _found(lan, muc="tat-ca", han="overdue") == [late]
        assert set(await _found(lan, muc="tat-ca", han="week")) == {late, soon, free, nobodys, lent}
        assert await _found(chief, don_vi=str(theirs)) == [lent, foreign]
        assert set(await _found(chief, can_bo=str(me))) == {lent, done, soon, late}
        assert await _found(lan, muc="tat-ca", don_vi=str(theirs)) == [lent]  # asking for a unit opens it to nobody
        assert await _found(lan, muc="tat-ca", don_vi=str(ours)) == [done, waiting, free, soon, late]
        assert await _found(lan, muc="tat-ca", can_bo=str(me)) == [lent, done, soon, late]
        assert await _found(lan, muc="tat-ca", don_vi=str(theirs), can_bo=str(me)) == [lent]
        await file_request(database, unit_id=theirs, assignee_id=await member_id(database, "chi"))
        shared = await file_request(database, assignee_id=await member_id(database, "chi"), status="closed")
        assert await _found(lan, muc="tat-ca", can_bo=str(await member_id(database, "chi"))) == [shared]
        assert len(await _found(chief, tinh="vinh-long")) == 10
        assert await _found(chief, tinh="ha-noi") == []
        assert await _found(chief, kenh="web") == []
        assert len(await _found(chief, chu_de="nhan-hieu", kenh="telegram")) == 10
        for odd in ("x", "1'--", "9" * 30, "²"):
            assert len(await _found(chief, don_vi=odd, trang_thai=odd, sau=odd, muc=odd)) == 10
            assert (await chief.get(QUEUE, sau=f"{odd}-{odd}")).status_code == 200


async def test_an_empty_tab_of_ones_own_points_to_what_nobody_has(running: Running) -> None:
    database, none = running.database, "Chưa có yêu cầu nào của anh/chị."
    async with Browser(running) as lan:
        await lan.join(login="lan", role=StaffRole.OFFICER)
        theirs = await add_unit(database, "Phòng TĐC")
        await file_request(database, unit_id=theirs)  # nobody has it either, but it is not for them to see
        page = text_of(await lan.get(QUEUE))
        assert none in page
        assert "chưa giao" not in page
        free = await file_request(database)
        page = await lan.get(QUEUE)
        link = re.search(rf'{none} Đang có <a href="([^"]+)">1 yêu cầu chưa giao</a>[.]', page.text)
        assert link
        assert listed(await lan.client.get(link[1])) == [free]
        assert none not in text_of(await lan.get(QUEUE, kenh="web"))  # a filter that finds nothing says so itself
        assert none not in text_of(await lan.get(QUEUE, muc="qua-han"))
        await file_request(database, assignee_id=await member_id(database, "lan"), status="accepted")
        assert none not in text_of(await lan.get(QUEUE))


async def _found(browser: Browser, **given: str) -> list[str]:
    return listed(await browser.get(QUEUE, **{key.replace("_", "-"): value for key, value in given.items()}))


async def test_search(running: Running) -> None:
    database = running.database
    async with Browser(running) as chief, Browser(running) as lan:
        await chief.join(login="chi", role=StaffRole.MANAGER)
        await lan.join(login="lan", role=StaffRole.OFFICER)
        unit = await add_unit(database, "Phòng TĐC")
        hoa = await file_request(database, description="Xin hướng dẫn mã vạch cho bưởi da xanh")
        dung = await file_request(
            database, unit_id=unit, name="Trần Văn Dũng", phone="+84987654321", organisation="Công ty Đất Mới",
            description="Kiểm định cân",
        )  # fmt: skip
        for text in (dung, dung.lower().replace("-", ""), "tran van dung", "Đất mới", "DAT MOI", "0987 654 321",
                     "654321", "kiểm định", "kiem di"):  # fmt: skip
            assert await _found(chief, tim=text) == [dung], text
            assert await _found(lan, tim=text) == [], text  # another unit's
        assert await _found(chief, tim="buoi da xanh") == [hoa]
        assert await _found(lan, tim="buoi da xanh", muc="cua-toi") == [hoa]  # a search goes through all tabs
        assert await _found(chief, tim="buoi", trang_thai="closed") == []
        for nothing in ("%", "không có chữ nào", "' OR 1=1", "9" * 90):
            assert await _found(chief, tim=nothing) == [], nothing
        page = await chief.get(QUEUE, tim='"><script>alert(1)</script>')
        assert "<script>alert" not in page.text


async def test_what_people_typed_shows_as_typed(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        code = await file_request(
            running.database, description="<script>alert('x')</script> <b>đậm</b>", name="<i>Hoa</i> =1+1"
        )
        for path in (QUEUE, f"{QUEUE}/{code}"):
            page = await lan.get(path)
            assert "<script>alert" not in page.text
            assert "<b>đậm" not in page.text
            assert "<i>Hoa" not in page.text
            assert "&lt;i&gt;Hoa&lt;/i&gt; =1+1" in page.text


async def _copy(running: Running, code: str, count: int, **values: Any) -> None:
    """Many requests like one, all due at the same moment unless told otherwise."""
    row = dict((await request_row(running.database, code))._mapping)
    del row["id"]

    def write(connection: Connection) -> None:
        rows = [{**row, "code": f"HT26-{n:06d}", "idempotency_key": f"copy{n}", **values} for n in range(count)]
        connection.execute(insert(Request), rows)

    await running.database.write(write)


async def test_pages_miss_nothing_and_repeat_nothing(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        first = await file_request(running.database)
        await _copy(running, first, 2 * PAGE_SIZE + 10)
        for tab in ("tat-ca", "chua-giao", "chua-giao&trang-thai=new", "tat-ca&trang-thai=new"):
            seen: list[str] = []
            address = f"{QUEUE}?muc={tab}"
            while address:
                page = await lan.client.get(address)
                rows = listed(page)
                assert len(rows) <= PAGE_SIZE
                seen += rows
                match = re.search(r'rel="next" href="([^"]+)"', page.text)
                address = match[1].replace("&amp;", "&") if match else ""
            assert len(seen) == len(set(seen)) == 2 * PAGE_SIZE + 11


async def test_pages_take_few_statements(make_settings: MakeSettings) -> None:
    """With the one that finds the session, at most nine for the queue and thirteen for a request."""
    database = Database(make_settings().database_url)
    await invite(database)
    code = await file_request(database, description="một hai ba bốn năm sáu bảy tám đăng ký")
    member = Member(1, "lan", "Lan", StaffRole.MANAGER)

    def count(connection: Connection, read: Callable[[], Any]) -> tuple[Any, int]:
        statements: list[str] = []
        event.listen(connection, "before_cursor_execute", lambda *given: statements.append(given[2]))
        return read(), len([one for one in statements if one != "BEGIN"])

    def queue(connection: Connection, asked: dict[str, str]) -> Any:
        viewer = request_queue.viewer_of(connection, 1, sees_all=True)
        return read_queue(connection, read_filter(asked, member, now=now()), viewer, department_id=1, now=now())

    for asked in ({}, {"tim": "mot hai ba bon nam sau bay tam"}, {"tim": "dang ky", "kenh": "telegram"}):
        found, number = await database.read(lambda c, a=asked: count(c, lambda: queue(c, a)))
        assert [row.code for row in found.rows] == [code]
        assert 4 < number <= 8, asked
    viewer = request_queue.Viewer(1, (), sees_all=False, finds_units=True)
    await file_request(database, description="một hai ba bốn năm sáu bảy tám đăng ký")
    found, number = await database.read(
        lambda c: count(c, lambda: read_request(c, code, viewer, department_id=1, now=now()))
    )
    assert found.request.code == code
    assert found.similar
    assert 4 < number <= 12  # with the one that finds the session: thirteen
    await database.close()


async def test_another_departments_requests_are_not_listed(running: Running) -> None:
    from tests.staff.casework import add_other_department

    async with Browser(running) as lan:
        await lan.join()
        code = await file_request(running.database)
        other = await add_other_department(running.database)
        await _copy(running, code, 1, department_id=other)
        assert await _found(lan, muc="tat-ca") == [code]
        assert (await lan.get(f"{QUEUE}/HT26-000000")).status_code == 404


def test_an_address_is_read_for_what_it_knows() -> None:
    member = Member(1, "lan", "Lan", StaffRole.OFFICER)
    moment = dt.datetime(2026, 11, 22, 3, tzinfo=dt.UTC)
    asked = read_filter({"muc": "qua-han", "han": "today", "tinh": "can-tho"}, member, now=moment)
    assert asked.wanted.tab is request_queue.Tab.OVERDUE
    assert asked.wanted.due_before == dt.datetime(2026, 11, 22, 17, tzinfo=dt.UTC)
    assert asked.query == "muc=qua-han&tinh=can-tho&han=today"
    assert read_filter({"sau": "1-2"}, member, now=moment).after == request_queue.Position(
        dt.datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC), 2
    )


class _Row:
    def __init__(self, due_at: dt.datetime, *, is_open: bool = True, is_running: bool = True, rough: bool = False):
        self.due_at, self.is_open, self.is_running, self.due_provisional = due_at, is_open, is_running, rough


@pytest.mark.parametrize(
    ("row", "words", "tone"),
    [
        (_Row(dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC)), "hôm nay lúc 16:00", "warn"),
        (_Row(dt.datetime(2026, 11, 22, 17, tzinfo=dt.UTC)), "ngày mai lúc 00:00", "warn"),
        (_Row(dt.datetime(2026, 11, 27, 9, tzinfo=dt.UTC)), "còn 5 ngày, đến 27/11", "plain"),
        (_Row(dt.datetime(2028, 1, 4, 2, tzinfo=dt.UTC), rough=True), "còn 408 ngày, đến 04/01 (dự kiến)", "plain"),
        (_Row(dt.datetime(2026, 11, 22, 2, 59, tzinfo=dt.UTC)), "vừa quá hạn", "bad"),
        (_Row(dt.datetime(2026, 11, 21, 23, tzinfo=dt.UTC)), "quá hạn 4 giờ", "bad"),
        (_Row(dt.datetime(2026, 11, 20, 3, tzinfo=dt.UTC)), "quá hạn 2 ngày", "bad"),
        (_Row(dt.datetime(2026, 11, 20, 3, tzinfo=dt.UTC), is_running=False), "tạm dừng, chờ người dân", "plain"),
        (_Row(dt.datetime(2026, 11, 20, 3, tzinfo=dt.UTC), is_open=False), "không còn tính hạn", "plain"),
    ],
)
def test_due_times_in_words(row: _Row, words: str, tone: str) -> None:
    assert due_words(row, dt.datetime(2026, 11, 22, 3, tzinfo=dt.UTC)) == (words, tone)


async def test_search_goes_on_where_a_batch_ends(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Filtered search results may be thinner than a page and still have more behind them."""
    import staff.queue

    monkeypatch.setattr(staff.queue, "SEARCH_BATCH", 2)
    database = running.database
    await invite(database)
    wanted = await file_request(database, description="bưởi", status="waiting")
    for _ in range(3):
        await file_request(database, description="bưởi")
    member = Member(99, "chi", "Chi", StaffRole.MANAGER)
    viewer = request_queue.Viewer(99, (), sees_all=True)
    given, found = {"tim": "buoi", "trang-thai": "waiting"}, []
    for _ in range(4):
        asked = read_filter(given, member, now=now())
        queue = await database.read(lambda c, a=asked: read_queue(c, a, viewer, department_id=1, now=now()))
        found += [row.code for row in queue.rows]
        if queue.next_page is None:
            break
        given["sau"] = queue.next_page
    assert found == [wanted]
