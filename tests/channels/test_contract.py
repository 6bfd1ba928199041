"""What every channel must do, on every channel and on both databases."""

from __future__ import annotations

import asyncio
import unicodedata

import pytest
from sqlalchemy import func, select

from db.models import Conversation, InboxMessage, InboxStatus, OutboxMessage, OutboxStatus, Turn
from handlers.texts import say
from tests.channels.drivers import DRIVERS, MESSENGERS, MessengerDriver, World, world
from tests.conftest import MakeSettings

QUESTION = "đăng ký nhãn hiệu cần giấy tờ gì"
every_channel = pytest.mark.parametrize("channel", DRIVERS)
every_messenger = pytest.mark.parametrize("channel", MESSENGERS)
every_webhook = pytest.mark.parametrize("channel", [name for name in MESSENGERS if "polling" not in name])


async def count(world: World, model: type, *where: object) -> int:
    statement = select(func.count()).select_from(model).where(*where)
    return int(await world.database.read(lambda c: c.execute(statement).scalar_one()))


@every_channel
async def test_a_question_is_answered_with_its_source(channel, make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, channel) as w:
        person = w.drivers[channel].person()
        await person.says(QUESTION)
        replies = await w.answered(person, at_least=2)
        assert "trợ lý tự động" in replies[0]["text"]
        assert "Nguồn:" in replies[-1]["text"]
        assert replies[-1]["choices"][-2:] == [say("feedback.useful"), say("feedback.wrong")]


@every_channel
async def test_the_same_update_ten_times_at_once_is_one_reply(
    channel, make_settings: MakeSettings, understander
) -> None:
    async with world(make_settings, understander, channel) as w:
        person = w.drivers[channel].person()
        await w.drivers[channel].same_message_at_once(person, "menu", 10)
        await w.answered(person, at_least=2)
        await asyncio.sleep(0.3)
        assert len(await person.replies()) == 2  # who speaks, and the menu
        assert await count(w, InboxMessage) == 1


@every_channel
async def test_a_button_is_tapped_and_a_second_tap_does_nothing_twice(
    channel, make_settings: MakeSettings, understander
) -> None:
    async with world(make_settings, understander, channel) as w:
        person = w.drivers[channel].person()
        await person.says(QUESTION)
        before = len(await w.answered(person, at_least=2))
        await person.taps(say("feedback.useful"))
        await person.taps(say("feedback.useful"))
        replies = await w.answered(person, at_least=before + 1)
        await asyncio.sleep(0.2)
        await w.settled()
        assert len(await person.replies()) == before + 1
        assert replies[-1]["text"] == say("feedback.thanks")
        assert await count(w, Turn, Turn.feedback == "useful") == 1


@pytest.mark.parametrize("channel", [name for name in DRIVERS if "polling" not in name])
async def test_a_wrong_secret_leaves_nothing(channel, make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, channel) as w:
        assert await w.drivers[channel].raw(b'{"update_id": 1}', trusted=False) == 401
        assert await count(w, InboxMessage) == 0


@pytest.mark.parametrize("channel", [name for name in DRIVERS if "polling" not in name])
async def test_a_body_over_one_megabyte_is_refused(channel, make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, channel) as w:
        assert await w.drivers[channel].raw(b"x" * 1_000_001) == 413
        assert await count(w, InboxMessage) == 0


@every_webhook
async def test_nonsense_is_kept_raw_and_acknowledged(channel, make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, channel) as w:
        driver = w.drivers[channel]
        bodies = (b"{", b"[]", b"\xff\xfe", b'{"update_id": "x"}', b'"' + b"a" * 1000, b"[" * 5000, b"null")
        for body in bodies:
            assert await driver.raw(body) == 200
            assert await driver.raw(body) == 200
        assert await count(w, InboxMessage, InboxMessage.status == InboxStatus.SET_ASIDE) == len(bodies)
        raw = await w.database.read(lambda c: c.execute(select(InboxMessage.raw)).scalars().all())
        assert sorted(bytes(value) for value in raw) == sorted(bodies)
        person = driver.person()
        await person.says("menu")
        await w.answered(person, at_least=2)


@every_webhook
async def test_an_unknown_event_is_ignored_quietly(channel, make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, channel) as w:
        driver = w.drivers[channel]
        assert await driver.raw(driver.unknown_event(driver.person())) == 200
        assert await count(w, InboxMessage) == 0


@every_messenger
async def test_told_to_wait_the_reply_comes_once_and_later(channel, make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, channel) as w:
        driver = w.drivers[channel]
        assert isinstance(driver, MessengerDriver)
        person = driver.person()
        driver.refuse(person, "wait")
        started = asyncio.get_running_loop().time()
        await person.says("menu")
        replies = await w.answered(person, at_least=2)
        assert asyncio.get_running_loop().time() - started >= 1
        assert len(replies) == 2
        attempts = await w.database.read(lambda c: c.execute(select(OutboxMessage.attempts)).scalars().all())
        assert list(attempts) == [1, 1]


@every_messenger
async def test_a_messenger_that_fails_gets_the_reply_again(channel, make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, channel) as w:
        driver = w.drivers[channel]
        person = driver.person()
        driver.refuse(person, "down")
        await person.says("menu")
        assert len(await w.answered(person, at_least=2)) == 2


@every_messenger
async def test_who_blocked_us_is_left_alone_and_others_are_not(
    channel, make_settings: MakeSettings, understander
) -> None:
    async with world(make_settings, understander, channel) as w:
        driver = w.drivers[channel]
        blocking, other = driver.person(), driver.person()
        driver.refuse(blocking, "blocked")
        await blocking.says("menu")
        await other.says("menu")
        await w.answered(other, at_least=2)
        assert await blocking.replies() == []
        assert await count(w, OutboxMessage, OutboxMessage.status == OutboxStatus.UNDELIVERABLE) == 2
        assert await count(w, Conversation, Conversation.unreachable_at.is_not(None)) == 1


HARD_TEXTS = {
    "20,000 characters": "nhãn hiệu " * 2000,
    "500 emoji": "🌾" * 500,
    "control characters": "đăng ký\x01\x02 nhãn\x07 hiệu\x1b[31m cần giấy tờ gì\u200b\ufeff",
    "NFD": unicodedata.normalize("NFD", QUESTION),
    "right to left": "\u202eđăng ký nhãn hiệu مرحبا\u202c cần giấy tờ gì",
    "null bytes": "đăng ký\x00 nhãn hiệu\x00 cần giấy tờ gì",
    "markup": "<b>nhãn hiệu</i> & <script>alert(1)</script> quyết định <9999>/QĐ-TTg nói gì",
    "broken surrogate": "nhãn hiệu \ud83d cần giấy tờ gì",
    "only marks": "\u0301\u0301\u200d\ufe0f",
}


@every_channel
@pytest.mark.parametrize("text", HARD_TEXTS.values(), ids=HARD_TEXTS.keys())
async def test_hard_texts_are_answered(channel, text, make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, channel) as w:
        if channel == "web" and "\ud83d" in text:  # our own API refuses it: a browser cannot send one
            assert await w.drivers[channel].raw(b'{"id": "abcdef", "text": "\\ud83d"}') == 400
            return
        person = w.drivers[channel].person()
        await person.says(text)
        replies = await w.answered(person)
        assert replies[-1]["text"]
        await person.says("menu")
        assert (await w.answered(person, at_least=len(replies) + 1))[-1]["text"] == say("menu")
        assert await count(w, Turn, Turn.outcome == "failure") == 0


KINDS = ("photo", "voice", "video", "file", "location", "start")
CARRIED = [
    (channel, kind) for channel, driver in DRIVERS.items() for kind in getattr(driver(), "kinds", KINDS)
]  # what a channel's people can send at all


@pytest.mark.parametrize(("channel", "kind"), CARRIED)
async def test_what_is_no_text_gets_a_fitting_reply_and_is_not_kept(
    channel, kind, sqlite_settings: MakeSettings, understander
) -> None:
    async with world(sqlite_settings, understander, channel) as w:
        person = w.drivers[channel].person()
        await person.sends(kind)
        replies = await w.answered(person, at_least=2)
        expected = say("menu") if kind == "start" else say(f"media.{kind}")
        assert replies[-1]["text"] == expected.strip()
        kept = await w.database.read(lambda c: c.execute(select(InboxMessage.message, InboxMessage.raw)).one())
        assert kept.raw is None
        assert (kept.message["kind"], kept.message["text"], kept.message["data"]) == (kind, "", "")
