"""The form as a page, opened from Telegram by a one-time link."""

from __future__ import annotations

import asyncio
import re

from handlers.texts import say
from tests.channels.drivers import TelegramPerson, World, world
from tests.conftest import MakeSettings
from tests.filing import NEED, all_requests
from tests.test_requests_telegram import says

ANSWERS = {
    "consent": "yes", "share": "no", "news": "no", "kind": "nong-dan", "name": "Nguyễn Thị Hoa",
    "phone": "0938111222", "place": "Trà Vinh", "need": NEED,
}  # fmt: skip


async def link_of(w: World, person: TelegramPerson) -> str:
    before = len(await person.replies())
    await person.taps(say("form.on_web_button"))
    text = (await w.answered(person, at_least=before + 1))[-1]["text"]
    found = re.search(r"https://bot\.example/yeu-cau#(\S+)", text)
    assert found
    return found.group(1)


async def test_one_link_files_one_request_and_the_chat_gets_the_receipt(
    make_settings: MakeSettings, understander
) -> None:
    async with world(make_settings, understander, "telegram") as w:
        client, server = w.running.client, w.drivers["telegram"].server
        person = w.drivers["telegram"].person()
        await says(w, person, "đăng ký nhãn hiệu cần giấy tờ gì", "gửi yêu cầu hỗ trợ")
        token = await link_of(w, person)
        page = (await client.get("/yeu-cau")).text
        assert "24 tháng" in page
        assert "checked" not in page
        assert token not in page

        wrong = await client.post("/yeu-cau", json={**ANSWERS, "token": token, "phone": "0938", "share": ""})
        assert wrong.status_code == 422
        assert wrong.json()["problems"].keys() == {"phone", "share"}
        before = len(await person.replies())
        answers = await asyncio.gather(*(client.post("/yeu-cau", json={**ANSWERS, "token": token}) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [201, 404, 404, 404]
        [row] = await all_requests(w.database)
        assert (row.name, row.phone, row.old_province) == ("Nguyễn Thị Hoa", "+84938111222", "tra-vinh")
        assert (row.topic, row.channel) == ("nhan-hieu", "telegram")
        assert row.code in (await w.answered(person, at_least=before + 1))[-1]["text"]
        assert "Nguyễn Thị Hoa" not in str(server.calls)


async def test_without_consent_nothing_personal_is_taken(sqlite_settings, understander) -> None:
    async with world(sqlite_settings, understander, "telegram", telegram_form_on_web=True) as w:
        client = w.running.client
        person = w.drivers["telegram"].person()
        shown = await says(w, person, "gửi yêu cầu hỗ trợ")
        assert shown == say("form.on_web")  # the only way: the chat asks nothing
        token = await link_of(w, person)
        answer = await client.post("/yeu-cau", json={**ANSWERS, "token": token, "consent": "no"})
        assert answer.status_code == 201
        [row] = await all_requests(w.database)
        assert (row.name, row.phone, row.province) == (None, None, None)
        assert (await client.post("/yeu-cau", json={**ANSWERS, "token": "guess"})).status_code == 404
        assert (await client.post("/yeu-cau", content=b"[]")).status_code == 400
