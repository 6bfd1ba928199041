"""The emergency switch: what a channel really does when it is off or paused, and the cards that say so."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.workers import retention_job
from db.models import InboxMessage, InboxStatus, OutboxMessage, OutboxStatus, StaffRole, SwitchMode, Turn
from db.queries import channels, operations, outbox
from handlers.texts import say
from staff import undelivered
from tests.channels.drivers import World, world
from tests.conftest import MakeSettings
from tests.harness import Running, WebPerson, running_service
from tests.staff.driver import Browser, sql, text_of
from tests.waiting import eventually

CHANNELS = "/staff/kenh"
NOTICE = "Trợ lý đang tạm nghỉ. Việc gấp xin gọi 0272 382 6246."
MENU = say("menu")
ZALO = {
    "zalo_app_id": "111", "zalo_app_secret": "app", "zalo_oa_id": "222", "zalo_oa_secret": "oa",
    "zalo_api_url": "http://127.0.0.1:9", "zalo_oauth_url": "http://127.0.0.1:9",
}  # fmt: skip
on_postgresql = pytest.mark.parametrize("make_settings", ["postgresql"], indirect=True)


async def switch(running: Running, channel: str, mode: SwitchMode, notice: str | None = None) -> None:
    """Switch and wait until this process obeys."""
    now = dt.datetime.now(dt.UTC)
    member = (await sql(running.database, "SELECT id FROM staff_members ORDER BY id LIMIT 1")) or [[None]]
    await running.database.write(
        lambda c: channels.set_switch(
            c, department_id=1, channel=channel, mode=mode, notice=notice, staff_member_id=member[0][0], now=now
        )
    )
    await eventually(lambda: running.service.live.switch(channel).mode is mode, 5)


async def rows(running: Running, what: Any, *where: Any) -> list[Any]:
    return list(await running.database.read(lambda c: c.execute(select(what).where(*where)).scalars().all()))


def sent(w: World) -> list[Any]:
    server = w.drivers["telegram"].server
    return [call for call in server.calls if call.method in {"sendMessage", "answerCallbackQuery"}]


async def switched_off(w: World) -> tuple[Any, int]:
    """Somebody on Telegram who was answered, and their conversation; then the channel is off."""
    person = w.drivers["telegram"].person()
    await person.says("menu")
    await w.answered(person)
    conversation = (await rows(w.running, OutboxMessage.conversation_id))[0]
    await switch(w.running, "telegram", SwitchMode.OFF)
    return person, conversation


async def test_off_stores_what_the_messenger_brings_and_answers_later(
    make_settings: MakeSettings, understander
) -> None:
    async with world(make_settings, understander, "telegram") as w:
        person, conversation = await switched_off(w)
        before = len(sent(w))
        await person.says("menu")
        await person.taps_lost_button("p")
        now = dt.datetime.now(dt.UTC)
        reply = {"body": "Lời cán bộ", "heading": None, "note": None, "choices": []}
        await w.database.write(lambda c: outbox.queue_reply(c, conversation, reply, now=now))
        is_new = InboxMessage.status == InboxStatus.NEW
        await eventually(lambda: _count(w, InboxMessage.id, is_new, 2))
        web = WebPerson(w.running)
        assert await web.says("menu")  # the other channels go on
        await asyncio.sleep(1.5)  # longer than the sweep and the deliverer wait
        assert len(sent(w)) == before
        assert len(await rows(w.running, InboxMessage.id, is_new)) == 2
        is_queued = OutboxMessage.status == OutboxStatus.QUEUED
        assert len(await rows(w.running, OutboxMessage.id, is_queued)) == 1
        await switch(w.running, "telegram", SwitchMode.ON)
        await eventually(lambda: _texts(person, MENU, 2))
        assert (await texts(person)).count("Lời cán bộ") == 1


async def test_what_waits_in_a_channel_that_stays_off_goes_with_its_time(
    make_settings: MakeSettings, understander
) -> None:
    """Neither what people wrote nor what they were to be told outlives the notice's days; staff see what failed."""
    async with world(make_settings, understander, "telegram") as w:
        person, conversation = await switched_off(w)
        greeted = await texts(person)
        await person.says("chuyện riêng của tôi")
        reply = {"body": "Lời cán bộ", "heading": None, "note": None, "choices": []}
        now = dt.datetime.now(dt.UTC)
        await w.database.write(lambda c: outbox.queue_reply(c, conversation, reply, now=now))
        await eventually(lambda: _count(w, InboxMessage.id, InboxMessage.status == InboxStatus.NEW, 1))

        async def stored_after(days: int) -> str:
            later = now + dt.timedelta(days=days)
            await retention_job(w.database, 30, lambda: later)(None)  # type: ignore[arg-type]
            return str(await rows(w.running, InboxMessage.message) + await rows(w.running, OutboxMessage.reply))

        kept = await stored_after(29)
        assert "chuyện riêng của tôi" in kept
        assert "Lời cán bộ" in kept
        left = await stored_after(31)
        assert "chuyện riêng của tôi" not in left
        assert "Lời cán bộ" not in left
        given_up = select(OutboxMessage.error).where(OutboxMessage.status == OutboxStatus.UNDELIVERABLE)
        failed = await w.database.read(lambda c: c.execute(given_up).all())
        assert [undelivered.reason(row) for row in failed] == ["Tin chờ quá lâu, đã hết hạn giữ"]
        await switch(w.running, "telegram", SwitchMode.ON)
        await person.says("menu")
        await eventually(lambda: _texts(person, MENU, 2))
        assert await texts(person) == greeted * 2  # as if they had never met, and nothing of what had waited


async def texts(person: Any) -> list[str]:
    return [reply["text"] for reply in await person.replies()]


async def _texts(person: Any, wanted: str, count: int) -> bool:
    return (await texts(person)).count(wanted) == count


async def _count(w: World, what: Any, where: Any, wanted: int) -> bool:
    return len(await rows(w.running, what, where)) == wanted


async def test_off_fetches_nothing(make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, "telegram-polling") as w:
        driver = w.drivers["telegram-polling"]
        person = driver.person()
        await person.says("menu")
        await w.answered(person)
        await switch(w.running, "telegram", SwitchMode.OFF)
        await asyncio.sleep(1.5)  # the long poll that was under way is given up
        polls = len([call for call in driver.server.calls if call.method == "getUpdates"])
        await person.says("menu")
        await asyncio.sleep(1.5)
        assert len([call for call in driver.server.calls if call.method == "getUpdates"]) == polls
        assert len(await rows(w.running, InboxMessage.id)) == 1
        await switch(w.running, "telegram", SwitchMode.ON)
        await eventually(lambda: _texts(person, MENU, 2))


@pytest.mark.parametrize("channel", ["telegram", "web"])
async def test_a_pause_is_told_once_and_what_people_write_is_kept(
    channel, make_settings: MakeSettings, understander
) -> None:
    async with world(make_settings, understander, channel) as w:
        person, other = w.drivers[channel].person(), w.drivers[channel].person()
        await person.says("menu")
        await w.answered(person)
        greeted = await texts(person)
        await switch(w.running, channel, SwitchMode.PAUSED, NOTICE)
        for text in ("mã vạch ở đâu, gọi 0912 345 678", "alo", "menu"):
            await person.says(text)
            await w.settled()
        await person.taps_lost_button("p")
        await other.says("xin chào")
        await w.answered(other)
        assert await texts(other) == [NOTICE]
        await w.settled()
        assert await texts(person) == [*greeted, NOTICE]
        kept = await rows(w.running, Turn.text, Turn.outcome == "paused")
        lines = {line for text in kept for line in (text or "").splitlines()}  # what comes at once is one turn
        assert {"mã vạch ở đâu, gọi [số điện thoại]", "alo", "menu", "xin chào"} <= lines
        # another wording is no new pause
        await switch(w.running, channel, SwitchMode.PAUSED, NOTICE + " Cảm ơn ạ.")
        await eventually(lambda: w.running.service.live.switch(channel).notice.endswith("ạ."), 5)
        await person.says("còn đó không")
        await w.settled()
        assert await texts(person) == [*greeted, NOTICE]
        # what our own people write still goes out
        conversation = (await rows(w.running, OutboxMessage.conversation_id))[0]
        reply = {"body": "Lời cán bộ", "heading": None, "note": None, "choices": []}
        now = dt.datetime.now(dt.UTC)
        await w.database.write(lambda c: outbox.queue_reply(c, conversation, reply, now=now))
        await eventually(lambda: _texts(person, "Lời cán bộ", 1))
        await switch(w.running, channel, SwitchMode.ON)
        await person.says("menu")
        await eventually(lambda: _texts(person, MENU, 2))
        await switch(w.running, channel, SwitchMode.PAUSED, NOTICE)
        await person.says("menu")
        await eventually(lambda: _texts(person, NOTICE, 2))


@on_postgresql
async def test_every_process_obeys_within_seconds(make_settings: MakeSettings, understander) -> None:
    async with (
        running_service(make_settings(), understander) as one,
        running_service(make_settings(), understander) as two,
        Browser(one) as lan,
    ):
        await lan.join(role=StaffRole.MANAGER)
        page = await lan.post(f"{CHANNELS}/web", form_on=CHANNELS, mode="paused", notice=NOTICE)
        assert page.status_code == 303
        await eventually(lambda: two.service.live.switch("web").mode is SwitchMode.PAUSED, 3)
        assert [reply["body"] for reply in await WebPerson(two).says("menu")] == [NOTICE]


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(**ZALO, public_url="http://khcn.example"), understander) as service:
        yield service


async def test_switching_is_checked_and_audited(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        for fields, said in (
            ({"mode": "paused", "notice": " "}, "chưa điền «Lời báo cho người dân»"),
            ({"mode": "paused", "notice": "x" * 601}, "dài quá 600"),
            ({"mode": "loud", "notice": ""}, "chọn «Trạng thái kênh»"),
        ):
            page = await lan.post(f"{CHANNELS}/web", form_on=CHANNELS, **fields)
            assert page.status_code == 400
            assert said in text_of(page)
        assert await sql(running.database, "SELECT 1 FROM channel_switches") == []
        assert (await lan.post(f"{CHANNELS}/fax", form_on=CHANNELS, mode="off")).status_code == 404
        page = await lan.post(f"{CHANNELS}/web", form_on=CHANNELS, mode="paused", notice=f"<b>{NOTICE}</b>")
        assert page.headers["location"] == f"{CHANNELS}?xong=chuyen-kenh#kenh-web"
        page = await lan.get(CHANNELS)
        assert "Chat trên web Tạm dừng" in text_of(page)
        assert f"&lt;b&gt;{NOTICE}" in page.text
        assert "Tạm dừng" in text_of(await lan.get("/staff/"))
        events = await sql(running.database, "SELECT details FROM audit_events WHERE action = 'channel.switched'")
        assert len(events) == 1
        details = events[0][0] if isinstance(events[0][0], dict) else json.loads(events[0][0])
        assert details == {"channel": "web", "before": "on", "mode": "paused", "notice": f"<b>{NOTICE}</b>"}


async def test_the_cards_say_what_is_wrong(running: Running) -> None:
    now = dt.datetime.now(dt.UTC)
    await WebPerson(running).says("menu")
    conversation = (await rows(running, OutboxMessage.conversation_id))[0]
    await switch(running, "web", SwitchMode.OFF)
    await WebPerson(running).post(text="menu")

    def spoil(connection: Any) -> None:
        reply = {"body": "x", "heading": None, "note": None, "choices": []}
        for status in (OutboxStatus.UNDELIVERABLE, OutboxStatus.WAITING_WINDOW):
            row = outbox.queue_reply(connection, conversation, reply, now=now)
            connection.execute(update(OutboxMessage).where(OutboxMessage.id == row).values(status=status))
        operations.raise_alert(connection, department_id=1, kind="zalo_quota_day", key="zalo:222", now=now, code="-32")

    await running.database.write(spoil)
    async with Browser(running) as lan:
        await lan.join()
        shown = text_of(await lan.get(CHANNELS))
        assert "1 tin hỏng trong 7 ngày, 1 tin chờ người dân nhắn lại" in shown
        assert "Chờ trả lời 1 , lâu nhất từ vừa xong" in shown
        assert "hết lượt gọi Zalo" in shown
        assert "(-32)" in shown


async def test_tokens_are_taken_in_and_never_shown(running: Running) -> None:
    async with Browser(running) as lan, Browser(running) as hoa:
        await lan.join()
        await hoa.join(login="hoa", role=StaffRole.MANAGER)
        assert "Chưa có mã" in text_of(await lan.get(CHANNELS))
        assert "Dán cặp mã" not in text_of(await hoa.get(CHANNELS))
        refused = await hoa.post(f"{CHANNELS}/zalo/ma", form_on=CHANNELS, refresh_token="r" * 50)
        assert refused.status_code == 403
        for wrong in ("", "mã_dán_nhầm", "half-of-a token"):
            page = await lan.post(f"{CHANNELS}/zalo/ma", form_on=CHANNELS, refresh_token=wrong, access_token="AT" * 20)
            assert page.status_code == 400
            assert not wrong or wrong not in page.text  # what was pasted never comes back, not even when refused
            assert "AT" * 20 not in page.text
        secret = "refresh_token_of_the_test"
        page = await lan.post(f"{CHANNELS}/zalo/ma", form_on=CHANNELS, refresh_token=secret)
        assert page.status_code == 303
        stored = (await sql(running.database, "SELECT refresh_token FROM zalo_tokens"))[0][0]
        assert stored and secret not in stored
        assert secret not in (await lan.get(CHANNELS)).text
        assert secret not in str(await sql(running.database, "SELECT details FROM audit_events"))
        page = await lan.post(f"{CHANNELS}/zalo/dong-y", form_on=CHANNELS)
        assert page.status_code == 200
        assert "http://127.0.0.1:9/" in page.text
        assert "code_challenge=" in page.text
        assert (await sql(running.database, "SELECT consent_state_hash FROM zalo_tokens"))[0][0]
        assert "code_challenge=" not in (await lan.get(CHANNELS)).text  # shown once


async def test_without_the_channel_there_are_no_tokens(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running, Browser(running) as lan:
        await lan.join()
        for path in ("zalo/ma", "zalo/dong-y"):
            page = await lan.post(f"{CHANNELS}/{path}", form_on=CHANNELS, refresh_token="r")
            assert page.status_code == 404
        shown = text_of(await lan.get(CHANNELS))
        assert "Telegram Chưa nối" in shown
        assert "Zalo OA Chưa nối" in shown
        assert "Mã truy cập Zalo OA" not in shown
