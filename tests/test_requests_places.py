"""Saying where one is, in the chat and on the form's own page: what is kept, what is asked, what stays as typed."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select

from db.models import Conversation, LinkPurpose
from db.queries import privacy
from desk import links
from desk.privacy import collect
from desk.search import find
from desk.settings import load_desk
from handlers.texts import say
from tests.conftest import MakeSettings
from tests.filing import CONSENT, NEED, all_requests, button, code_of, says_all
from tests.harness import WebPerson, running_service

BEFORE = (*CONSENT, "nông dân", "tôi tên là Nguyễn Thị Hoa", "0912345678")
MY_THANH = "Xã Mỹ Thạnh, Tây Ninh (Long An cũ), trước là xã Mỹ Thạnh, huyện Thủ Thừa"


async def at_place(person: WebPerson) -> None:
    asked = await says_all(person, *BEFORE)
    assert asked[-1]["body"] == say("form.place")


async def test_an_old_address_is_kept_as_todays_with_the_old_name_beside_it(
    make_settings: MakeSettings, understander
) -> None:
    async with running_service(make_settings(), understander) as running:
        person = WebPerson(running)
        await at_place(person)
        told = (await person.says("ấp 3, xã Mỹ Thạnh, Thủ Thừa, Long An"))[-1]["body"]
        now = "xã Mỹ Thạnh, Tây Ninh (Long An cũ)"
        assert told.startswith(say("form.commune_today", old="Xã Mỹ Thạnh, huyện Thủ Thừa", now=now))
        review = await says_all(person, NEED, "bỏ qua")
        assert f": ấp 3, x{MY_THANH[1:]}" in review[-1]["body"]
        code = code_of(await person.says("gửi"))
        [row] = await all_requests(running.database)
        assert (row.province, row.old_province, row.place) == ("tay-ninh", "long-an", "ấp 3")
        assert (row.commune, row.former_unit) == ("28051", "28051")

        def look(connection):
            desk = load_desk(connection, department_id=row.department_id)
            shown = collect(connection, desk, conversation_id=row.conversation_id)["requests"][0]["place"]
            found = [find(connection, words, department_id=row.department_id).ids for words in ("my thanh", "thu thua")]
            return shown, found

        shown, found = await running.database.write(look)
        assert shown == f"ấp 3, x{MY_THANH[1:]}"
        assert [list(ids) for ids in found] == [[row.id], [row.id]]

        await running.database.write(lambda c: privacy.deidentify_request(c, row.id, now=dt.datetime.now(dt.UTC)))
        [row] = await all_requests(running.database)
        assert (row.code, row.province) == (code, "tay-ninh")
        assert (row.commune, row.former_unit, row.place) == (None, None, None)


async def test_province_first_then_the_commune_which_one_word_skips(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running:
        person = WebPerson(running)
        await at_place(person)
        asked = (await person.says("bến tre"))[-1]
        assert asked["body"].endswith(say("form.commune", where="Vĩnh Long (Bến Tre cũ)"))
        assert (await person.says("bỏ qua"))[-1]["body"] == say("form.need")
        await says_all(person, NEED, "bỏ qua", "gửi")
        [row] = await all_requests(running.database)
        assert (row.province, row.old_province) == ("vinh-long", "ben-tre")
        assert (row.commune, row.former_unit, row.place) == (None, None, None)


async def test_what_may_be_several_is_chosen_by_number(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running:
        person = WebPerson(running)
        await at_place(person)
        asked = (await person.says("ba tri bến tre"))[-1]
        assert asked["body"] == say("problem.place.which")
        labels = [label for label, _ in asked["choices"]]
        assert labels[:2] == ["Xã Ba Tri, Vĩnh Long (Bến Tre cũ)", "Huyện Ba Tri cũ, Vĩnh Long (Bến Tre cũ)"]
        district = (await person.says("2"))[-1]["body"]
        assert district.endswith(say("form.commune", where="huyện Ba Tri cũ, Vĩnh Long (Bến Tre cũ)"))
        need = (await person.says("xã An Hòa Tây"))[-1]["body"]  # a former commune of that district
        assert "Xã An Hòa Tây, huyện Ba Tri nay là" in need
        review = await says_all(person, NEED, "bỏ qua")
        assert "trước là xã An Hòa Tây, huyện Ba Tri" in review[-1]["body"]
        again = (await person.taps("s:e:place"))[-1]["body"]
        assert again == say("form.place")
        assert (await person.says("Cà Mau"))[-1]["body"] == say("form.commune", where="Cà Mau")
        back = (await person.says("quay lại"))[-1]["body"]
        assert back == say("form.place")
        await says_all(person, "tp thủ đức", "bỏ qua")
        await person.says("gửi")
        [row] = await all_requests(running.database)
        assert (row.province, row.old_province, row.commune) == ("ho-chi-minh", None, None)
        assert row.former_unit == "769"


async def test_a_district_of_few_communes_offers_them(sqlite_settings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person = WebPerson(running)
        await at_place(person)
        asked = await person.says("Q1 HCM")
        await person.taps(button(asked, "Phường Sài Gòn, Thành phố Hồ Chí Minh, trước là Quận 1"))
        await says_all(person, NEED, "bỏ qua", "gửi")
        [row] = await all_requests(running.database)
        assert (row.commune, row.former_unit) == ("26740", "760")


async def test_a_misspelt_commune_is_asked_about_and_a_tap_takes_it(sqlite_settings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person = WebPerson(running)
        await at_place(person)
        asked = await person.says("ấp 3, xã Mỹ Thạhn, Thủ Thừa, Long An")
        assert asked[-1]["body"] == say("problem.place.one")
        await person.taps(asked[-1]["choices"][0][1])
        await says_all(person, NEED, "bỏ qua", "gửi")
        [row] = await all_requests(running.database)
        assert (row.commune, row.place) == ("28051", "ấp 3")


async def test_what_is_not_known_stays_as_it_was_typed(sqlite_settings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person = WebPerson(running)
        await at_place(person)
        asked = await person.says("Lyon, Pháp")
        assert asked[-1]["body"] == say("problem.place.unknown")
        kept = await person.taps(button(asked, say("form.place_keep")))
        assert kept[-1]["body"].startswith(say("form.place_noted"))
        await says_all(person, NEED, "bỏ qua")
        await person.taps("s:e:place")
        await person.says("Bến Tre")
        unclear = await person.says("Tôi muốn hỏi cách đăng ký nhãn hiệu cho mắm ruốc nhà làm")
        assert unclear[-1]["body"] == say("problem.commune.unclear")
        noted = await person.says("cồn Gì Đó")
        assert noted[-1]["body"].startswith(say("form.place_noted"))
        await person.says("gửi")
        [row] = await all_requests(running.database)
        assert (row.province, row.commune, row.place) == ("vinh-long", None, "cồn Gì Đó")


async def test_an_old_or_forged_tap_takes_no_place(sqlite_settings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person = WebPerson(running)
        await at_place(person)
        for forged in ("s:c:99999:", "s:c:27694:00634", "s:c:", "s:p:paris:", "s:p:tay-ninh:ben-tre", "s:pk"):
            assert (await person.taps(forged))[-1]["body"] == say("form.place"), forged


@pytest.mark.parametrize("choose", [True, False])
async def test_the_page_offers_what_the_place_may_be(choose: bool, make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running:
        await WebPerson(running).says("xin chào")

        def make(connection):
            desk = load_desk(connection, department_id=running.service.department_id)
            conversation_id = connection.execute(select(Conversation.id)).scalar_one()
            return links.make(
                connection, desk, purpose=LinkPurpose.FORM, conversation_id=conversation_id, now=dt.datetime.now(dt.UTC)
            )

        answers = {"consent": "yes", "share": "no", "news": "no", "kind": "nong-dan", "need": NEED}
        answers |= {"token": await running.database.write(make), "place": "12 Hùng Vương, phường 3, Long An"}
        wrong = await running.client.post("/yeu-cau", json=answers)
        assert wrong.status_code == 422
        assert wrong.json()["problems"] == {"place": say("problem.place.which")}
        places = wrong.json()["places"]
        assert [label for label, _ in places] == [
            "Phường Long An, Tây Ninh (Long An cũ), trước là Phường 3, thành phố Tân An",
            "Phường Kiến Tường, Tây Ninh (Long An cũ), trước là Phường 3, thị xã Kiến Tường",
        ]
        if not choose:
            forged = await running.client.post("/yeu-cau", json={**answers, "place_choice": "c:00004:"})
            assert forged.status_code == 422
            return
        filed = await running.client.post("/yeu-cau", json={**answers, "place_choice": places[0][1]})
        assert filed.status_code == 201
        [row] = await all_requests(running.database)
        assert (row.commune, row.former_unit, row.place) == ("27694", "27697", "12 Hùng Vương")
