"""Who is erased is nowhere any more: every column of every table and the disk are searched."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from bot.files import sweep_orphans
from db.models import AuditEvent, Request, RequestFile, RequestHistory, ZaloMedia, ZaloPerson
from desk import actions, privacy, retention
from desk.change import Actor
from desk.errors import OpenRequestsRemain
from desk.settings import load_desk
from handlers.texts import say
from tests.conftest import MakeSettings
from tests.fakes.zalo import Fault
from tests.test_requests_after import Officer
from tests.test_requests_files import picture
from tests.zalo.conftest import Zalo, says, sends, traces, zalo_world

NAME, PLACE = "Zét Thị Zét", "Tân Trạch, Long An"
NEED = "Tôi tên Zét, muốn đăng ký nhãn hiệu cho mắm zét."


async def file(z: Zalo, person: Any) -> None:
    """File a request with everything personal there is: shared contact data, words, a picture."""
    z.fake.files |= {"photo": (200, picture(position=True), {}), "file": (200, b"%PDF-1.7 zet", {})}
    consent = ("gửi yêu cầu hỗ trợ", "đồng ý", "không đồng ý", "không đồng ý")
    await says(z, person, *consent, "nông dân")
    before = len(person.messages)
    await z.fake.deliver(person.info_event(name=NAME, phone="84987000111", city="Zét"))
    await z.until(lambda: len(person.messages) > before)
    await z.settled()
    await says(z, person, PLACE, NEED)
    await sends(z, person, "photo")
    await says(z, person, "xong", "gửi")
    assert len(await z.rows(Request)) == 1
    await sends(z, person, "file")
    await z.until(lambda: named(z))


async def named(z: Zalo) -> bool:
    return bool(await z.rows(ZaloPerson, ZaloPerson.display_name == NAME))


def words_of(person: Any) -> tuple[str, ...]:
    return ("zét", "zet", "987000111", person.user_id)


async def sweep(z: Zalo) -> list[Path]:
    """What the disk still holds once everything that may go has gone."""
    folder = z.running.service.settings.files_dir
    await retention.sweep_blobs(z.database, folder, min_age_s=0)
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_who_withdraws_at_zalo_is_gone_although_a_request_is_open(
    make_settings: MakeSettings, understander
) -> None:
    async with zalo_world(
        make_settings, understander, zalo_contact_image="https://so.example/a.png", burst_wait_s=0
    ) as z:
        person, other = z.fake.person(NAME), z.fake.person("Người ở lại")
        await says(z, other, "menu")
        await file(z, person)
        officer = Officer(z.running)
        await officer.does(actions.accept)
        await officer.does(actions.note, text="Bà Zét gọi hai lần")
        await officer.does(actions.reply, text="Chào bà Zét")
        await z.settled()
        assert await traces(z, *words_of(person))
        late = person.text_event("tôi là Zét", at=z.fake.now_ms() - 60_000)

        event = person.profile_event("user_withdraw")
        for _ in range(2):  # retried
            assert await z.fake.deliver(event) == 200
        await z.fake.deliver(late)
        await z.settled()
        assert await traces(z, *words_of(person)) == []
        assert await sweep(z) == []
        [row] = await z.rows(Request)
        assert (row.status, row.deidentified_at is not None, row.topic) == ("withdrawn", True, row.topic)
        history = [entry.action for entry in await z.rows(RequestHistory, RequestHistory.request_id == row.id)]
        assert history[-1] == "withdraw"  # the officer sees what happened, and about nobody
        [audit] = await z.rows(AuditEvent, AuditEvent.action == "privacy.withdrew")
        assert (audit.details["requests"], audit.details["files"]) == (1, 2)
        [left] = [one for one in await z.rows(ZaloPerson) if one.user_id.startswith("erased:")]
        assert left.withdrawn_at is not None
        assert (await z.conversation(other)).external_id == other.user_id

        texts = len(person.texts)
        person.name = "Trần Văn Mẫu"
        await asyncio.sleep(0.01)
        await person.says("menu")  # and may come back as somebody new
        assert say("menu")[:20] in "\n".join((await z.answered(person, texts + 2))[texts:])


async def test_erasing_in_the_console_reaches_zalo_rows(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander, zalo_contact_image="https://so.example/a.png") as z:
        person = z.fake.person(NAME)
        await file(z, person)
        conversation = await z.conversation(person)

        def erase(connection: Connection) -> privacy.Erased:
            desk = load_desk(connection, department_id=z.running.service.department_id)
            return privacy.erase(
                connection, desk, conversation_id=conversation.id, now=dt.datetime.now(dt.UTC), actor=Actor.system()
            )

        try:
            await z.database.write(erase)
        except OpenRequestsRemain:
            pass
        else:
            raise AssertionError("an open request must end first")
        await Officer(z.running).does(actions.reject, reason="Zét trùng")
        await z.settled()
        erased = await z.database.write(erase)
        assert (erased.requests, erased.files) == (1, 2)
        assert await traces(z, *words_of(person)) == []
        assert await z.rows(ZaloMedia) == []
        assert await sweep(z) == []
        files = await z.database.read(lambda c: c.execute(select(RequestFile.name, RequestFile.content_hash)).all())
        assert [tuple(row) for row in files] == [(None, None)] * 2


async def test_a_file_under_way_is_not_kept_for_somebody_who_is_gone(sqlite_settings, understander) -> None:
    async with zalo_world(sqlite_settings, understander) as z:
        z.fake.files["file"] = (200, b"%PDF-1.7 zet", {})
        person = z.fake.person(NAME)
        await says(z, person, "gửi yêu cầu hỗ trợ", "không đồng ý", NEED)
        z.fake.faults.append(Fault("/cdn/", slow_s=2, effect=True))
        await person.sends("file")
        await z.until(lambda: z.rows(ZaloMedia, ZaloMedia.attempts == 1))
        assert await z.fake.deliver(person.profile_event("user_withdraw")) == 200
        assert await z.rows(ZaloMedia) == []
        await asyncio.sleep(2.5)  # the download ends
        assert await traces(z, *words_of(person)) == []
        assert await z.rows(RequestFile) == []
        folder = z.running.service.settings.files_dir
        for path in folder.rglob("*"):  # as if a day had passed
            os.utime(path, (0, 0))
        await sweep_orphans(z.database, folder)
        assert [path for path in folder.rglob("*") if path.is_file()] == []
