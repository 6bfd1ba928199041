"""The window drill by time travel: 47 hours, 49 hours, 8 days; what could not go waits, merges and goes out first."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from sqlalchemy import update

from bot.workers import retention_job
from db.models import Conversation, OutboxMessage
from handlers.texts import say
from tests.conftest import MakeSettings
from tests.fakes.zalo import Fault
from tests.zalo.conftest import zalo_world


async def met(z, name: str = "Trần Văn Mẫu"):
    person = z.fake.person(name)
    await person.says("menu")
    await z.answered(person, 2)
    return person


async def test_after_47_hours_a_notice_goes_out_free(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = await met(z)
        await z.travel(47)
        await z.notice(person, "Yêu cầu của anh/chị đã được tiếp nhận.")
        assert (await z.answered(person, 3))[-1] == "Yêu cầu của anh/chị đã được tiếp nhận."
        assert person.messages[-1]["quota"]["quota_type"] == "reply"
        assert await z.alerts() == []


async def test_after_49_hours_it_waits_with_the_reason(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = await met(z)
        await z.travel(49)
        await z.notice(person, "Đã tiếp nhận.")
        row = await z.until(lambda: held(z))
        assert row[0].error == "WindowClosed: over_48_hours"
        assert len(person.texts) == 2  # nothing was even tried: it would have cost money
        await person.says("menu")
        texts = await z.answered(person, 4)
        assert texts[2] == "Đã tiếp nhận." and texts[3].startswith(say("menu"))
        assert set(await z.statuses()) == {"sent"}


async def held(z) -> list:
    return await z.rows(OutboxMessage, OutboxMessage.status == "waiting_window")


async def test_paid_messages_are_a_setting_and_each_is_noticed(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander, zalo_paid_messages=True) as z:
        person = await met(z)
        await z.travel(49)
        await z.notice(person, "Đã tiếp nhận.")
        await z.answered(person, 3)
        assert person.messages[-1]["quota"]["quota_type"] == "sub_quota"
        assert await z.until(z.alerts) == ["zalo_quota_sub_quota"]


@pytest.mark.parametrize("paid", [True, False])
async def test_after_8_days_nothing_goes_and_notices_merge(
    paid: bool, make_settings: MakeSettings, understander
) -> None:
    async with zalo_world(make_settings, understander, zalo_paid_messages=paid) as z:
        person, other = await met(z), await met(z, "Người khác")
        await z.travel(8 * 24)
        for text in ("Đã tiếp nhận.", "Cần bổ sung giấy tờ.", "Đã trả lời."):
            await z.notice(person, text)
        await z.until(lambda: z_held(z, 3))
        assert {row.error for row in await held(z)} == {"WindowClosed: over_7_days"}
        await other.says("menu")
        await z.answered(other, 3)  # others are not held up
        assert len(person.texts) == 2
        await person.says("menu")
        texts = await z.answered(person, 4)
        assert len(texts) == 4
        assert texts[2] == "\n\n".join([say("pending"), "• Đã tiếp nhận.", "• Cần bổ sung giấy tờ.", "• Đã trả lời."])
        assert texts[3].startswith(say("menu"))
        rows = await z.rows(OutboxMessage, OutboxMessage.released_at.is_not(None))
        assert {row.status for row in rows} == {"sent"} and len({row.external_id for row in rows}) == 1


async def z_held(z, count: int) -> bool:
    return len(await held(z)) == count


async def test_following_again_releases_what_waits(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = await met(z)
        await z.travel(50)
        await z.notice(person, "Đã tiếp nhận.")
        await z.until(lambda: z_held(z, 1))
        await z.fake.deliver(person.receipt_event(person.messages[-1]["message_id"], seen=True))
        await asyncio.sleep(0.3)
        assert await z_held(z, 1)  # seeing a message is no interaction
        await z.fake.deliver(person.follow_event())
        assert (await z.answered(person, 3))[-1] == "Đã tiếp nhận."


async def test_zalo_may_see_the_window_closed_before_we_do(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = await met(z)
        z.fake.travel(8 * 24)  # only Zalo's clock
        await z.notice(person, "Đã tiếp nhận.")
        row = (await z.until(lambda: held(z)))[0]
        assert row.error == "WindowClosed: -230"
        await person.says("menu")
        assert (await z.answered(person, 4))[2] == "Đã tiếp nhận."


async def test_somebody_who_never_wrote_is_not_written_to(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = await met(z)
        forget = update(Conversation).values(last_interaction_at=None)
        await z.database.write(lambda c: c.execute(forget))
        await z.notice(person, "Chào.")
        assert (await z.until(lambda: held(z)))[0].error == "WindowClosed: never_wrote"


async def test_what_waits_too_long_is_given_up_and_erased(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = await met(z)
        await z.travel(49)
        await z.notice(person, "Chuyện riêng.")
        await z.until(lambda: held(z))
        later = dt.datetime.now(dt.UTC) + dt.timedelta(days=31)
        await retention_job(z.database, 30, lambda: later)(None)  # type: ignore[arg-type]
        rows = await z.rows(OutboxMessage, OutboxMessage.status == "undeliverable")
        assert [row.reply["body"] for row in rows] == [""]
        await person.says("menu")
        texts = await z.answered(person, 3)
        assert "Chuyện riêng." not in "".join(texts)


async def test_waiting_for_the_person_does_not_use_up_the_day_for_a_channel_that_is_down(
    make_settings: MakeSettings, understander
) -> None:
    """A notice of nine days ago, whose person writes while Zalo is not there, is tried again and not given up."""
    async with zalo_world(make_settings, understander) as z:
        person = await met(z)
        await z.travel(8 * 24)
        for text in ("Đã tiếp nhận.", "Cần bổ sung giấy tờ."):
            await z.notice(person, text)
        await z.until(lambda: z_held(z, 2))
        old = dt.datetime.now(dt.UTC) - dt.timedelta(days=9)
        aged = update(OutboxMessage).where(OutboxMessage.status == "waiting_window").values(created_at=old)
        await z.database.write(lambda c: c.execute(aged))
        z.fake.faults.append(Fault("/message/cs", body=b"<html>Bad Gateway</html>", status=502))
        await person.says("menu")
        texts = await z.answered(person, 4)
        assert texts[2] == f"{say('pending')}\n\n• Đã tiếp nhận.\n\n• Cần bổ sung giấy tờ."
        assert set(await z.statuses()) == {"sent"}
