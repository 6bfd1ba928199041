"""Time travel: every period the consent notice names is carried out by its due row, by the service's own runner."""

from __future__ import annotations

import datetime as dt
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bot.workers import JobRunner
from db.models import Consent, DataTask, Request, RequestDraft, RequestFile, RequestMessage, RequestWord
from db.queries import operations, request_files
from desk import actions, consent, drafts, files, handover, links, privacy, retention, search
from desk.change import Actor
from tests.desk.conftest import DAY, NOW, World

SECRETS = ("Hoa", "912345678", "0100109106", "Thạnh An", "nhãn hiệu", "Bình Minh", "bí mật")


class TimeMachine:
    """Runs what is due at a later time, as the service does."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = NOW
        run = partial(retention.run_due, world.database, department_id=world.desk.department_id)
        self.runner = JobRunner(world.database, {kind: self._handler(run) for kind in retention.RUNNERS})

    def _handler(self, run: Any) -> Any:
        async def handle(job: Any) -> dt.datetime | None:
            return await run(job=job, now=self.now)

        return handle

    async def to(self, moment: dt.datetime) -> None:
        self.now = moment
        for _ in range(5):  # what runs may plan more
            await self.runner.run_due(moment)
        jobs = await self.world.read(lambda c: operations.due_jobs(c, now=moment, limit=100))
        assert [job.kind for job in jobs if job.kind.startswith("desk_")] == []


async def everything(world: World) -> str:
    """All text the desk's tables hold."""
    tables = (Request, RequestMessage, RequestFile, RequestDraft, RequestWord)
    rows = [await world.read(lambda c, t=t: c.execute(select(t.__table__)).all()) for t in tables]
    return str(rows)


async def test_an_ended_request_loses_its_files_then_its_person_then_its_receipts(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    officer, machine = await world.officer(), TimeMachine(world)
    photo = files.NewFile("c" * 64, "photo", "image/jpeg", 10, "giay-to-bi-mat.jpg")
    await world.act(actions.person_wrote, filed, Actor.person(person), text="bí mật của tôi", new_files=[photo])
    await world.write(
        lambda c: links.make(
            c,
            world.desk,
            purpose=links.LinkPurpose.REQUEST,
            conversation_id=person,
            request_id=filed.request_id,
            now=NOW,
        )
    )
    await world.act(actions.close, filed, officer, result="Đã gửi bà Hoa hướng dẫn")

    await machine.to(NOW + 180 * DAY - dt.timedelta(seconds=1))
    assert len(await world.read(lambda c: request_files.files_of(c, request_id=filed.request_id))) == 1
    await machine.to(NOW + 180 * DAY)
    assert await world.read(lambda c: request_files.files_of(c, request_id=filed.request_id)) == []
    assert "giay-to-bi-mat" not in await everything(world)

    await machine.to(NOW + 730 * DAY - dt.timedelta(seconds=1))
    assert (await world.row(filed)).name == "Nguyễn Thị Hoa"
    await machine.to(NOW + 730 * DAY)
    row = await world.row(filed)
    assert row.deidentified_at == NOW + 730 * DAY
    assert row.conversation_id is None
    assert (row.topic, row.status, row.province, row.code) == ("nhan-hieu", "closed", "vinh-long", filed.code)
    left = await everything(world)
    assert [secret for secret in SECRETS if secret in left] == []
    found = await world.read(lambda c: search.find(c, filed.code, department_id=world.desk.department_id))
    assert found.ids == []
    assert await world.count(RequestWord) == 0
    assert len(await world.audits("request.deidentify")) == 1

    await machine.to(NOW + (730 + 1095) * DAY - dt.timedelta(seconds=1))
    assert await world.count(Consent) == 1
    await machine.to(NOW + (730 + 1095) * DAY)
    assert await world.count(Consent) == 0


async def test_a_receipt_without_any_request_lasts_its_own_period(world: World) -> None:
    await world.agree(await world.person())
    machine = TimeMachine(world)
    await machine.to(NOW + 1094 * DAY)
    assert await world.count(Consent) == 1
    await machine.to(NOW + 1095 * DAY)
    assert await world.count(Consent) == 0


async def test_what_was_reopened_is_kept_until_its_new_end(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    officer, machine = await world.officer(), TimeMachine(world)
    photo = files.NewFile("d" * 64, "photo", "image/jpeg", 10)
    await world.act(actions.person_wrote, filed, Actor.person(person), new_files=[photo])
    await world.act(actions.close, filed, officer, result="Xong")
    await world.act(actions.reopen, filed, Actor.person(person), now=NOW + DAY)
    await machine.to(NOW + 800 * DAY)
    assert (await world.row(filed)).name == "Nguyễn Thị Hoa"
    assert len(await world.read(lambda c: request_files.files_of(c, request_id=filed.request_id))) == 1
    await world.act(actions.close, filed, officer, result="Xong thật", now=NOW + 800 * DAY)
    await machine.to(NOW + (800 + 730 + 31) * DAY)
    assert (await world.row(filed)).name is None


async def test_an_abandoned_form_goes_after_seven_days_with_its_files(world: World) -> None:
    person, machine = await world.person(), TimeMachine(world)

    def fill(connection, now):
        form = drafts.save(connection, world.desk, conversation_id=person, data={"name": "Hoa"}, now=now)
        new = files.NewFile("e" * 64, "photo", "image/jpeg", 10, "hoa.jpg")
        if now == NOW:
            files.add(connection, world.desk, new, draft_id=form.id, now=now)
        return form

    first = await world.write(lambda c: fill(c, NOW))
    again = await world.write(lambda c: fill(c, NOW + 5 * DAY))
    assert (first.id, first.key) == (again.id, again.key)
    await machine.to(NOW + 7 * DAY)
    assert await world.read(lambda c: drafts.load(c, conversation_id=person, now=NOW + 7 * DAY)) is not None
    await machine.to(NOW + 12 * DAY)
    assert await world.count(RequestDraft) == 0
    assert "hoa.jpg" not in await everything(world)


async def test_an_expired_form_is_not_shown_before_its_row_is_gone(world: World) -> None:
    person = await world.person()
    first = await world.write(lambda c: drafts.save(c, world.desk, conversation_id=person, data={"a": 1}, now=NOW))
    later = NOW + 7 * DAY
    assert await world.read(lambda c: drafts.load(c, conversation_id=person, now=later)) is None
    second = await world.write(lambda c: drafts.save(c, world.desk, conversation_id=person, data={"b": 2}, now=later))
    assert second.key != first.key
    await TimeMachine(world).to(later)  # the first form's row must not take the second one away
    found = await world.read(lambda c: drafts.load(c, conversation_id=person, now=later))
    assert found is not None
    assert found.data == {"b": 2}
    assert await world.write(lambda c: drafts.discard(c, conversation_id=person, now=later))
    assert not await world.write(lambda c: drafts.discard(c, conversation_id=person, now=later))


async def test_silence_after_an_answer_closes_and_asks_once_for_a_rating(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    officer, machine = await world.officer(), TimeMachine(world)
    await world.act(actions.answer, filed, officer, text="Đây ạ")
    await machine.to(NOW + 6 * DAY)
    assert (await world.row(filed)).status == "answered"
    await machine.to(NOW + 7 * DAY)
    assert (await world.row(filed)).status == "closed"
    await machine.to(NOW + 9 * DAY)
    await machine.to(NOW + 40 * DAY)
    keys = [notice["notice"] for notice in await world.notices(person)]
    assert keys[-2:] == ["request.closed_unanswered", "request.rating_reminder"]
    assert keys.count("request.rating_reminder") == 1
    assert (await world.history(filed))[-1].actor == "system"


async def test_words_nobody_read_keep_an_answer_open_and_a_new_answer_has_its_own_time(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    officer, machine = await world.officer(), TimeMachine(world)
    await world.act(actions.answer, filed, officer, text="Đây ạ")
    await world.act(actions.person_wrote, filed, Actor.person(person), text="Còn phí?", now=NOW + 6 * DAY)
    await machine.to(NOW + 7 * DAY)
    assert (await world.row(filed)).status == "answered"
    await world.act(actions.reopen, filed, officer, now=NOW + 8 * DAY)
    await world.act(actions.answer, filed, officer, text="Phí đây ạ", now=NOW + 9 * DAY)
    await machine.to(NOW + 15 * DAY)
    assert (await world.row(filed)).status == "answered"
    await machine.to(NOW + 16 * DAY)
    assert (await world.row(filed)).status == "closed"


async def test_who_rated_is_not_reminded(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    await world.act(actions.close, filed, await world.officer(), result="Xong")
    await world.act(actions.rate, filed, Actor.person(person), stars=4)
    await TimeMachine(world).to(NOW + 10 * DAY)
    assert (await world.notices(person))[-1]["notice"] == "request.closed"


async def test_an_officer_holds_a_conversation_for_a_day_after_the_last_word(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    officer, machine = await world.officer("Lê Cán"), TimeMachine(world)
    hour = dt.timedelta(hours=1)

    async def paused_until() -> dt.datetime | None:
        held = await world.read(lambda c: handover.find(c, conversation_id=person, now=machine.now))
        return held.expires_at if held else None

    await world.write(
        lambda c: handover.take(
            c, world.desk, conversation_id=person, actor=officer, now=NOW, request_id=filed.request_id
        )
    )  # fmt: skip
    assert await paused_until() == NOW + DAY
    await world.act(actions.reply, filed, officer, text="Chào bà", now=NOW + 5 * hour)
    await machine.to(NOW + DAY)
    assert await paused_until() == NOW + DAY + 5 * hour
    await machine.to(NOW + DAY + 5 * hour)
    assert await paused_until() is None
    ended = [notice for notice in await world.notices(person) if notice["notice"].startswith("handover")]
    assert ended == [
        {"notice": "handover.started", "fields": {"officer": "Lê Cán"}},
        {"notice": "handover.ended", "fields": {"reason": "time"}},
    ]

    await world.write(lambda c: handover.take(c, world.desk, conversation_id=person, actor=officer, now=machine.now))
    give_back = lambda c: handover.give_back(  # noqa: E731
        c, world.desk, conversation_id=person, actor=officer, now=machine.now
    )
    assert await world.write(give_back)
    assert not await world.write(give_back)
    assert (await world.notices(person))[-1] == {"notice": "handover.ended", "fields": {"reason": "officer"}}
    await machine.to(NOW + 10 * DAY)
    assert (await world.notices(person))[-1]["fields"] == {"reason": "officer"}


async def test_content_leaves_the_disk_when_nobody_needs_it(world: World, tmp_path: Path) -> None:
    person, filed = await world.filed_by_somebody()
    shared, single = "a1" + "0" * 62, "b2" + "0" * 62
    for content_hash in (shared, single):
        path = files.blob_path(tmp_path, content_hash)
        path.parent.mkdir()
        for one in (path, files.thumbnail_path(tmp_path, content_hash)):
            one.write_bytes(b"x")

    def add(connection):
        return [
            files.add(connection, world.desk, files.NewFile(content_hash, "photo", "image/jpeg", 1),
                      request_id=filed.request_id, now=NOW)
            for content_hash in (shared, shared, single)
        ]  # fmt: skip

    one, other, third = await world.write(add)
    for gone in (one, third):
        assert await world.write(lambda c, i=gone: files.remove(c, file_id=i, now=NOW))
    assert await retention.sweep_blobs(world.database, tmp_path) == 0, "content of this hour is left alone"
    assert await retention.sweep_blobs(world.database, tmp_path, min_age_s=0) == 1
    for path in (files.blob_path, files.thumbnail_path):
        assert path(tmp_path, shared).exists()
        assert not path(tmp_path, single).exists()
    await world.write(lambda c: files.remove(c, file_id=other, now=NOW))
    assert await retention.sweep_blobs(world.database, tmp_path, min_age_s=0) == 1
    for path in (files.blob_path, files.thumbnail_path):
        assert not path(tmp_path, shared).exists()
    assert await retention.sweep_blobs(world.database, tmp_path, min_age_s=0) == 0
    assert person


async def test_the_record_of_an_erasure_lasts_five_years(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    officer, machine = await world.officer(), TimeMachine(world)
    await world.write(
        lambda c: privacy.open_task(c, world.desk, conversation_id=person, right=privacy.DataRight.ERASE, now=NOW)
    )
    await world.act(actions.withdraw, filed, Actor.person(person))
    await world.write(lambda c: privacy.erase(c, world.desk, conversation_id=person, actor=officer, now=NOW))
    await machine.to(NOW + 1824 * DAY)
    assert await world.count(DataTask) == 1
    assert await world.count(Consent) == 0, "three years after the erasure"
    await machine.to(NOW + 1825 * DAY)
    assert await world.count(DataTask) == 0


def test_the_notice_may_quote_the_periods() -> None:
    periods = retention.PERIODS
    assert (periods.draft, periods.files, periods.request, periods.consent, periods.task) == (7, 180, 730, 1095, 1825)
    assert consent.Purpose.HANDLE_REQUEST == "handle_request"
