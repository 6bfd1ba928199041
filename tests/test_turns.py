"""Turns: bursts, failures, two processes on one conversation."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from typing import Any

import pytest

from bot.dispatcher import Dispatcher
from db.engine import Database
from db.queries import conversations, departments
from handlers import dialogue
from handlers.messages import IncomingMessage, MessageKind
from handlers.texts import say
from tests.conftest import MakeSettings
from tests.harness import WebPerson, running_service


async def test_messages_waiting_together_are_one_turn(make_settings: MakeSettings, understander) -> None:
    settings = make_settings()
    now = dt.datetime.now(dt.UTC)
    database = Database(settings.database_url)
    department = await database.read(departments.find_department)
    for number, text in enumerate(("em chào", "đăng ký nhãn hiệu cần giấy tờ gì", "menu")):
        message = IncomingMessage(MessageKind.TEXT, text).to_json()
        person = hashlib.sha256(b"t" * 40).hexdigest()
        new = conversations.NewMessage("web", "web", f"m{number}", person, message, now, now)
        await database.write(lambda c, n=new: conversations.accept_message(c, n, department_id=department.id))
    await database.close()
    async with running_service(settings, understander) as running:
        person = WebPerson(running)
        person.token = "t" * 40
        replies = await person.replies(at_least=3)
        assert len(replies) == 3  # the introduction, one answer to both texts, the menu by itself
        assert [reply["turn"] for reply in replies[:2]] == [1, 1]
        assert replies[1]["note"]
        assert replies[2]["choices"][0][1].startswith("f:")


async def test_a_fragment_waits_for_the_next_message(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(burst_wait_s=30), understander) as running:
        person = WebPerson(running)
        await person.post(text="em chào")
        replies = await person.says("đăng ký nhãn hiệu cần giấy tờ gì")
        assert len({reply["turn"] for reply in replies}) == 1
        assert replies[-1]["note"]


async def test_a_lonely_greeting_is_answered_after_its_wait(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(burst_wait_s=0.3), understander) as running:
        assert await WebPerson(running).says("xin chào")


async def test_an_unexpected_failure_is_one_calm_sentence(
    make_settings: MakeSettings, understander, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = dialogue.answer_question

    def fail(context: Any, state: Any, text: str) -> Any:
        if "hỏng" in text:
            raise RuntimeError("on purpose")
        return real(context, state, text)

    monkeypatch.setattr(dialogue, "answer_question", fail)
    async with running_service(make_settings(), understander) as running:
        person = WebPerson(running)
        replies = await person.says("câu này làm hỏng máy")
        assert [reply["body"] for reply in replies] == [say("failure")]
        assert (await person.says("đăng ký nhãn hiệu cần giấy tờ gì"))[-1]["note"]


async def test_a_turn_that_cannot_be_stored_ends_with_an_apology(
    make_settings: MakeSettings, understander, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Dispatcher._log_values

    def unstorable(self: Dispatcher, decision: Any, key: str) -> Any:
        values = real(self, decision, key)
        if values and "độc" in (values["text"] or ""):
            values["details"] = {"not": object()}
        return values

    monkeypatch.setattr(Dispatcher, "_log_values", unstorable)
    monkeypatch.setattr("bot.dispatcher.RETRY_S", 0.05)
    async with running_service(make_settings(), understander) as running:
        person = WebPerson(running)
        replies = await person.says("tin nhắn này độc")
        assert replies[-1]["body"] == say("failure")
        assert (await person.says("đăng ký nhãn hiệu cần giấy tờ gì"))[-1]["note"]


async def test_two_processes_answer_each_message_once(make_settings: MakeSettings, understander) -> None:
    settings = make_settings()
    if settings.is_sqlite:
        return  # one process serves a SQLite file
    async with running_service(settings, understander) as first, running_service(settings, understander) as second:
        person = WebPerson(first)
        other = WebPerson(second)
        other.token = person.token
        await asyncio.gather(*((person if i % 2 else other).post(text="menu", id=f"message-{i}") for i in range(10)))
        replies = await person.replies(at_least=11)
        assert len(replies) == 11
        assert [reply["seq"] for reply in replies] == list(range(1, 12))
