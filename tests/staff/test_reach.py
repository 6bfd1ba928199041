"""Whether a text would go out now, in words: the window of a channel, who left, what was erased."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest

from db.queries.privacy import HANDLE_REQUEST
from db.queries.request_export import ExportFilter, list_in_full
from desk import consent
from desk.tables import Format
from staff.request_export import cells
from staff.windows import Window, reach_of
from tests.conftest import MakeSettings
from tests.harness import running_service
from tests.staff.casework import file_request, request_row, withdraw_consent
from tests.staff.driver import Browser, sql, text_of
from tests.staff.test_exports import rows_of
from tests.staff.test_undelivered import stuck

NOW = dt.datetime(2026, 11, 22, 3, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
FREE, PAID = Window(48 * HOUR, 7 * DAY, pays=False), Window(48 * HOUR, 7 * DAY, pays=True)


@pytest.mark.parametrize(
    ("ago", "window", "goes", "said"),
    [
        (HOUR, FREE, True, "Còn 47 giờ để nhắn qua Zalo OA (đến 09:00 24/11)"),
        (48 * HOUR - dt.timedelta(minutes=20), FREE, True, "Còn 20 phút"),
        (48 * HOUR, FREE, True, "Còn 1 phút"),
        (48 * HOUR + dt.timedelta(seconds=1), FREE, False, "Đã hết giờ nhắn qua Zalo OA từ 09:59 22/11"),
        (3 * DAY, PAID, True, "tính tiền tin này. Còn gửi được đến 10:00 26/11"),
        (7 * DAY + HOUR, PAID, False, "Đã hết giờ nhắn"),
        (None, FREE, False, "chưa nhắn gì"),
        (400 * DAY, None, True, "Tin đi ngay qua Zalo OA"),
    ],
)
def test_the_window_in_words(ago: dt.timedelta | None, window: Window | None, goes: bool, said: str) -> None:
    row = SimpleNamespace(
        conversation_id=1, channel="zalo", unreachable_at=None, last_interaction_at=None if ago is None else NOW - ago
    )
    reach = reach_of(row, {"zalo": window} if window else {}, NOW, is_off=False)
    assert reach.goes is goes
    assert said in reach.sentence


def test_who_cannot_be_written_to_at_all() -> None:
    left = SimpleNamespace(conversation_id=1, channel="telegram", unreachable_at=NOW, last_interaction_at=NOW)
    assert "chặn hoặc rời" in reach_of(left, {}, NOW, is_off=True).sentence
    erased = SimpleNamespace(conversation_id=None, channel="zalo", unreachable_at=None, last_interaction_at=None)
    assert not reach_of(erased, {"zalo": FREE}, NOW, is_off=False).goes
    off = SimpleNamespace(conversation_id=1, channel="zalo", unreachable_at=None, last_interaction_at=NOW)
    reach = reach_of(off, {"zalo": FREE}, NOW, is_off=True)
    assert not reach.goes
    assert "Kênh Zalo OA đang tắt" in reach.sentence


async def test_the_page_says_what_remains_and_offers_the_phone(make_settings: MakeSettings, understander) -> None:
    zalo = {"zalo_app_id": "1", "zalo_app_secret": "s" * 16, "zalo_oa_id": "2", "zalo_oa_secret": "o" * 16}
    async with running_service(make_settings(**zalo), understander) as running, Browser(running) as lan:
        await lan.join()
        code = await file_request(running.database, on_channel="zalo", channel="zalo")
        row = await request_row(running.database, code)
        for ago, said, offered in ((HOUR, "Còn 46 giờ", 1), (3 * DAY, "Đã hết giờ nhắn qua Zalo OA", 2)):
            await sql(
                running.database, "UPDATE conversations SET last_interaction_at = :at WHERE id = :id",
                at=dt.datetime.now(dt.UTC) - ago - dt.timedelta(minutes=1), id=row.conversation_id,
            )  # fmt: skip
            page = await lan.get(f"/staff/yeu-cau/{code}")
            assert said in text_of(page)
            assert page.text.count("0912 345 678") == offered


async def test_a_channel_that_is_switched_off_says_so(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running, Browser(running) as lan:
        await lan.join()
        code = await file_request(running.database)
        page = f"/staff/yeu-cau/{code}"
        assert "Tin đi ngay qua Telegram" in text_of(await lan.get(page))
        for channel, mode, is_said in (("web", "off", False), ("telegram", "paused", False), ("telegram", "off", True)):
            fields = {"mode": mode, "notice": "Tạm nghỉ ạ."}
            assert (await lan.post(f"/staff/kenh/{channel}", form_on="/staff/kenh", **fields)).status_code == 303
            shown = text_of(await lan.get(page))
            assert ("Kênh Telegram đang tắt" in shown) is is_said
            assert ("Tin đi ngay qua Telegram" in shown) is not is_said


async def test_who_withdrew_their_consent_is_not_called(make_settings: MakeSettings, understander) -> None:
    """What the chat promises at once: the number is told nowhere it could be called from, until they agree anew."""
    async with running_service(make_settings(), understander) as running, Browser(running) as lan:
        await lan.join()
        database = running.database
        code, _ = await stuck(running)
        other = await file_request(database, phone="+84987000111", description="Việc khác hẳn")
        page, undelivered, queue = f"/staff/yeu-cau/{code}", "/staff/chua-gui", "/staff/yeu-cau"
        search = f"{queue}?tim=345678"

        async def everywhere() -> dict[str, str]:
            """What each page or file that tells of the request says."""
            told = {path: (await lan.get(path)).text for path in (page, undelivered, search)}
            for path in (queue, undelivered):
                for kind in Format:
                    told[f"{path}.{kind}"] = str(rows_of(await lan.get(f"{path}.{kind}")))
            filed = await database.read(lambda c: list_in_full(c, ExportFilter(), department_id=1))
            told["the command"] = str([cells(row, {}) for row in filed])
            return told

        before = await everywhere()
        assert [where for where, said in before.items() if "0912 345 678" not in said] == [search]
        assert "Đã gọi" in before[page]
        await withdraw_consent(database, code)
        after = await everywhere()
        assert "đã rút đồng ý" in after[page]
        assert "Đã gọi" not in after[page]
        for where, said in after.items():
            assert code in said, where
            for form in ("0912 345 678", "0912345678", "912345678"):
                assert form not in said, where
        for where in (f"{queue}.csv", f"{queue}.xlsx", "the command"):
            assert (other in after[where], "0987 000 111" in after[where]) == (True, True)  # nobody else's is missing
        assert HANDLE_REQUEST == consent.Purpose.HANDLE_REQUEST


async def test_a_number_withdrawn_joins_no_requests(make_settings: MakeSettings, understander) -> None:
    """Neither page of two requests from one number says so once either person withdrew; the other keeps its own."""
    async with running_service(make_settings(), understander) as running, Browser(running) as lan:
        await lan.join()
        one = await file_request(running.database, description="Tôi hỏi về mã vạch")
        two = await file_request(running.database, description="Xin hướng dẫn kiểm định cân")
        for code in (one, two):
            assert "cùng số điện thoại" in text_of(await lan.get(f"/staff/yeu-cau/{code}"))
        await withdraw_consent(running.database, one)
        for code, phones in ((one, 0), (two, 1)):
            page = text_of(await lan.get(f"/staff/yeu-cau/{code}"))
            assert "cùng số điện thoại" not in page, code
            assert page.count("0912 345 678") == phones
