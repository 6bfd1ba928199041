"""Filing a request on the web chat: the whole way, interrupted, confirmed twice, without consent, over the limit."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from sqlalchemy import select, update

from db.models import Consent, RequestDraft
from handlers.texts import say
from tests.conftest import MakeSettings
from tests.filing import (
    CONSENT,
    NAME,
    NEED,
    TAX,
    WHO,
    all_requests,
    button,
    code_of,
    count,
    file,
    fill_in,
    says_all,
)
from tests.harness import WebPerson, running_service


async def test_a_whole_filing(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running:
        person = WebPerson(running)
        answer = await person.says("đăng ký nhãn hiệu cần giấy tờ gì")
        assert button(answer, say("request.offer")) == "s"
        notice = (await person.taps("s"))[-1]["body"]
        assert all(part in notice for part in ("24 tháng", "6 tháng", "36 tháng", "7 ngày", "rút đồng ý"))
        assert await count(running.database, Consent) == 0
        await says_all(person, *CONSENT[1:], *WHO)
        review = await says_all(person, NEED, "bỏ qua")
        assert all(part in review[-1]["body"] for part in (NAME, "0912 345 678", TAX, "Tây Ninh (Long An cũ)", NEED))
        receipt = await person.says("gửi")
        code = code_of(receipt)
        assert receipt[-1]["link"] == code

        [row] = await all_requests(running.database)
        assert (row.code, row.name, row.phone, row.tax_code) == (code, NAME, "+84912345678", TAX)
        assert (row.topic, row.question, row.description) == ("nhan-hieu", "đăng ký nhãn hiệu cần giấy tờ gì", NEED)
        assert (row.province, row.old_province, row.commune) == ("tay-ninh", "long-an", "28132")  # xã Mỹ Lệ
        assert (row.former_unit, row.place) == ("28132", None)
        assert (row.status, row.legal_basis, row.requester_kind) == ("new", "consent", "doanh-nghiep")
        assert await count(running.database) == 0

        consents = await running.database.read(
            lambda c: c.execute(select(Consent.purpose, Consent.choice, Consent.channel).order_by(Consent.id)).all()
        )
        assert [tuple(consent) for consent in consents] == [
            ("handle_request", "granted", "web"), ("share_outside", "refused", "web"),
            ("announcements", "refused", "web"),
        ]  # fmt: skip
        mine = await person.says("yêu cầu của tôi")
        assert code in mine[-1]["body"]


async def test_the_form_outlives_a_question_and_a_restart(make_settings: MakeSettings, understander) -> None:
    settings = make_settings()
    async with running_service(settings, understander) as running:
        person = WebPerson(running)
        await says_all(person, *CONSENT, *WHO[:2])
        answer = await person.says("đăng ký sáng chế mất bao lâu?")
        assert "Nguồn:" in answer[-1]["note"]
        assert say("form.reminder") in answer[-1]["note"]
        await person.says("tạm biệt")
    async with running_service(settings, understander) as running:
        again = WebPerson(running)
        again.token, again.seen = person.token, person.seen
        assert (await again.says("tiếp tục"))[-1]["body"] == say("form.organisation")
        await says_all(again, *WHO[2:], NEED, "bỏ qua")
        code = code_of(await again.says("gửi"))
        [row] = await all_requests(running.database)
        assert (row.code, row.name) == (code, NAME)


async def test_what_is_wrong_is_named_with_an_example_and_asked_again(sqlite_settings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person = WebPerson(running)
        await says_all(person, *CONSENT, *WHO[:3])
        assert "chữ số cuối" in (await person.says("0100109107"))[-1]["body"]
        await person.says(TAX)
        assert "6 chữ số, cần 10" in (await person.says("091234"))[-1]["body"]
        assert "ký tự lạ «x»" in (await person.says("09123x45678"))[-1]["body"]
        await person.says("01662345678")  # eleven digits, of before 2018
        unknown = (await person.says("ở nhà"))[-1]
        assert "Ví dụ" in unknown["body"]
        assert (await person.says("Bến Tre"))[-1]["body"].startswith("Bến Tre nay thuộc Vĩnh Long.")
        await person.says("bỏ qua")  # the commune
        assert (await person.says("ừ"))[-1]["body"] == say("problem.need.too_short")


async def test_every_field_can_be_changed_before_sending(sqlite_settings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person = WebPerson(running)
        await fill_in(person)
        fields = (await person.says("sửa"))[-1]["choices"]
        assert [label for label, _ in fields][:-1] == [
            say(f"form.label.{step}")
            for step in ("topic", "kind", "name", "organisation", "tax", "phone", "place", "need", "files")
        ]
        changes = {
            "s:e:name": "Trần Văn Mười", "s:e:organisation": "Tổ hợp Ba Làng", "s:e:phone": "0987654321",
            "s:e:place": "phường 4, TP Trà Vinh, Trà Vinh", "s:e:topic": "truy xuất nguồn gốc",
            "s:e:need": "Xin tư vấn chứng nhận VietGAP cho vườn dừa.",
        }  # fmt: skip
        for tap, text in changes.items():
            await person.taps(tap)
            await person.says(text)
        await person.taps("s:e:tax")
        review = (await person.taps("s:skip:tax"))[-1]["body"]
        assert NAME not in review
        await person.says("gửi")
        [row] = await all_requests(running.database)
        assert (row.name, row.organisation, row.tax_code) == ("Trần Văn Mười", "Tổ hợp Ba Làng", None)
        assert (row.phone, row.province, row.old_province) == ("+84987654321", "vinh-long", "tra-vinh")
        assert row.former_unit == "29236"
        assert row.topic == "truy-xuat-nguon-goc"


async def test_confirming_twice_at_once_files_one(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running:
        person = WebPerson(running)
        send = button(await fill_in(person), say("form.send"))
        second = WebPerson(running)  # another device of the same person
        second.token = person.token
        await asyncio.gather(*(each.post(tap=send, label="Gửi") for each in (person, second) for _ in range(4)))
        await person.replies()
        assert len(await all_requests(running.database)) == 1
        await person.taps("m")
        late = await person.taps(send)
        assert late[-1]["body"] == say("form.sent_already", code=code_of(late))
        assert (await person.says("gửi"))[-1]["body"] == late[-1]["body"]  # the word alone means the same
        assert len(await all_requests(running.database)) == 1


async def test_two_processes_confirming_file_one(make_settings: MakeSettings, understander) -> None:
    settings = make_settings()
    if settings.is_sqlite:
        return  # one process serves a SQLite file
    async with running_service(settings, understander) as first, running_service(settings, understander) as other:
        person, twin = WebPerson(first), WebPerson(other)
        twin.token = person.token
        send = button(await fill_in(person), say("form.send"))
        await asyncio.gather(person.post(tap=send), twin.post(tap=send), person.post(text="gửi"), twin.post(text="gửi"))
        await person.replies()
        assert len(await all_requests(first.database)) == 1


async def test_without_consent_the_question_still_goes_and_nothing_personal_is_kept(
    make_settings: MakeSettings, understander
) -> None:
    async with running_service(make_settings(), understander) as running:
        person = WebPerson(running)
        asked = await says_all(person, "gửi yêu cầu hỗ trợ", "không đồng ý")
        assert asked[-1]["body"].startswith(say("consent.declined"))
        hidden = await person.says("Cho tôi hỏi vốn vay làm nhà màng, gọi lại 0912345678 nhé")
        assert say("form.need_hidden") in hidden[-1]["body"]
        review = await person.says("bỏ qua")
        assert review[-1]["note"] == say("form.review_anonymous")
        await person.says("gửi")
        [row] = await all_requests(running.database)
        assert (row.name, row.phone, row.place, row.legal_basis) == (None, None, None, "state_agency")
        assert "0912345678" not in row.description


async def test_silence_and_anything_unclear_is_no_consent(sqlite_settings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person = WebPerson(running)
        unclear = await says_all(person, "gửi yêu cầu hỗ trợ", "để coi đã")
        assert unclear[-1]["body"] == say("consent.unclear")
        assert await count(running.database, Consent) == 0


async def test_a_sixth_open_request_is_declined_kindly(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(web_rate_per_minute=1000), understander) as running:
        person = WebPerson(running)
        await file(person)
        codes = []
        for number in range(4):
            await says_all(person, "gửi yêu cầu hỗ trợ", *WHO, f"{NEED} Lần {number}.", "bỏ qua")
            codes.append(code_of(await person.says("gửi")))
        sixth = await person.says("gửi yêu cầu hỗ trợ")
        assert "5 yêu cầu chưa xong" in sixth[-1]["body"]
        assert codes[-1] in sixth[-1]["body"]
        assert len(await all_requests(running.database)) == 5


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Tôi làm đơn khiếu nại quyết định xử phạt của Chi cục", "tiếp công dân"),
        ("tố cáo giám đốc trung tâm nhận tiền", "tiếp công dân"),
        ("Tôi xin nộp hồ sơ đăng ký hoạt động khoa học và công nghệ", "dichvucong.gov.vn"),
    ],
)
async def test_complaints_and_dossiers_go_elsewhere(sqlite_settings, understander, text: str, place: str) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person = WebPerson(running)
        refused = await says_all(person, "gửi yêu cầu hỗ trợ", "không đồng ý", text)
        assert place in refused[-1]["body"]
        plain = await person.taps(button(refused, say("form.plain_question")))
        assert plain[-1]["body"].startswith(say("form.plain_ask"))
        await says_all(person, "Cho hỏi thủ tục nộp hồ sơ thế nào", "bỏ qua", "gửi")
        assert len(await all_requests(running.database)) == 1


async def test_stopping_keeps_the_form_and_dropping_forgets_it(sqlite_settings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person = WebPerson(running)
        await says_all(person, *CONSENT, *WHO[:2])
        stopped = await person.says("thôi")
        assert stopped[-1]["body"] == say("form.stopped", days=7)
        assert (await person.says("gửi yêu cầu hỗ trợ"))[-1]["body"].startswith(say("form.kept"))
        anew = await person.says("làm lại")
        assert anew[-1]["body"].startswith(say("form.begin"))
        await person.says("thôi")
        await person.taps("s:drop")
        assert await count(running.database) == 0
        assert (await person.says("nông dân"))[-1]["body"] != say("form.name")


async def test_a_form_ends_after_seven_days(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running:
        person = WebPerson(running)
        await says_all(person, *CONSENT, *WHO[:2])
        past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
        await running.database.write(lambda c: c.execute(update(RequestDraft).values(expires_at=past)))
        assert (await person.says("tiếp tục"))[-1]["body"] == say("form.none")


async def test_answers_sent_in_one_breath_fill_one_step_each(sqlite_settings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person = WebPerson(running)
        await says_all(person, *CONSENT, "nông dân")
        for text in ("Nguyễn Thị Hoa", "0912345678", "Tân Trạch, Long An"):
            await person.post(text=text)
        last = (await person.replies(at_least=1))[-1]
        for _ in range(3):
            if "Cần Sở" in last["body"] or "cần Sở" in last["body"]:
                break
            last = (await person.replies(at_least=1))[-1]
        assert "cần Sở giúp việc gì" in last["body"]
