"""What comes in: refused, set aside, once, in order, in time; and what follows beside an answer."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time

from prometheus_client import REGISTRY
from sqlalchemy import update

from db.models import AuditEvent, Conversation, InboxMessage, OutboxMessage, Turn, ZaloPerson
from handlers.texts import say
from tests.conftest import MakeSettings
from tests.fakes.zalo_webhook import as_bytes
from tests.zalo.conftest import QUESTION, zalo_world


def refused() -> float:
    return REGISTRY.get_sample_value("khcn_webhook_refused_total", {"channel": "zalo", "why": "signature"}) or 0.0


async def test_the_probe_of_the_console(sqlite_settings: MakeSettings, understander) -> None:
    async with zalo_world(sqlite_settings, understander) as z:
        client = z.running.client
        assert (await client.get("/webhooks/zalo")).status_code == 200
        for body in (b"", b"{}", b" { } \n"):
            assert (await client.post("/webhooks/zalo", content=body)).status_code == 200
        assert await z.rows(InboxMessage) == []


async def test_unsigned_and_foreign_calls_leave_a_counter_only(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        event = z.fake.person().text_event("menu")
        raw, before = as_bytes(event), refused()
        assert await z.fake.post(raw) == 401
        assert await z.fake.post(raw, {"X-ZEvent-Signature": "mac=" + "0" * 64}) == 401
        assert await z.fake.post(raw, {"X-ZEvent-Signature": "chào"}) == 401
        for other in ({"app_id": "1"}, {"recipient": {"id": "1"}}):
            foreign = {**event, **other}
            assert await z.fake.deliver(foreign, retries=False) == 401
        assert refused() - before == 5
        assert await z.rows(InboxMessage) == []


async def test_both_forms_of_the_header_and_letters_beyond_ascii(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander, doubts={"signature_form": ""}) as z:
        person = z.fake.person()
        assert await person.says("danh mục") == 200
        assert (await z.answered(person, 2))[-1].startswith(say("menu"))


async def test_duplicates_and_retries_are_one_message(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = z.fake.person()
        event = person.text_event("menu")
        assert set(await asyncio.gather(*(z.fake.deliver(event) for _ in range(10)))) == {200}
        await z.answered(person, 2)
        z.fake.travel(2)  # the last retry comes two hours late with the original time
        assert await z.fake.deliver(event, num_retry=5) == 200
        await z.settled()
        assert len(person.texts) == 2
        assert len(await z.rows(InboxMessage)) == 1


async def test_an_event_that_comes_two_hours_late_is_answered(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = z.fake.person()
        event = person.text_event("menu", at=z.fake.now_ms() - 2 * 3_600_000)
        assert await z.fake.deliver(event, num_retry=5) == 200
        await z.answered(person, 2)
        silent = dt.datetime.now(dt.UTC) - (await z.conversation(person)).last_interaction_at
        assert dt.timedelta(hours=1, minutes=59) < silent < dt.timedelta(hours=2, minutes=1)


async def test_swapped_events_are_read_in_the_order_they_were_written(
    make_settings: MakeSettings, understander
) -> None:
    async with zalo_world(make_settings, understander) as z:
        person, now = z.fake.person(), z.fake.now_ms()
        first = person.text_event("alo", at=now - 2000)
        second = person.text_event(QUESTION, at=now - 1000)
        # the later one waits for its turn behind the lock of another writer, as under load
        z.running.service.dispatcher._slots = asyncio.Semaphore(0)
        assert await z.fake.deliver(second) == 200
        assert await z.fake.deliver(first) == 200
        z.running.service.dispatcher._slots.release()
        await z.answered(person, 2)
        turns = await z.rows(Turn)
        assert [turn.text for turn in turns] == [f"alo {QUESTION}"]


async def test_an_album_of_ten_gets_one_reply(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        one_event, ten_events = z.fake.person(), z.fake.person()
        await one_event.sends("album")
        await asyncio.gather(*(ten_events.sends("photo") for _ in range(10)))
        for person in (one_event, ten_events):
            assert (await z.answered(person, 2))[-1] == say("media.photo")
        await asyncio.sleep(0.5)
        await z.settled()
        assert [len(one_event.texts), len(ten_events.texts)] == [2, 2]


async def test_an_officer_in_the_console_pauses_the_bot(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person, other = z.fake.person(), z.fake.person()
        await person.says("menu")
        await z.answered(person, 2)
        await asyncio.sleep(0.3)  # the echoes of our own messages arrive, and change nothing
        assert (await z.conversation(person)).paused_until is None
        assert await person.console_answers("Chào anh, tôi là Lan ở Sở") == 200
        await person.says(QUESTION)
        await other.says("menu")
        await z.answered(other, 2)
        await z.settled()
        assert len(person.texts) == 2
        paused_until = (await z.conversation(person)).paused_until
        assert dt.timedelta(hours=3.9) < paused_until - dt.datetime.now(dt.UTC) <= dt.timedelta(hours=4)
        assert [row.status for row in await z.rows(InboxMessage, InboxMessage.message.is_not(None))] == ["done"] * 3
        ended = update(Conversation).values(paused_until=dt.datetime.now(dt.UTC))
        await z.database.write(lambda c: c.execute(ended))
        await person.says("menu")
        assert len(await z.answered(person, 3)) == 3


async def test_who_withdraws_is_erased_with_a_dated_record(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = z.fake.person("Nguyễn Thị Riêng Tư")
        earlier = person.text_event("tin cũ đến muộn")
        await person.says(f"{QUESTION}, tôi tên Riêng Tư")
        await z.answered(person, 2)
        await z.until(lambda: named(z, "Nguyễn Thị Riêng Tư"))
        withdrawal = person.profile_event("user_withdraw")
        assert await z.fake.deliver(withdrawal) == 200
        await z.until(lambda: z.rows(AuditEvent, AuditEvent.action == "privacy.withdrew"))
        assert await z.fake.deliver(withdrawal, num_retry=1) == 200
        assert await z.fake.deliver(earlier, num_retry=3) == 200  # written before: must not bring the person back
        await z.settled()
        records = await z.rows(AuditEvent, AuditEvent.action == "privacy.withdrew")
        assert len(records) == 1 and records[0].details["asked_at"]
        dump = json.dumps(
            [[str(value) for value in row] for table in (Conversation, InboxMessage, OutboxMessage, Turn, ZaloPerson)
             for row in await z.rows(table)], ensure_ascii=False,
        )  # fmt: skip
        assert person.user_id not in dump
        assert "Riêng Tư" not in dump and "nhãn hiệu" not in dump
        await asyncio.sleep(0.01)
        await person.says("menu")  # who comes back is met anew
        assert "trợ lý tự động" in (await z.answered(person, 4))[2]


async def named(z, name: str) -> bool:
    return bool(await z.rows(ZaloPerson, ZaloPerson.display_name == name))


async def test_names_are_fetched_once(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = z.fake.person("Lê Văn Nông")
        await person.says("menu")
        await z.until(lambda: named(z, "Lê Văn Nông"))
        await person.says("menu")
        await z.answered(person, 3)
        await asyncio.sleep(2.5)
        assert [call.path for call in z.fake.calls].count("/v3.0/oa/user/detail") == 1


async def test_follow_unfollow_and_the_message_button(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = z.fake.person()
        assert await z.fake.deliver(person.follow_event()) == 200
        assert (await z.conversation(person)).last_interaction_at is not None
        left_at = z.fake.now_ms() + 5
        await asyncio.sleep(0.05)
        assert await z.fake.deliver(person.follow_event(follows=False, at=left_at)) == 200
        assert await z.fake.deliver(person.follow_event(at=left_at - 2)) == 200  # an older one, late
        assert [row.follows for row in await z.rows(ZaloPerson)] == [False]
        assert person.texts == []
        assert await z.fake.deliver(person.profile_event("user_click_chatnow")) == 200
        texts = await z.answered(person, 2)
        assert "trợ lý tự động" in texts[0] and texts[1].startswith(say("menu"))


async def test_receipts_reach_the_message_they_are_about(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = z.fake.person()
        await person.says("menu")
        await z.answered(person, 2)
        before = (await z.conversation(person)).last_interaction_at
        newest = person.messages[-1]["message_id"]
        await z.fake.deliver(person.receipt_event(newest, seen=False))
        await z.fake.deliver(person.receipt_event(newest, seen=True))
        await z.fake.deliver(person.reaction_event(newest))
        rows = await z.rows(OutboxMessage)
        assert [bool(row.delivered_at and row.seen_at) for row in rows] == [False, True]
        assert (await z.conversation(person)).last_interaction_at == before  # none of these opens the window


async def test_a_slow_database_does_not_make_zalo_wait(sqlite_settings: MakeSettings, understander) -> None:
    """Zalo counts an answer after two seconds as a failure: the update goes to the spool and is taken in later."""
    async with zalo_world(sqlite_settings, understander) as z:
        person, z.fake.patience_s = z.fake.person(), 2.0
        busy = z.database.write(lambda _c: time.sleep(4))
        waiting = asyncio.create_task(busy)
        await asyncio.sleep(0.1)
        assert await person.says("menu") == 200
        assert z.fake.webhook_answers[-1][2] < 2
        await waiting
        assert len(await z.answered(person, 2)) == 2
        await asyncio.sleep(2.5)
        assert len(person.texts) == 2
        assert z.fake.subscribed
