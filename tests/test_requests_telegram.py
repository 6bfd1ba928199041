"""Filing on Telegram: masked wherever it is shown, shared with one tap, files fetched from the messenger."""

from __future__ import annotations

import json

from desk import actions
from handlers.texts import say
from tests.channels.drivers import TelegramPerson, World, world
from tests.conftest import MakeSettings
from tests.filing import CODE, NEED, all_requests, files_of
from tests.test_requests_after import Officer
from tests.test_requests_files import picture

NAME, PHONE, TAX = "Nguyễn Thị Hoa", "0938111222", "0100109071"
SECRETS = (NAME, "NGUYEN THI HOA", PHONE, "938111222", "0938 111 222", TAX, "0987654321")


async def says(w: World, person: TelegramPerson, *texts: str) -> str:
    """Say one thing after the other; the last message shown."""
    for text in texts:
        before = len(await person.replies())
        await person.says(text)
        shown = await w.answered(person, at_least=before + 1)
    return str(shown[-1]["text"])


async def test_filing_on_telegram_shows_no_personal_data(make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, "telegram") as w:
        server = w.drivers["telegram"].server
        person = w.drivers["telegram"].person()
        await says(w, person, "gửi yêu cầu hỗ trợ")
        assert say("form.on_web_button") in str(await person.replies())
        await says(
            w, person, "đồng ý", "không", "không", "doanh nghiệp", f"tôi tên là {NAME.lower()}", "Cơ sở Mắm Ba Làng",
            TAX,
        )  # fmt: skip
        asked = server.messages[person.user.chat_id][-1]
        assert asked["reply_markup"]["keyboard"][0][0]["request_contact"] is True
        own = {"phone_number": "84938111222", "first_name": "Hoa", "user_id": person.user.chat_id}
        before = len(await person.replies())
        server.queue(person.user.message(contact=own))
        await w.answered(person, at_least=before + 1)
        await says(w, person, "Tân Trạch, Long An", f"{NEED} Tôi là NGUYEN THI HOA, gọi {PHONE}.")

        server.files["p77"] = picture(position=True)
        photo = [{"file_id": "p77", "file_unique_id": "u", "width": 640, "height": 480}]
        before = len(await person.replies())
        server.queue(person.user.message(photo=photo))
        assert say("file.kept", count=1, limit=10) in str((await w.answered(person, at_least=before + 1))[-1])
        review = await says(w, person, "xong")
        assert "N. T. Hoa" in review
        assert "093• ••• 222" in review
        filed = await says(w, person, "gửi")
        code = CODE.search(filed)
        assert code

        [row] = await all_requests(w.database)
        assert (row.name, row.phone, row.tax_code) == (NAME, "+84938111222", TAX)
        [photo_row] = await files_of(w.database)
        assert photo_row.request_id == row.id

        officer = Officer(w.running)
        await officer.does(actions.answer, text=f"Chào chị {NAME}, tôi sẽ gọi số 0938 111 222 hoặc 0987654321.")
        answered = await w.answered(person, at_least=len(server.messages[person.user.chat_id]) + 1)
        assert say("notice.hidden") in str(answered[-1]["text"])
        await says(w, person, "yêu cầu của tôi", code.group(), "xem dữ liệu của tôi")
        sent = json.dumps([call.params for call in server.calls], ensure_ascii=False)
        assert "N. T. Hoa" in sent
        assert [secret for secret in SECRETS if secret.lower() in sent.lower()] == []


async def test_somebody_elses_contact_is_not_taken(sqlite_settings, understander) -> None:
    async with world(sqlite_settings, understander, "telegram") as w:
        server = w.drivers["telegram"].server
        person = w.drivers["telegram"].person()
        await says(w, person, "gửi yêu cầu hỗ trợ", "đồng ý", "không", "không", "nông dân", "Hoa")
        before = len(await person.replies())
        server.queue(person.user.message(contact={"phone_number": "+84987654321", "first_name": "Ba", "user_id": 5}))
        shown = await w.answered(person, at_least=before + 1)
        assert shown[-1]["text"] == say("media.contact")


async def test_a_video_and_a_lost_file_are_refused_and_the_form_goes_on(sqlite_settings, understander) -> None:
    async with world(sqlite_settings, understander, "telegram") as w:
        person = w.drivers["telegram"].person()
        await says(w, person, "gửi yêu cầu hỗ trợ", "không đồng ý", NEED)
        before = len(await person.replies())
        await person.sends("video")
        assert say("file.video") in str((await w.answered(person, at_least=before + 1))[-1])
        before = len(await person.replies())
        await person.sends("photo")  # the server knows nothing of it
        assert say("file.not_received") in str((await w.answered(person, at_least=before + 1))[-1])
        await says(w, person, "bỏ qua", "gửi")
        assert len(await all_requests(w.database)) == 1
