"""The Zalo Bot Platform: one update an answer, idle polls, both envelopes, secret, the token never shown."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.channels import zalo_bot
from bot.channels.zalo_bot import Idle, parse_update, read_result
from bot.errors import (
    ChannelError,
    ChannelUnavailable,
    CommandError,
    CredentialsRejected,
    PayloadRejected,
    RetryLater,
    Unreadable,
)
from db.models import InboxMessage, OutboxMessage
from handlers.messages import MessageKind
from handlers.texts import say
from tests.channels.drivers import settled
from tests.conftest import MakeSettings
from tests.fakes.zalo_bot import BotUser, FakeZaloBot, Fault
from tests.filing import CODE
from tests.harness import Running, running_service

SECRET = "s3cret_of_the_tests"


@contextlib.asynccontextmanager
async def bot_world(
    make_settings: MakeSettings, understander: Any, *, mode: str = "polling", **doubts: Any
) -> AsyncIterator[tuple[Running, FakeZaloBot]]:
    fake = FakeZaloBot()
    for name, value in doubts.items():
        setattr(fake, name, value)
    await fake.start()
    values = fake.settings(zalo_bot_mode=mode)
    if mode == "webhook":
        values |= {"zalo_bot_webhook_secret": SECRET, "public_url": "https://bot.example"}
    try:
        async with running_service(make_settings(**values), understander) as running:
            fake.tunnel["https://bot.example"] = running.url
            async with asyncio.timeout(10):
                while mode == "webhook" and not fake.webhook:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            yield running, fake
    finally:
        await fake.stop()


async def answered(running: Running, person: BotUser, at_least: int) -> list[str]:
    async with asyncio.timeout(20):
        while len(person.texts) < at_least:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await settled(running.database)
    return person.texts


@pytest.mark.parametrize("idle_status", [408, 200])
async def test_polling_takes_one_update_after_the_other(
    idle_status: int, make_settings: MakeSettings, understander
) -> None:
    async with bot_world(make_settings, understander, idle_status=idle_status, poll_s=0.2) as (running, fake):
        people = [fake.person() for _ in range(5)]
        await asyncio.sleep(0.6)  # idle polls, which are no fault
        for person in people:
            await person.says("menu")
        for person in people:
            assert len(await answered(running, person, 2)) == 2
        again = people[0].text_update("menu")
        await fake.bring(again)
        await fake.bring(again)
        assert len(await answered(running, people[0], 3)) == 3


@pytest.mark.parametrize("bare", [True, False])
async def test_the_webhook_in_both_envelopes_and_with_its_secret_only(
    bare: bool, make_settings: MakeSettings, understander
) -> None:
    async with bot_world(make_settings, understander, mode="webhook", bare=bare) as (running, fake):
        person = fake.person()
        assert await fake.push(person.text_update("menu"), secret="guessed-secret") == 401
        assert await fake.push(person.text_update("menu"), secret="") == 401
        assert await running.database.read(lambda c: c.execute(select(InboxMessage.id)).all()) == []
        assert await fake.push(b"") == 200
        assert await fake.push(person.text_update("menu")) == 200
        assert len(await answered(running, person, 2)) == 2
        assert await fake.push(person.text_update("menu", chat_type="GROUP")) == 200
        assert await fake.push({"event_name": "message.unsupported.received"}) == 200
        await settled(running.database)
        assert len(person.texts) == 2


async def test_polling_goes_on_after_faults(make_settings: MakeSettings, understander, monkeypatch) -> None:
    monkeypatch.setattr(zalo_bot, "BACKOFF_S", (0.1,))
    monkeypatch.setattr(zalo_bot, "RATE_WAIT_S", 0.1)
    async with bot_world(make_settings, understander, poll_s=0.2) as (running, fake):
        fake.faults += [
            Fault("getUpdates", 502, body=b"<html>"), Fault("getUpdates", 429), Fault("getUpdates", 200, body=b"?"),
            Fault("getUpdates", drop=True), Fault("getUpdates", 401),
        ]  # fmt: skip
        person = fake.person()
        await person.says("menu")
        assert len(await answered(running, person, 2)) == 2


async def test_the_token_is_never_logged(sqlite_settings: MakeSettings, understander, caplog, capsys) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("httpx").setLevel(logging.WARNING)  # as bot/log_setup.py does
        logging.getLogger("httpcore").setLevel(logging.WARNING)
        async with bot_world(sqlite_settings, understander, poll_s=0.1) as (running, fake):
            fake.faults += [Fault("getUpdates", drop=True), Fault("sendMessage", 401), Fault("sendMessage", drop=True)]
            await fake.person().says("menu")
            await asyncio.sleep(1.5)
            rows = await running.database.read(lambda c: c.execute(select(OutboxMessage.error)).scalars().all())
            token = fake.token
    captured = capsys.readouterr()
    assert token not in caplog.text + captured.out + captured.err + str(rows)
    assert "AbcExample" not in caplog.text + captured.out + captured.err


def test_answers_and_their_classes() -> None:
    assert read_result(200, b'{"ok": true, "result": {"a": 1}}') == {"a": 1}
    assert read_result(200, b'{"ok": true}') is None
    for status, body in ((408, b""), (408, b"<html>"), (200, b'{"ok": false, "error_code": 408}')):
        with pytest.raises(Idle):
            read_result(status, body)
    classes = {
        (401, b"{}"): CredentialsRejected, (403, b"{}"): CredentialsRejected, (429, b"{}"): RetryLater,
        (500, b"{}"): ChannelUnavailable, (502, b"<html>"): ChannelUnavailable, (200, b"<html>"): ChannelUnavailable,
        (400, b'{"ok": false, "error_code": 400}'): PayloadRejected,
        (200, b'{"ok": false, "error_code": "429"}'): RetryLater, (200, b'{"ok": false}'): ChannelUnavailable,
    }  # fmt: skip
    for (status, body), expected in classes.items():
        with pytest.raises(expected):
            read_result(status, body)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("photo", MessageKind.PHOTO), ("documented_photo", MessageKind.PHOTO), ("sticker", MessageKind.STICKER),
     ("voice", MessageKind.VOICE), ("unsupported", MessageKind.OTHER)],
)  # fmt: skip
def test_kinds_of_messages(kind: str, expected: MessageKind) -> None:
    update = FakeZaloBot().person().media_update(kind)
    found = parse_update(json.dumps(update).encode())
    assert found is not None and found.message.kind is expected


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["chat", "from", "text", "message_id", "date", "caption"]), ANYTHING), ANYTHING)
def test_any_update_gives_a_message_or_a_known_error(message: dict, anything: Any) -> None:
    for body in ({"event_name": "message.text.received", "message": message}, {"result": anything}, anything,
                 {"event_name": "x", "message": {**message, "chat": {"id": "1"}}}):  # fmt: skip
        try:
            found = parse_update(json.dumps(body).encode())
        except Unreadable:
            continue
        assert found is None or (len(found.external_id) <= 160 and found.conversation)


async def test_who_blocks_the_bot_is_told_from_a_dead_token(make_settings: MakeSettings, understander) -> None:
    async with bot_world(make_settings, understander, poll_s=0.2) as (running, fake):
        person = fake.person()
        fake.blocked.add(person.chat_id)
        await person.says("menu")
        await asyncio.sleep(0.5)
        await settled(running.database)
        rows = await running.database.read(lambda c: c.execute(select(OutboxMessage.error)).scalars().all())
        assert set(rows) == {"RecipientUnreachable: http_403"}


def test_a_webhook_needs_a_secret_of_the_right_length(sqlite_settings: MakeSettings) -> None:
    for secret in (None, "short"):
        with pytest.raises(ValueError, match="ZALO_BOT_WEBHOOK_SECRET"):
            sqlite_settings(zalo_bot_token="1:a", zalo_bot_mode="webhook", zalo_bot_webhook_secret=secret)


def test_half_a_configuration_does_not_start(sqlite_settings: MakeSettings) -> None:
    with pytest.raises(ValueError, match="ZALO_APP_SECRET, ZALO_OA_SECRET"):
        sqlite_settings(zalo_app_id="1", zalo_oa_id="2")
    with pytest.raises(ValueError, match="ZALO_VERIFIER"):
        sqlite_settings(zalo_verifier="../../etc/passwd")
    assert issubclass(CommandError, Exception) and say("menu")


async def test_a_long_answer_in_parts(make_settings: MakeSettings, understander) -> None:
    async with bot_world(make_settings, understander, poll_s=0.2) as (running, fake):
        person = fake.person()
        await person.says("menu")
        await answered(running, person, 2)
        channel = running.service.channels[0]
        from handlers.messages import Reply

        await channel.send(person.chat_id, Reply("Một câu khá dài về hồ sơ. " * 200))
        assert len(person.texts) == 5
        with contextlib.suppress(ChannelError):
            await channel.send("nobody", Reply("x"))


async def test_a_request_is_filed_without_files(make_settings: MakeSettings, understander) -> None:
    """The platform has pictures and voice notes, but the request form does not take them there, and says so."""
    async with bot_world(make_settings, understander) as (running, fake):
        person = fake.person()

        async def says(*texts: str) -> str:
            before = 0
            for words in texts:
                before = len(person.texts)
                await person.says(words)
                await answered(running, person, before + 1)
            return "\n".join(person.texts[before:])

        await says("gửi yêu cầu hỗ trợ", "đồng ý", "không đồng ý", "không đồng ý", "nông dân", "Hoa")
        before = len(person.texts)
        await person.sends("photo")
        assert (await answered(running, person, before + 1))[-1] == say("file.not_here")
        review = await says("bỏ qua", "xã Tân Trạch, Long An", "Tôi muốn đăng ký nhãn hiệu cho mắm ruốc.")
        assert say("form.review") in review and say("form.label.files") not in review
        assert say("form.label.files") not in await says("sửa")
        assert CODE.search(await says("tiếp tục", "gửi"))
        before = len(person.texts)
        await person.sends("voice")
        assert (await answered(running, person, before + 1))[-1] == say("file.not_here")
