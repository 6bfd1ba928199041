"""After filing, in the chat: one's requests, codes, the officer's words and the person's, ending, one's data."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, insert, select

from db.models import DataTask, Request, RequestMessage, StaffMember, StaffRole
from desk import actions, handover, privacy
from desk.codes import new_code
from desk.settings import load_desk
from handlers.request_status import MISSES
from handlers.texts import say
from tests.conftest import MakeSettings
from tests.filing import CONSENT, NAME, PHONE, all_requests, button, code_of, count, file, says_all
from tests.harness import Running, WebPerson, running_service


class Officer:
    """A staff member who works on requests through the desk's own actions."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._id: int | None = None

    async def does(self, action: Any, **values: Any) -> Any:
        """Run an action on the newest request."""
        department_id = self._running.service.department_id

        def run(connection: Connection) -> Any:
            if self._id is None:
                self._id = _add_officer(connection, department_id)
            desk = load_desk(connection, department_id=department_id)
            newest = connection.execute(select(Request.id).order_by(Request.id.desc()).limit(1)).scalar_one()
            actor = actions.Actor.staff(self._id, "Lê Văn Ba")
            return action(
                connection, desk, request_id=newest, actor=actor, now=dt.datetime.now(dt.UTC), **values
            )  # fmt: skip

        return await self._running.database.write(run)

    async def takes(self, conversation_id: int, request_id: int | None) -> None:
        """Hold the conversation."""
        department_id = self._running.service.department_id

        def run(connection: Connection) -> None:
            if self._id is None:
                self._id = _add_officer(connection, department_id)
            desk = load_desk(connection, department_id=department_id)
            actor = actions.Actor.staff(self._id, "Lê Văn Ba")
            handover.take(
                connection, desk, conversation_id=conversation_id, actor=actor, now=dt.datetime.now(dt.UTC),
                request_id=request_id,
            )  # fmt: skip

        await self._running.database.write(run)

    async def gives_back(self, conversation_id: int) -> None:
        """Let the bot answer again."""
        department_id = self._running.service.department_id

        def run(connection: Connection) -> None:
            desk = load_desk(connection, department_id=department_id)
            actor = actions.Actor.staff(int(self._id or 0), "Lê Văn Ba")
            handover.give_back(
                connection, desk, conversation_id=conversation_id, actor=actor, now=dt.datetime.now(dt.UTC)
            )

        await self._running.database.write(run)


def _add_officer(connection: Connection, department_id: int) -> int:
    values = {"login": "ba", "role": StaffRole.OFFICER, "is_active": True, "created_at": dt.datetime.now(dt.UTC)}
    statement = insert(StaffMember).values(department_id=department_id, name="Lê Văn Ba", **values)
    return int(connection.execute(statement.returning(StaffMember.id)).scalar_one())


async def messages(running: Running) -> list[tuple[str, str | None]]:
    statement = select(RequestMessage.author, RequestMessage.text).order_by(RequestMessage.id)
    rows = await running.database.read(lambda c: c.execute(statement).all())
    return [(row.author, row.text) for row in rows]


async def test_from_the_officers_question_to_the_stars(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running:
        person, officer = WebPerson(running), Officer(running)
        code = await file(person)

        await officer.does(actions.accept)
        assert "Cán bộ Lê Văn Ba đã tiếp nhận" in (await person.replies())[-1]["body"]
        await officer.does(actions.ask_for_more, text="Anh/chị đã có <b>nhãn</b> in chưa?")
        asked = (await person.replies())[-1]
        assert "<b>nhãn</b>" in asked["body"]
        assert (await person.says("yêu cầu của tôi"))[-1]["body"] == say(
            "request.line", code=code, status=say("request_status.waiting")
        )

        answered = await person.says("Dạ tôi in nhãn được hai năm rồi")
        assert answered[-1]["body"] == say("request.answered_officer", code=code)
        assert ("person", "Dạ tôi in nhãn được hai năm rồi") in await messages(running)
        assert (await all_requests(running.database))[0].status == "in_progress"

        await officer.does(actions.answer, text="Anh/chị nộp đơn ở Cục Sở hữu trí tuệ.")
        answer = (await person.replies())[-1]
        assert "Cục Sở hữu trí tuệ" in answer["body"]
        await person.taps(button([answer], say("request.close")))
        assert (await all_requests(running.database))[0].status == "closed"
        await person.taps(f"r:s:{code}")
        thanks = await person.says("số 4")
        assert thanks[-1]["body"] == say("request.thanks", stars=4)
        assert (await all_requests(running.database))[0].rating == 4


async def test_a_question_while_the_officer_waits_is_answered_and_can_be_passed_on(
    sqlite_settings, understander
) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person, officer = WebPerson(running), Officer(running)
        code = await file(person)
        await officer.does(actions.ask_for_more, text="Có nhãn chưa ạ?")
        await person.replies()
        reply = (await person.says("đăng ký nhãn hiệu tốn bao nhiêu?"))[-1]
        assert "Nguồn:" in reply["note"]
        await person.taps(button([reply], say("request.forward")))
        assert ("person", "đăng ký nhãn hiệu tốn bao nhiêu?") in await messages(running)
        assert code


async def test_a_word_back_to_an_officer_who_did_not_ask_can_be_passed_on(sqlite_settings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person, officer = WebPerson(running), Officer(running)
        await file(person)
        await officer.does(actions.reply, text="Nhãn in ở Tân An phải không ạ?")
        await person.replies()
        reply = (await person.says("đăng ký nhãn hiệu tốn bao nhiêu?"))[-1]
        await person.taps(button([reply], say("request.forward")))
        assert ("person", "đăng ký nhãn hiệu tốn bao nhiêu?") in await messages(running)


async def test_words_are_added_a_request_withdrawn_reopened_and_rated_in_words(
    make_settings: MakeSettings, understander
) -> None:
    async with running_service(make_settings(), understander) as running:
        person, officer = WebPerson(running), Officer(running)
        code = await file(person)
        await person.says(f"bổ sung {code}")
        assert (await person.says("Cơ sở có 5 lao động"))[-1]["body"] == say("request.words_added", code=code)
        assert ("person", "Cơ sở có 5 lao động") in await messages(running)

        await officer.does(actions.close, result="Đã hướng dẫn qua điện thoại.")
        assert "đã xong. Kết quả: Đã hướng dẫn" in (await person.replies())[-1]["body"]
        assert (await person.says("đánh giá 2"))[-1]["body"] == say("request.thanks", stars=2)
        assert (await person.says("đánh giá 3"))[-1]["body"] == say("request.thanks", stars=3)  # the last one counts
        await person.says(f"mở lại {code}")
        reopened = await person.says("Tôi chưa rõ phí")
        assert code in reopened[-1]["body"]
        [row] = await all_requests(running.database)
        assert row.status == "reopened"
        assert ("person", "Tôi chưa rõ phí") in await messages(running)

        asked = await person.says(f"rút yêu cầu {code}")
        await person.taps(button(asked, say("request.withdraw_yes")))
        assert (await all_requests(running.database))[0].status == "withdrawn"


async def test_a_code_shows_no_personal_data_to_others_and_everything_to_its_owner(
    make_settings: MakeSettings, understander
) -> None:
    async with running_service(make_settings(), understander) as running:
        person, stranger = WebPerson(running), WebPerson(running)
        code = await file(person)
        typed = code.lower().replace("-", " ").replace("1", "l").replace("0", "o")
        shown = await stranger.says(f"tra cứu {typed}")
        text = str(shown)
        assert code in text
        assert say("request_status.new") in text
        assert not any(secret in text for secret in (NAME, PHONE, "mắm ruốc", "Ba Làng"))
        assert "mắm ruốc" in (await person.says(code))[-1]["body"]
        assert (await stranger.taps(f"r:v:{code}"))[-1]["body"] == say("request.none")
        assert (await stranger.taps(f"r:w:{code}:yes"))[-1]["body"] == say("request.none")
        assert (await all_requests(running.database))[0].status == "new"


async def test_guessing_codes_is_slowed_down(sqlite_settings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person, guesser = WebPerson(running), WebPerson(running)
        code = await file(person)
        assert (await guesser.says("HT26-AAAAAB"))[-1]["body"].startswith("Mã HT26-AAAAAB gõ sai")
        for _ in range(MISSES - 1):
            assert "không thấy yêu cầu" in (await guesser.says(new_code(2026)))[-1]["body"]
        assert (await guesser.says(code))[-1]["body"] == say("lookup.wait")
        assert code in (await person.says(code))[-1]["heading"]


async def test_while_an_officer_holds_the_conversation_the_bot_is_silent(
    make_settings: MakeSettings, understander
) -> None:
    async with running_service(make_settings(), understander) as running:
        person, officer = WebPerson(running), Officer(running)
        await file(person)
        [row] = await all_requests(running.database)
        await officer.takes(row.conversation_id, row.id)
        assert "tạm im lặng" in (await person.replies())[-1]["body"]
        await person.post(text="Dạ tôi nghe, đăng ký nhãn hiệu cần giấy tờ gì?")
        for _ in range(100):
            if ("person", "Dạ tôi nghe, đăng ký nhãn hiệu cần giấy tờ gì?") in await messages(running):
                break
            assert await person.replies(at_least=0) == []
        else:
            raise AssertionError("the officer did not get it")
        assert await person.replies(at_least=0) == []
        await officer.gives_back(row.conversation_id)
        assert "trả lời lại" in (await person.replies())[-1]["body"]
        assert "Nguồn:" in (await person.says("đăng ký nhãn hiệu cần giấy tờ gì"))[-1]["note"]


async def test_asking_for_an_officer_says_when_somebody_will_read_it(sqlite_settings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person = WebPerson(running)
        await says_all(person, *CONSENT)
        body = (await person.says("gặp cán bộ"))[-1]["body"]
        assert say("reading.now") in body or "sớm nhất lúc" in body


async def test_ones_data_is_shown_consent_withdrawn_and_erasing_opened(
    make_settings: MakeSettings, understander
) -> None:
    async with running_service(make_settings(), understander) as running:
        person, officer = WebPerson(running), Officer(running)
        code = await file(person)
        refused = await person.says("xoá dữ liệu của tôi")
        assert code in refused[-1]["body"]  # open: it must end first
        shown = await person.says("xem dữ liệu của tôi")
        assert code in str(shown)
        assert say("consented.granted", purpose=say("purpose.handle_request")) in str(shown)
        told = await person.taps(button(shown, say("privacy.correct")))
        assert say("privacy.say_what_is_wrong") in str(told)
        assert say("right.correct") in str(told)
        asked = await person.says("rút đồng ý")
        withdrawn = await person.taps(button(asked, say("privacy.withdraw_yes")))
        assert withdrawn[0]["body"] == say("privacy.withdrawn")
        await officer.does(actions.reject, reason="Trùng yêu cầu khác.")
        await person.replies()
        asked = await person.says("xoá dữ liệu của tôi")
        told = await person.taps(button(asked, say("privacy.erase_yes")))
        assert say("right.erase") in told[-1]["body"]
        statement = select(DataTask.right).order_by(DataTask.id)
        rights = await running.database.read(lambda c: list(c.execute(statement).scalars()))
        assert rights == ["view", "correct", "withdraw_consent", "erase"]
        await person.says("xem dữ liệu của tôi")
        assert await count(running.database, DataTask) == 4  # asking twice is asking once


async def test_after_erasing_the_code_shows_nothing_about_anybody(sqlite_settings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person, officer = WebPerson(running), Officer(running)
        code = await file(person)
        await officer.does(actions.reject, reason="Trùng yêu cầu khác.")
        await person.replies()
        [row] = await all_requests(running.database)

        def erase(connection: Connection) -> None:
            desk = load_desk(connection, department_id=running.service.department_id)
            actor = actions.Actor.staff(1, "Lê Văn Ba")
            privacy.erase(
                connection, desk, conversation_id=row.conversation_id, now=dt.datetime.now(dt.UTC), actor=actor
            )

        await running.database.write(erase)
        person.seen = 0  # the conversation is a new one now
        found = await person.says(code)
        assert code in code_of(found)
        assert NAME not in str(found)
        assert "mắm" not in str(found)
