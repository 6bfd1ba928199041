"""Zalo's own form for name and phone number: offered after consent, its answer read into the request form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from db.models import InboxMessage, RequestDraft
from handlers.texts import say
from tests.conftest import MakeSettings
from tests.zalo.conftest import says, traces, zalo_world

IMAGE = "https://so.example/khung.png"
CONSENT = ("gửi yêu cầu hỗ trợ", "đồng ý", "không đồng ý", "không đồng ý")


def cards(person: Any) -> list[dict[str, Any]]:
    """The forms of Zalo's that the person was shown."""
    payloads = [message["message"].get("attachment", {}).get("payload", {}) for message in person.messages]
    return [payload["elements"][0] for payload in payloads if payload.get("template_type") == "request_user_info"]


async def form_of(z: Any) -> dict[str, Any]:
    return dict((await z.rows(RequestDraft))[0].data)


@pytest.mark.parametrize("old_form", [True, False])
async def test_what_is_shared_fills_name_phone_and_place(
    old_form: bool, make_settings: MakeSettings, understander
) -> None:
    async with zalo_world(make_settings, understander, zalo_contact_image=IMAGE) as z:
        person = z.fake.person()
        await says(z, person, *CONSENT)
        assert cards(person) == []  # nothing personal is asked for before the consent and who they are
        asked = await says(z, person, "nông dân")
        assert say("form.name_or_share") in asked
        assert await z.until(lambda: cards(person)) == [
            {"title": "Sở Khoa học và Công nghệ", "subtitle": say("zalo.contact_subtitle"), "image_url": IMAGE}
        ]
        before = len(person.messages)
        await z.fake.deliver(
            person.info_event(
                old_form=old_form, name="Nguyễn Thị Hoa", phone="84912345678", ward="Tân Trạch", city="Long An"
            )
        )
        await z.until(lambda: len(person.messages) > before)
        await z.settled()
        told = "\n".join(person.texts[before:])
        assert say("form.shared", fields="họ tên, điện thoại, nơi ở") in told
        assert say("form.need") in told
        form = await form_of(z)
        assert (form["name"], form["phone"], form["province"]) == ("Nguyễn Thị Hoa", "+84912345678", "tay-ninh")
        review = await says(z, person, "Tôi muốn đăng ký nhãn hiệu cho mắm ruốc.", "bỏ qua")
        assert "Nguyễn Thị Hoa" in review and "0912 345 678" in review  # it is their own conversation


async def test_somebody_may_type_instead_and_share_later(sqlite_settings, understander) -> None:
    async with zalo_world(sqlite_settings, understander, zalo_contact_image=IMAGE) as z:
        person = z.fake.person()
        await says(z, person, *CONSENT, "nông dân", "tôi tên là Hoa")
        assert len(cards(person)) == 2  # with the phone number once more
        await says(z, person, "bỏ qua", "Cà Mau", "Tôi muốn đăng ký nhãn hiệu cho mắm ruốc.")
        before = len(person.messages)
        await z.fake.deliver(person.info_event(name="Nguyễn Thị Hoa", phone="84912345678"))
        await z.until(lambda: len(person.messages) > before)
        form = await form_of(z)
        assert (form["name"], form["phone"], form["province"]) == ("Nguyễn Thị Hoa", "+84912345678", "ca-mau")


async def test_an_unreadable_number_is_asked_for_in_words(sqlite_settings, understander) -> None:
    async with zalo_world(sqlite_settings, understander, zalo_contact_image=IMAGE) as z:
        person = z.fake.person()
        await says(z, person, *CONSENT, "nông dân")
        event = person.info_event(name=" ", phone="84")
        before = len(person.messages)
        await z.fake.deliver(event)
        await z.until(lambda: len(person.messages) > before)
        assert say("form.shared_nothing") in person.texts[before]
        assert (await form_of(z))["phone"] is None


async def test_what_nobody_asked_for_is_not_kept(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander, zalo_contact_image=IMAGE) as z:
        stranger, declined, dropped = (z.fake.person() for _ in range(3))
        await says(z, stranger, "menu")
        await says(z, declined, "gửi yêu cầu hỗ trợ", "không đồng ý")
        await says(z, dropped, *CONSENT, "nông dân", "xoá bản nháp")
        for person in (stranger, declined, dropped):
            before = len(person.messages)
            await z.fake.deliver(person.info_event(name="Zét Thị Zét", phone="84987000111", city="Xã Zét"))
            await z.until(lambda p=person, n=before: len(p.messages) > n)
        await z.settled()
        assert await traces(z, "zét", "987000111") == []


async def test_without_a_picture_or_when_zalo_refuses_the_question_stands_alone(sqlite_settings, understander) -> None:
    for image in (None, "http://plain.example/a.png"):
        async with zalo_world(sqlite_settings, understander, zalo_contact_image=image) as z:
            person = z.fake.person()
            asked = await says(z, person, *CONSENT, "nông dân")
            assert (say("form.name") in asked) == (image is None)
            assert cards(person) == []
            await says(z, person, "Hoa")
            assert (await form_of(z))["name"] == "Hoa"


async def test_our_own_picture_when_the_address_is_known(sqlite_settings, understander) -> None:
    async with zalo_world(sqlite_settings, understander, public_url="https://hotro.example.vn") as z:
        person = z.fake.person()
        await says(z, person, *CONSENT, "nông dân")
        [card] = await z.until(lambda: cards(person))
        assert card["image_url"] == "https://hotro.example.vn/static/zalo-contact.png"
        picture = await z.running.client.get("/static/zalo-contact.png")
        assert picture.content.startswith(b"\x89PNG") and len(picture.content) < 1_000_000


async def test_it_is_read_once_and_the_stored_message_says_what_came(sqlite_settings, understander) -> None:
    async with zalo_world(sqlite_settings, understander, zalo_contact_image=IMAGE) as z:
        person = z.fake.person()
        await says(z, person, *CONSENT, "nông dân")
        event, before = person.info_event(name="Hoa", phone="84912345678"), len(person.messages)
        for _ in range(3):
            await z.fake.deliver(event)
        await z.until(lambda: len(person.messages) > before)
        await z.settled()
        stored = [row.message for row in await z.rows(InboxMessage)][-1]
        assert stored["shared"]["phone"] == "84912345678"
        assert json.dumps(person.texts[before:]).count("84912345678") == 0
        assert len([text for text in person.texts[before:] if "đã ghi" in text]) == 1
