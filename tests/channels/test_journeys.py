"""A request from the first word to the stars, on Zalo and on Telegram; the officer works in the console over HTTP."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from db.models import RequestMessage, StaffRole
from handlers.texts import say
from tests.channels.drivers import World, world
from tests.conftest import MakeSettings
from tests.filing import CODE, NAME, NEED, TAX, all_requests, files_of
from tests.staff.driver import Browser, text_of, token_of
from tests.test_requests_files import picture

QUEUE = "/staff/yeu-cau"
PHONE = "0938111222"  # not the one our own example shows
CONSENT = ("gửi yêu cầu hỗ trợ", "đồng ý", "không đồng ý", "không đồng ý")
WHO = ("doanh nghiệp", f"tôi tên là {NAME}", "Cơ sở Mắm Ba Làng", TAX, PHONE, "xã Tân Trạch, Long An")
SECRETS = (NAME, PHONE, "938111222", "0938 111 222", TAX)


async def says(w: World, person: Any, *texts: str) -> str:
    """Say one thing after the other; everything answered to the last."""
    before = 0
    for words in texts:
        before = len(await person.replies())
        await person.says(words)
        await w.answered(person, at_least=before + 1)
    return "\n".join(reply["text"] for reply in (await person.replies())[before:])


async def hears(w: World, person: Any, before: int) -> str:
    """What came without being asked for, after ``before`` messages."""
    return "\n".join(reply["text"] for reply in (await w.answered(person, at_least=before + 1))[before:])


async def sends_picture(w: World, name: str, person: Any) -> str:
    server, before = w.drivers[name].server, len(await person.replies())
    if name == "zalo":
        server.files["photo"] = (200, picture(position=True), {})
        await person.sends("photo")
    else:
        server.files["p77"] = picture(position=True)
        photo = [{"file_id": "p77", "file_unique_id": "u", "width": 640, "height": 480}]
        server.queue(person.user.message(photo=photo))
    return await hears(w, person, before)


async def done(officer: Browser, code: str, slug: str, **fields: str) -> str:
    """Fill in a form of the request's page as it is now, and read the page it leads to."""
    page = await officer.get(f"{QUEUE}/{code}")
    assert f'action="{QUEUE}/{code}/{slug}"' in page.text, f"the page offers no {slug}"
    version = re.search(r'name="version" value="(\d+)"', page.text)
    assert version
    given = {"token": token_of(page), "version": version[1], **fields}
    response = await officer.client.post(f"{QUEUE}/{code}/{slug}", data=given)
    assert response.status_code == 303, text_of(response)
    return text_of(await officer.get(response.headers["location"]))


@pytest.mark.parametrize(("name", "public_url"), [("zalo", None), ("telegram-polling", "http://bot.example")])
async def test_from_a_photo_to_five_stars(
    name: str, public_url: str | None, make_settings: MakeSettings, understander
) -> None:
    async with world(make_settings, understander, name, public_url=public_url) as w, Browser(w.running) as officer:
        server, person = w.drivers[name].server, w.drivers[name].person()
        await officer.join(login="lan", role=StaffRole.OFFICER)

        begun = await says(w, person, CONSENT[0])
        assert (say("form.on_web") in begun) == (name != "zalo")  # on Telegram our own page is offered
        await says(w, person, *CONSENT[1:], *WHO, NEED)
        assert say("file.kept", count=1, limit=10) in await sends_picture(w, name, person)
        review = await says(w, person, "xong")
        assert (NAME in review) == (name == "zalo")
        found = CODE.search(await says(w, person, "gửi"))
        assert found
        code = found.group()

        page = await officer.get(f"{QUEUE}/{code}")
        for shown in (code, NAME, "0938 111 222", "Cơ sở Mắm Ba Làng", TAX, "Tây Ninh (Long An cũ)", "mắm ruốc"):
            assert shown in text_of(page), shown
        [kept] = await files_of(w.database)
        address = re.search(rf'"([^"]*/{kept.id})"', page.text)
        assert address
        image = await officer.get(address[1])
        assert image.headers["content-type"] == "image/jpeg"
        assert not Image.open(io.BytesIO(image.content)).getexif()

        before = len(await person.replies())
        await done(officer, code, "nhan")
        assert "đã tiếp nhận" in await hears(w, person, before)
        before = len(await person.replies())
        asking = f"Chị {NAME} gửi giúp <b>ảnh nhãn</b> sản phẩm. Tôi sẽ gọi số 0938 111 222."
        await done(officer, code, "hoi-them", text=asking)
        asked = await hears(w, person, before)
        assert "ảnh nhãn" in asked
        assert "<b>" in asked  # as it was typed
        assert (NAME in asked) == (name == "zalo")

        assert say("request.files_added", count=1, code=code) in await sends_picture(w, name, person)
        await says(w, person, "Dạ ảnh đó, nhãn in được hai năm rồi")
        read = text_of(await officer.get(f"{QUEUE}/{code}"))
        assert read.index("ảnh nhãn") < read.index("nhãn in được hai năm rồi")
        assert len(await files_of(w.database)) == 2
        assert (await all_requests(w.database))[0].status == "in_progress"

        before = len(await person.replies())
        await done(officer, code, "ket-luan", text="Chị nộp đơn ở Cục Sở hữu trí tuệ.")
        assert "Cục Sở hữu trí tuệ" in await hears(w, person, before)
        before = len(await person.replies())
        assert "Đã hướng dẫn hồ sơ" in await done(officer, code, "dong", result="Đã hướng dẫn hồ sơ")
        assert "chấm điểm" in await hears(w, person, before)
        assert say("request.thanks", stars=5) in await says(w, person, "đánh giá 5")

        [row] = await all_requests(w.database)
        assert (row.status, row.rating) == ("closed", 5)
        closed = text_of(await officer.get(f"{QUEUE}/{code}"))
        assert ("Zalo" if name == "zalo" else "Telegram") in closed
        written = select(RequestMessage.author).order_by(RequestMessage.id)
        authors = await w.database.read(lambda c: list(c.execute(written).scalars()))
        assert authors.count("person") >= 2 and "officer" in authors
        if name != "zalo":
            sent = json.dumps([call.params for call in server.calls], ensure_ascii=False)
            assert [secret for secret in SECRETS if secret in sent] == []
