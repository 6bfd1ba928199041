"""The web chat's API: once, in order, nothing lost."""

from __future__ import annotations

import asyncio

from tests.conftest import MakeSettings
from tests.harness import WebPerson, running_service


async def test_a_question_gets_a_sourced_answer(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running:
        person = WebPerson(running)
        replies = await person.says("đăng ký nhãn hiệu cần giấy tờ gì")
        assert "Nguồn:" in replies[-1]["note"]
        assert "trợ lý tự động" in replies[0]["body"]


async def test_the_same_message_ten_times_at_once_is_one(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running:
        person = WebPerson(running)
        answers = await asyncio.gather(*(person.post(id="same-id", text="menu") for _ in range(10)))
        assert [a.status_code for a in answers] == [202] * 10
        assert sum(a.json()["new"] for a in answers) == 1
        replies = await person.replies()
        assert len(replies) == 2
