"""The Telegram channel by itself: what it reads, what it writes, what it makes of errors."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import time
import traceback
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.channels.telegram import TelegramChannel
from bot.channels.telegram_parse import SAME_PRESS_S, Presses, parse_update
from bot.channels.telegram_render import render, render_text, split_text, units
from bot.config import Settings
from bot.errors import (
    ChannelError,
    ChannelUnavailable,
    CredentialsRejected,
    PayloadRejected,
    RecipientMoved,
    RecipientUnreachable,
    RetryLater,
    Unreadable,
)
from handlers.messages import Choice, MessageKind, Reply
from tests.fakes.telegram import MEDIA, TOKEN, FakeTelegram, Fault, fake_telegram
from tests.fakes.telegram_rules import violation
from tests.waiting import eventually

# -- reading ------------------------------------------------------------------------------------------------------


def parsed(update: Any, presses: Presses | None = None):
    return parse_update(json.dumps(update).encode(), presses or Presses())


@pytest.fixture
def person():
    return FakeTelegram().person()


def test_a_text(person) -> None:
    update = person.message(text="xin chào")
    envelope = parsed(update)
    assert envelope.conversation == str(person.chat_id)
    assert (envelope.message.kind, envelope.message.text) == (MessageKind.TEXT, "xin chào")
    assert envelope.message.sent_at == dt.datetime.fromtimestamp(update["message"]["date"], dt.UTC)
    assert parsed(update).external_id == envelope.external_id
    assert parsed(person.message(text="xin chào")).external_id != envelope.external_id


@pytest.mark.parametrize("text", ["/start", "/start abc_1", "/start@thu_bot"])
def test_start(person, text) -> None:
    assert parsed(person.message(text=text)).message.kind is MessageKind.START


def test_a_command_with_the_name_of_the_bot(person) -> None:
    assert parsed(person.message(text="/menu@thu_bot")).message.text == "/menu"


@pytest.mark.parametrize("kind", MEDIA)
def test_of_media_only_the_kind_is_kept(person, kind) -> None:
    message = parsed(person.message(**MEDIA[kind], caption="riêng tư")).message
    assert (message.kind.value, message.text, message.data) == (kind, "", "")


def test_a_press_says_what_stood_on_the_button() -> None:
    server = FakeTelegram()
    person = server.person()
    keyboard = {"inline_keyboard": [[{"text": "Xem thêm", "callback_data": "x:1"}]]}
    chat = {"id": person.chat_id, "type": "private"}
    person.messages.append({"message_id": 7, "date": 1, "chat": chat, "text": "…", "reply_markup": keyboard})
    envelope = parsed(person.callback(7, "x:1", "press-1"))
    assert (envelope.message.kind, envelope.message.data, envelope.message.text) == (MessageKind.TAP, "x:1", "Xem thêm")
    assert envelope.acknowledge == "press-1"


def test_a_press_repeated_by_the_app_is_the_same_and_a_later_one_is_not(person, monkeypatch) -> None:
    presses, now = Presses(), 1000.0
    monkeypatch.setattr("bot.channels.telegram_parse.time.monotonic", lambda: now)
    first = parsed(person.callback(7, "x:1", "a"), presses)
    again = parsed(person.callback(7, "x:1", "b"), presses)
    assert again.external_id == first.external_id  # other update id, other press id: tdlib/telegram-bot-api#699
    assert parsed(person.callback(7, "x:2", "c"), presses).external_id != first.external_id
    assert parsed(person.callback(8, "x:1", "d"), presses).external_id != first.external_id
    now += SAME_PRESS_S
    deliberate = parsed(person.callback(7, "x:1", "e"), presses)
    assert deliberate.external_id != first.external_id


def test_a_press_delivered_again_later_is_the_same_row(person, monkeypatch) -> None:
    now = 1000.0
    monkeypatch.setattr("bot.channels.telegram_parse.time.monotonic", lambda: now)
    update, presses = person.callback(7, "x:1"), Presses()
    first = parsed(update, presses)
    now += 120
    assert parsed(update, presses).external_id == first.external_id
    assert parsed(update, Presses()).external_id == first.external_id  # also in another process


def test_what_needs_no_answer_is_ignored(person) -> None:
    group = {"id": -5, "type": "supergroup", "title": "Nhóm"}
    in_group = person.message(text="hỏi")
    in_group["message"]["chat"] = group
    press_in_group = person.callback(3, "m")
    press_in_group["callback_query"]["message"]["chat"] = group
    by_bot = person.message(text="hỏi")
    by_bot["message"]["from"]["is_bot"] = True
    edited = {"update_id": 5, "edited_message": person.message(text="sửa")["message"]}
    pinned = person.message(message_auto_delete_timer_changed={"message_auto_delete_time": 60})
    for update in (in_group, press_in_group, by_bot, edited, pinned, {"update_id": 6}, {"update_id": 7, "new": {}}):
        assert parsed(update) is None, update


def test_control_characters_and_broken_surrogates_do_not_get_in(person) -> None:
    raw = json.dumps(person.message(text="a\x00b\ud83dc\x1b\nd")).encode()
    assert parse_update(raw, Presses()).message.text == "abc\nd"


USER = {"id": 1, "is_bot": False, "first_name": "a"}
BROKEN = [
    {"message": {"message_id": 1}},
    {"message": []},
    {"message": "x"},
    {"message": {"message_id": 1, "date": 1e30, "chat": {"id": 1, "type": "private"}}},
    {"callback_query": {"id": "1", "from": {"id": 1, "is_bot": False, "first_name": "a"}, "data": "m"}},
    {"message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "text": 5, "from": USER}},
    {"message": {"message_id": 1, "date": 1, "chat": {"id": "x", "type": "private"}, "text": "a", "from": USER}},
]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_update_is_unreadable_under_one_key(content) -> None:
    raw = json.dumps({"update_id": 5, **content}).encode()
    with pytest.raises(Unreadable) as first:
        parse_update(raw, Presses())
    with pytest.raises(Unreadable) as second:
        parse_update(raw, Presses())
    assert first.value.key == second.value.key != ""


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
fields = ["message_id", "date", "chat", "from", "text", "data", "id", "message", "photo", "type"]


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(fields), json_values), st.sampled_from(["message", "callback_query", "poll"]))
def test_any_json_is_read_ignored_or_refused(content, kind) -> None:
    with contextlib.suppress(Unreadable):
        envelope = parsed({"update_id": 1, kind: content})
        assert envelope is None or envelope.conversation


# -- writing ------------------------------------------------------------------------------------------------------


def payload(reply: Reply) -> list[dict[str, Any]]:
    messages, keyboard = render(reply)
    calls: list[dict[str, Any]] = [{"chat_id": 1, "text": text, "parse_mode": "HTML"} for text in messages]
    if keyboard:
        calls[-1]["reply_markup"] = keyboard.to_dict()
    return calls


def test_heading_and_note_are_set_apart_and_everything_is_escaped() -> None:
    reply = Reply("a < b & «c»", heading="<Giấy> tờ", note="Nguồn: <x>")
    assert render(reply) == (["<b>&lt;Giấy&gt; tờ</b>\na &lt; b &amp; «c»\n\n<i>Nguồn: &lt;x&gt;</i>"], None)


any_text = st.text(st.characters(exclude_categories=[]), max_size=200) | st.text("<>&.,! \nạ🌾\u0301", max_size=6000)


@settings(max_examples=150, deadline=None)
@given(any_text, any_text, any_text)
def test_any_reply_keeps_the_rules_of_the_bot_api(heading, body, note) -> None:
    for call in payload(Reply(body, heading=heading, note=note)):
        assert violation("sendMessage", call) is None


@settings(max_examples=200, deadline=None)
@given(st.text("ab<&ạ🌾\u0301\u200d .,!\n", max_size=400), st.integers(8, 60))
def test_splitting_loses_nothing_and_keeps_the_limit(text, limit) -> None:
    parts = split_text(text, limit)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(units(part.replace("&", "&amp;").replace("<", "&lt;")) <= limit for part in parts)


def test_a_long_text_is_cut_at_the_end_of_a_sentence() -> None:
    sentence = "Hồ sơ gồm tờ khai, mẫu nhãn và chứng từ nộp phí. "
    messages = render_text(Reply(sentence * 200, heading="Giấy tờ", note="Nguồn: A"))
    assert len(messages) == 3
    assert all(message.endswith((".", "</i>")) for message in messages)
    assert messages[-1].endswith("<i>Nguồn: A</i>")


def test_short_labels_stand_in_pairs_and_the_verdicts_together() -> None:
    labels = ["Xem thêm", "Ai được, điều kiện", "Một nhãn dài hơn hẳn hai mươi chữ", "Hữu ích", "Chưa đúng"]
    _, keyboard = render(Reply("a", choices=tuple(Choice(label, "m") for label in labels)))
    rows = [[button.text for button in row] for row in keyboard.inline_keyboard]
    assert rows == [labels[:2], labels[2:3], labels[3:]]


@pytest.mark.parametrize(
    "choices",
    [
        [Choice("Quá dài", "x" * 65)],
        [Choice("Tiếng Việt", "ạ" * 22)],
        [Choice("Trống", "")],
        [Choice(f"Việc số {n}", f"t:{n}") for n in range(101)],
        [Choice("Nhãn rất dài " * 9, f"t:{n}" + "x" * 50) for n in range(60)],
    ],
)
def test_choices_that_cannot_be_buttons_are_numbered(choices) -> None:
    calls = payload(Reply("Chọn:", choices=tuple(choices)))
    assert "reply_markup" not in calls[-1]
    text = "\n".join(call["text"] for call in calls)
    assert f"1. {choices[0].label.strip()}" in text
    assert f"{len(choices)}. " in text
    assert [violation("sendMessage", call) for call in calls] == [None] * len(calls)


def test_the_judges_do_refuse() -> None:
    good: dict[str, Any] = {"chat_id": 1, "text": "a", "parse_mode": "HTML"}
    button = {"text": "a", "callback_data": "x" * 65}
    assert violation("sendMessage", good) is None
    for wrong in (
        {"text": ""}, {"text": "x" * 4097}, {"text": "<b>a"}, {"text": "a & b"}, {"chat_id": None},
        {"reply_markup": {"inline_keyboard": [[button]]}}, {"txt": "a"},
    ):  # fmt: skip
        assert violation("sendMessage", good | wrong) is not None, wrong


# -- sending ------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def opened(**values: Any) -> AsyncIterator[TelegramChannel]:
    channel = TelegramChannel(Settings(_env_file=None, telegram_token=TOKEN, **values))
    await channel.start()
    try:
        yield channel
    finally:
        await channel.close()


@contextlib.asynccontextmanager
async def sending() -> AsyncIterator[tuple[FakeTelegram, TelegramChannel, str]]:
    async with fake_telegram() as server, opened(telegram_api_url=server.url) as channel:
        yield server, channel, str(server.person().chat_id)


async def test_a_sent_message_is_what_was_meant() -> None:
    async with sending() as (server, channel, chat):
        sent = await channel.send(chat, Reply("a < b", heading="H", choices=(Choice("Danh mục", "m"),)))
        assert server.messages[int(chat)][0]["text"] == "H\na < b"
        assert sent == str(server.messages[int(chat)][0]["message_id"])
        assert channel.account == "123456789"


ANSWERS = [
    (Fault("sendMessage", 429, "Too Many Requests", {"retry_after": 7}), RetryLater),
    (Fault("sendMessage", 403, "Forbidden: bot was blocked by the user"), RecipientUnreachable),
    (Fault("sendMessage", 403, "Forbidden: user is deactivated"), RecipientUnreachable),
    (Fault("sendMessage", 400, "Bad Request: chat not found"), RecipientUnreachable),
    (Fault("sendMessage", 400, "Bad Request: upgraded", {"migrate_to_chat_id": -1009}), RecipientMoved),
    (Fault("sendMessage", 401, "Unauthorized"), CredentialsRejected),
    (Fault("sendMessage", 404, "Not Found"), CredentialsRejected),
    (Fault("sendMessage", 400, "Bad Request: message text is empty"), PayloadRejected),
    (Fault("sendMessage", 409, "Conflict"), ChannelUnavailable),
    (Fault("sendMessage", 500), ChannelUnavailable),
    (Fault("sendMessage", 502, body=b"<html>Bad Gateway</html>"), ChannelUnavailable),
    (Fault("sendMessage", 200, body=b"<html>a login page</html>"), ChannelUnavailable),
    (Fault("sendMessage", 302, body=b""), ChannelUnavailable),
    (Fault("sendMessage", lose=True), ChannelUnavailable),
]


@pytest.mark.parametrize(("fault", "error"), ANSWERS, ids=lambda value: getattr(value, "description", None))
async def test_an_error_says_what_to_do_next(fault, error) -> None:
    async with sending() as (server, channel, chat):
        fault.times = 1
        server.faults.append(fault)
        with pytest.raises(ChannelError) as raised:
            await channel.send(chat, Reply("a"))
        assert type(raised.value) is error
        assert TOKEN not in "".join(traceback.format_exception(raised.value))
        if isinstance(raised.value, RetryLater):
            assert raised.value.after_s == 7
        if isinstance(raised.value, RecipientMoved):
            assert raised.value.external_id == "-1009"


async def test_a_message_that_already_reads_that_way_is_fine() -> None:
    async with sending() as (server, channel, chat):
        server.faults.append(Fault("sendMessage", 400, "Bad Request: message is not modified: specified new…"))
        assert await channel.send(chat, Reply("a")) is None


async def test_nothing_to_say_is_never_sent() -> None:
    async with sending() as (server, channel, chat):
        with pytest.raises(PayloadRejected):
            await channel.send(chat, Reply(" \x00 "))
        assert server.calls == []


async def test_when_a_later_part_fails_the_first_is_not_sent_again() -> None:
    async with sending() as (server, channel, chat):
        reply = Reply("Một câu. " * 600, choices=(Choice("Danh mục", "m"),))
        server.faults.append(Fault("sendMessage", 429, "slow", {"retry_after": 1}, after=1))
        with pytest.raises(RetryLater):
            await channel.send(chat, reply)
        await channel.send(chat, reply)
        texts = [message["text"] for message in server.messages[int(chat)]]
        assert len(texts) == 2
        assert "".join("".join(texts).split()) == "".join(reply.body.split())
        assert "reply_markup" in server.messages[int(chat)][-1]
        assert "reply_markup" not in server.messages[int(chat)][-2]


async def test_sends_do_not_wait_for_each_other_nor_for_a_hung_poll() -> None:
    async with sending() as (server, channel, _):
        people = [server.person() for _ in range(50)]
        server.faults.append(Fault("sendMessage", hang_s=0.3, times=50))
        poll = asyncio.create_task(channel.fetch_updates(None, 20))
        started = time.monotonic()
        await asyncio.gather(*(channel.send(str(person.chat_id), Reply("a")) for person in people))
        assert time.monotonic() - started < 3  # one after the other it would be 15 s
        poll.cancel()


async def test_a_cut_poll_does_not_occupy_the_connection() -> None:
    async with sending() as (server, channel, _):
        for _ in range(10):
            poll = asyncio.create_task(channel.fetch_updates(None, 20))
            await asyncio.sleep(0.02)
            poll.cancel()
        server.queue(server.person().message(text="a"))
        assert b'"text": "a"' in await asyncio.wait_for(channel.fetch_updates(None, 1), 5)


async def test_an_unreachable_messenger_does_not_delay_the_start_and_no_error_shows_the_token() -> None:
    started = time.monotonic()
    async with opened(
        telegram_api_url="http://127.0.0.1:9", telegram_mode="webhook", telegram_webhook_secret="s",
        public_url="https://bot.example",
    ) as channel:  # fmt: skip
        assert time.monotonic() - started < 1
        with pytest.raises(ChannelUnavailable) as raised:
            await channel.send("5", Reply("a"))
        text = "".join(traceback.format_exception(raised.value))
        assert TOKEN not in text + repr(raised.value)
        await channel.acknowledge("late")  # never raises


async def test_through_a_proxy() -> None:
    async with fake_telegram() as server:
        chat = str(server.person().chat_id)
        async with opened(telegram_api_url="http://telegram.invalid", telegram_proxy=server.url) as channel:
            await channel.send(chat, Reply("a"))
        assert server.calls[0].status == 200


@pytest.mark.parametrize("values", [{"telegram_token": "no-token"}, {"telegram_proxy": "socks5://127.0.0.1:1"}])
def test_settings_that_cannot_work_are_refused_without_their_value(values) -> None:
    with pytest.raises(ValidationError) as raised:
        Settings(_env_file=None, **values)
    assert "no-token" not in str(raised.value)


async def test_a_late_tap_is_acknowledged_in_the_background() -> None:
    async with sending() as (server, channel, _):
        server.faults.append(Fault("answerCallbackQuery", 400, "Bad Request: query is too old", times=1))
        started = time.monotonic()
        await channel.acknowledge("old")
        await channel.acknowledge("new")
        assert time.monotonic() - started < 0.05
        await eventually(lambda: sum(call.status in (200, 400) for call in server.calls) == 2)
        assert [call.params["callback_query_id"] for call in server.calls] == ["old", "new"]
