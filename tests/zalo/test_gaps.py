"""When webhooks stop: an alert, and what people wrote is fetched."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import update

from db.models import ChannelState, InboxMessage
from handlers.texts import say
from tests.conftest import MakeSettings
from tests.zalo.conftest import zalo_world

AT_ONCE = -dt.timedelta(minutes=1)  # the service's own round leaves what is this fresh to the webhook


async def test_silence_raises_one_alert_that_ends_with_the_next_event(
    make_settings: MakeSettings, understander
) -> None:
    async with zalo_world(make_settings, understander, zalo_silence_hours=6) as z:
        person = z.fake.person()
        await person.says("menu")
        await z.answered(person, 2)
        await z.channel.upkeep.watch_silence()
        assert await z.alerts() == []
        old = update(ChannelState).values(last_received_at=dt.datetime.now(dt.UTC) - dt.timedelta(hours=7))
        await z.database.write(lambda c: c.execute(old))
        for _ in range(3):
            await z.channel.upkeep.watch_silence()
        assert await z.alerts() == ["zalo_silence"]
        z.running.service.inbox._noted_at.clear()
        await person.says("menu")
        await z.answered(person, 3)
        await z.channel.upkeep.watch_silence()
        assert await z.alerts() == []


@pytest.mark.parametrize("same_ids", [True, False])
async def test_a_gap_is_filled_without_answering_anything_twice(
    same_ids: bool, make_settings: MakeSettings, understander
) -> None:
    """``same_ids``: whether the list numbers messages as the webhook does is a doubt of the reference."""
    async with zalo_world(make_settings, understander, doubts={"same_ids": same_ids}) as z:
        known, lost, helped = (z.fake.person() for _ in range(3))
        await known.says("menu")
        await z.answered(known, 2)
        z.fake.echo = False
        url, z.fake.webhook_url = z.fake.webhook_url, "http://127.0.0.1:9/nobody"
        for person in (lost, helped):
            await z.fake.deliver(person.text_event("menu"), retries=False)
        await helped.console_answers("Tôi trả lời rồi")
        await z.fake.deliver(lost.media_event("photo"), retries=False)
        z.fake.webhook_url = url
        assert await z.channel.upkeep.fill_gaps(z.running.service.inbox, quiet=AT_ONCE) == 2
        texts = await z.answered(lost, 3)
        assert any(text.startswith(say("menu")) for text in texts)
        assert await z.channel.upkeep.fill_gaps(z.running.service.inbox, quiet=AT_ONCE) == 0
        await z.settled()
        assert len(helped.texts) == 0 and len(known.texts) == 2
        assert len(await z.rows(InboxMessage, InboxMessage.message.is_not(None))) == 3


async def test_the_webhook_that_comes_after_all_is_the_same_message(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = z.fake.person()
        event = person.text_event("menu")
        await z.channel.upkeep.fill_gaps(z.running.service.inbox, quiet=AT_ONCE)
        await z.answered(person, 2)
        assert await z.fake.deliver(event, num_retry=2) == 200
        await z.settled()
        assert len(person.texts) == 2
