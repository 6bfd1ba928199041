"""What goes out: every class of error, numbers and buttons, long texts, quotes, quotas, uploads, limits."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from bot import delivery
from bot.channels import zalo_codes, zalo_messages
from bot.channels.splitting import plain, split_text
from bot.channels.zalo_api import error_number
from bot.errors import CredentialsRejected, PayloadRejected, RecipientUnreachable, RetryLater, WindowClosed
from db.models import Conversation, OutboxMessage
from handlers.messages import Choice, Reply
from handlers.texts import say
from tests.conftest import MakeSettings
from tests.fakes.zalo import Fault
from tests.fakes.zalo_people import buttons_of
from tests.zalo.conftest import QUESTION, zalo_world

NOW = dt.datetime(2026, 11, 22, 15, 30, tzinfo=dt.UTC)  # 22:30 in Vietnam
CLASSES = {
    CredentialsRejected: [-204, -205, -209, -212, -216, -219, -220, -221, -223, -224, -235, -242, -320, -321],
    RecipientUnreachable: [-213, -217, -227, -244],
    WindowClosed: [-230, -232],
    RetryLater: [-32, -211, -218, -234],
    PayloadRejected: [-100, -200, -201, -210, -233, -240, -248, -249, -99999, 12345],
}


@pytest.mark.parametrize(("expected", "codes"), CLASSES.items())
def test_every_code_of_the_reference_has_its_class(expected: type, codes: list[int]) -> None:
    for code in codes:
        assert type(zalo_codes.classify(code, NOW)) is expected, code


def test_the_night_ends_at_six() -> None:
    error = zalo_codes.classify(-234, NOW)
    assert isinstance(error, RetryLater) and error.after_s == 7.5 * 3600 and error.recipient_only


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0), ("0", 0), ("-216", -216), (-32, -32), (None, None), ("abc", None), (True, None), ("²", None), ({}, None)],
)
def test_error_numbers_as_numbers_and_text(value: object, number: int | None) -> None:
    assert error_number(value) == number


async def test_a_list_is_answered_by_number(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = z.fake.person()
        await person.says("menu")
        text = (await z.answered(person, 2))[-1]
        lines = text.split(say("choose_by_number"))[1].strip().splitlines()
        assert [line.split(". ")[0] for line in lines] == [str(n) for n in range(1, len(lines) + 1)]
        assert not buttons_of(person.messages[-1]["message"])
        await person.says("1")
        assert lines[0].removeprefix("1. ") in (await z.answered(person, 3))[-1]


async def test_buttons_are_an_extra_and_a_tap_means_what_it_says(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander, doubts={"buttons_accepted": True}, zalo_buttons=True) as z:
        person = z.fake.person()
        await person.says(QUESTION)
        text = (await z.answered(person, 2))[-1]
        buttons = buttons_of(person.messages[-1]["message"])
        assert 1 <= len(buttons) <= 5
        assert say("choose_by_number") in text  # Zalo on a computer shows no buttons
        await person.taps(buttons[0]["title"])
        by_tap = (await z.answered(person, 3))[-1]
        other = z.fake.person()
        await other.says(QUESTION)
        await z.answered(other, 2)
        await other.says("1")
        assert (await z.answered(other, 3))[-1] == by_tap


async def test_refused_buttons_are_given_up_for_numbers(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander, zalo_buttons=True) as z:
        people = [z.fake.person() for _ in range(3)]
        for person in people:
            await person.says("menu")
            assert say("choose_by_number") in (await z.answered(person, 2))[-1]
        refusals = [call for call in z.fake.calls if call.status == "-233"]
        assert len(refusals) == 1  # tried once, not for everybody


async def test_a_long_text_comes_in_parts_and_a_retry_sends_none_twice(
    make_settings: MakeSettings, understander, monkeypatch
) -> None:
    monkeypatch.setattr(delivery, "backoff_s", lambda _attempts: 0.3)
    async with zalo_world(make_settings, understander, doubts={"counts_utf16": True}) as z:
        person = z.fake.person()
        await person.says("menu")
        await z.answered(person, 2)
        text = "\n\n".join(f"Đoạn {n}. " + "Hồ sơ cần có giấy tờ gốc. " * 20 for n in range(12))
        before = len(z.fake.calls)
        z.fake.faults.append(Fault("/message/cs", times=0))
        await z.notice(person, text)
        await z.until(lambda: len(person.texts) >= 4)
        z.fake.faults.append(Fault("/message/cs", body=b"<html>502</html>", status=502))
        await z.settled()
        parts = person.texts[2:]
        assert len(parts) == len(set(parts)) >= 3
        assert " ".join(" ".join(parts).split()) == " ".join(text.split())
        assert len(z.fake.calls) > before


@pytest.mark.parametrize(
    ("code", "status", "unreachable"),
    [(-217, "undeliverable", True), (-248, "undeliverable", False), (-99999, "undeliverable", False)],
)
async def test_what_will_never_arrive_is_not_tried_again(
    code: int, status: str, unreachable: bool, make_settings: MakeSettings, understander
) -> None:
    async with zalo_world(make_settings, understander) as z:
        z.fake.faults.append(Fault("/message/cs", code=code, times=2))
        person = z.fake.person()
        await person.says("menu")
        await z.settled()
        assert await z.statuses() == [status] * 2
        assert bool((await z.conversation(person)).unreachable_at) == unreachable
        assert ("zalo_refuses" in await z.alerts()) == (code == -248)
        z.fake.faults.clear()
        await person.says("menu")  # the next inbound message opens the conversation again
        await z.answered(person, 1)
        assert (await z.conversation(person)).unreachable_at is None


async def test_a_fault_of_the_set_up_alerts_once_and_loses_nothing(
    make_settings: MakeSettings, understander, monkeypatch
) -> None:
    monkeypatch.setattr(delivery, "CREDENTIALS_PAUSE_S", 0.3)
    monkeypatch.setattr(delivery, "backoff_s", lambda _attempts: 0.2)
    async with zalo_world(make_settings, understander) as z:
        z.fake.faults.append(Fault("/message/cs", code="-224", times=3))  # as text, which it may be
        person = z.fake.person()
        await person.says("menu")
        assert len(await z.answered(person, 2)) == 2
        await z.until(lambda: no_alerts(z))


async def no_alerts(z) -> bool:
    return await z.alerts() == []


async def test_a_failure_without_detail_is_tried_once_more(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        z.fake.faults.append(Fault("/message/cs", code=-200))
        person = z.fake.person()
        await person.says("menu")
        assert len(await z.answered(person, 2)) == 2


@pytest.mark.parametrize(
    "fault",
    [
        {"body": b"<html>Bad Gateway</html>", "status": 502}, {"body": b"<html>ok</html>"}, {"body": b"[]"},
        {"body": b'{"error": "x"}'}, {"body": b'{"message": "?"}'}, {"drop": True}, {"body": b"", "status": 200},
    ],
)  # fmt: skip
async def test_an_api_that_is_down_or_talks_nonsense_is_tried_again(
    fault: dict, sqlite_settings: MakeSettings, understander, monkeypatch
) -> None:
    monkeypatch.setattr(delivery, "backoff_s", lambda _attempts: 0.2)
    async with zalo_world(sqlite_settings, understander) as z:
        z.fake.faults.append(Fault("/message/cs", **fault, times=2))
        person = z.fake.person()
        await person.says("menu")
        assert len(await z.answered(person, 2)) == 2


async def test_more_calls_than_allowed_wait_and_arrive(make_settings: MakeSettings, understander, monkeypatch) -> None:
    monkeypatch.setattr(zalo_codes, "CALLS_WAIT_S", 0.5)
    async with zalo_world(make_settings, understander, doubts={"calls_a_minute": 4}) as z:
        person = z.fake.person()
        await person.says("menu")
        await z.until(lambda: any(call.status == "-32" for call in z.fake.calls) or len(person.texts) == 2)
        z.fake.calls_a_minute = 4000
        assert len(await z.answered(person, 2)) == 2


async def test_our_own_limit_holds(sqlite_settings: MakeSettings, understander) -> None:
    async with zalo_world(sqlite_settings, understander, zalo_calls_per_minute=120) as z:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await asyncio.gather(*(z.channel.api.account() for _ in range(26)))
        assert loop.time() - started > 2.0  # a burst of 20, then two a second


async def test_a_late_answer_shows_what_it_answers(make_settings: MakeSettings, understander, monkeypatch) -> None:
    monkeypatch.setattr(delivery, "QUOTE_AFTER", dt.timedelta(seconds=1))
    monkeypatch.setattr(delivery, "backoff_s", lambda _attempts: 1.5)
    async with zalo_world(make_settings, understander) as z:
        z.fake.faults.append(Fault("/message/cs", status=502, body=b"", times=1))
        person, stale = z.fake.person(), z.fake.person()
        event = person.text_event("menu")
        await z.fake.deliver(event)
        await z.answered(person, 2)
        assert person.messages[0]["message"]["quote_message_id"] == event["message"]["msg_id"]
        z.fake.faults.append(Fault("/message/cs", status=502, body=b"", times=1))
        await stale.says("menu")
        stale.history.clear()  # Zalo no longer knows the message
        await z.answered(stale, 2)
        assert "quote_message_id" not in stale.messages[0]["message"]


async def test_images_and_documents_by_upload(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = z.fake.person()
        await person.says("menu")
        await z.answered(person, 2)
        png, pdf = b"\x89PNG" + b"0" * 1000, b"%PDF-1.7" + b"0" * 1000
        send = z.channel.send_file
        assert await send(person.user_id, kind="image", name="a.png", content=png, media_type="image/png")
        assert await send(person.user_id, kind="file", name="a.pdf", content=pdf, media_type="application/pdf")
        kinds = [message["message"]["attachment"]["type"] for message in person.messages[2:]]
        assert kinds == ["template", "file"]
        z.fake.faults.append(Fault("/message/cs", code=-100))  # expired in between: uploaded again, once
        assert await send(person.user_id, kind="file", name="a.pdf", content=pdf, media_type="application/pdf")
        assert len(z.fake.uploads) == 4
        with pytest.raises(PayloadRejected):
            await send(person.user_id, kind="image", name="a.png", content=b"no image", media_type="image/png")
        with pytest.raises(PayloadRejected):
            await send(person.user_id, kind="image", name="a.png", content=png * 1000, media_type="image/png")


async def test_the_proof_of_the_application_secret(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander, doubts={"verify_proof": True}, zalo_appsecret_proof=True) as z:
        assert await z.channel.check() == "Sở KH&CN Mẫu"


async def test_held_rows_never_mix_with_new_answers(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = z.fake.person()
        await person.says("menu")
        await z.answered(person, 2)
        old = update(Conversation).values(last_interaction_at=dt.datetime.now(dt.UTC) - dt.timedelta(days=3))
        await z.database.write(lambda c: c.execute(old))
        await z.notice(person, "Tin chờ.")
        await z.until(lambda: waits(z))
        await person.says(QUESTION)
        texts = await z.answered(person, 4)
        assert texts[2] == "Tin chờ." and "Nguồn:" in texts[3]


async def waits(z) -> bool:
    return bool(await z.rows(OutboxMessage, OutboxMessage.status == "waiting_window"))


# -- text ---------------------------------------------------------------------------------------------------------

LONG = st.text(alphabet=st.sampled_from("abc đăệ.,!?\n 🌾"), max_size=600)


@given(LONG, st.integers(20, 120))
def test_splitting_loses_nothing_and_keeps_the_limit(text: str, limit: int) -> None:
    parts = split_text(text, limit)
    assert all(0 < len(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_splitting_prefers_paragraphs_then_lines_then_sentences() -> None:
    assert split_text("một hai ba\n\nbốn năm sáu", 15) == ["một hai ba", "bốn năm sáu"]
    assert split_text("Một câu dài. Hai câu ngắn", 20) == ["Một câu dài.", "Hai câu ngắn"]
    assert split_text("x" * 45, 20) == ["x" * 20, "x" * 20, "x" * 5]


@given(st.text(max_size=200))
def test_plain_text_is_normal_and_without_control_characters(text: str) -> None:
    once = plain(text)
    assert plain(once) == once
    assert not [letter for letter in once if (ord(letter) < 32 and letter != "\n") or 127 <= ord(letter) < 160]


def test_a_reply_with_many_choices_keeps_the_limit_and_the_choices_at_the_end() -> None:
    choices = tuple(Choice(f"Lựa chọn số {number} " + "x" * 60, f"t:{number}") for number in range(12))
    messages = zalo_messages.render(Reply("Nội dung. " * 140, choices=choices))
    assert all(len(message.text) <= zalo_messages.TEXT_LIMIT for message in messages)
    assert [bool(message.choices) for message in messages] == [False] * (len(messages) - 1) + [True]
