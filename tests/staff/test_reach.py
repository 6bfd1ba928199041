"""Whether a text would go out now, in words: the window of a channel, who left, what was erased."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest
from sqlalchemy import Connection

from db.queries.request_queue import HANDLE_REQUEST
from desk import consent
from desk.settings import load_desk
from staff.windows import Window, reach_of
from tests.conftest import MakeSettings
from tests.harness import running_service
from tests.staff.casework import file_request, request_row
from tests.staff.driver import Browser, sql, text_of
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
        code, _ = await stuck(running)
        row = await request_row(running.database, code)
        page, undelivered = f"/staff/yeu-cau/{code}", "/staff/chua-gui"
        for path in (page, undelivered):
            assert "0912 345 678" in text_of(await lan.get(path))

        def withdraw(connection: Connection) -> bool:
            return consent.withdraw(
                connection, load_desk(connection, department_id=1), conversation_id=row.conversation_id,
                purpose=consent.Purpose.HANDLE_REQUEST, channel="telegram", now=dt.datetime.now(dt.UTC),
            )  # fmt: skip

        assert await running.database.write(withdraw)
        shown = await lan.get(page)
        assert "đã rút đồng ý" in text_of(shown)
        for path in (page, undelivered):
            found = await lan.get(path)
            assert code in text_of(found)
            for form in ("0912 345 678", "0912345678", "912345678"):
                assert form not in found.text, path
        assert HANDLE_REQUEST == consent.Purpose.HANDLE_REQUEST
