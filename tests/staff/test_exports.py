"""Lists as files: what was filtered, nothing more, no formula, bounded, audited; the audit log itself."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import io
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from sqlalchemy.exc import OperationalError

from bot.commands import requests as command
from bot.errors import CommandError
from db.engine import Database
from db.models import DataRight, StaffRole
from db.queries import request_search
from db.queries.request_export import ExportFilter
from desk.actions import rate
from desk.change import Actor
from desk.settings import load_desk
from desk.tables import Format, Sheet, csv_text, defuse
from staff import audit_log, exports, request_export, texts
from tests.conftest import ROOT, MakeSettings
from tests.harness import Running, running_service
from tests.staff.administering import ask_about_data
from tests.staff.casework import file_request, request_row
from tests.staff.driver import Browser, invite, sql, text_of
from tests.staff.test_undelivered import stuck

QUEUE = "/staff/yeu-cau"
EVIL = '=HYPERLINK("http://evil.example","bấm")'


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(), understander) as service:
        yield service


def rows_of(response: httpx.Response) -> list[list[Any]]:
    """The cells of a file, whichever kind it is."""
    assert response.status_code == 200
    kind = Format(re.search(r"\.(\w+)\"$", response.headers["content-disposition"])[1])  # type: ignore[index]
    assert response.headers["content-type"] == kind.media_type
    assert response.headers["cache-control"] == "no-store"
    if kind is Format.CSV:
        assert response.content.startswith(b"\xef\xbb\xbf")
        return list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"), newline="")))
    sheet = load_workbook(io.BytesIO(response.content)).active
    assert sheet.freeze_panes == "A2"
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
async def test_the_filtered_queue_as_a_file(running: Running, kind: str, monkeypatch) -> None:
    monkeypatch.setattr(request_export, "BATCH", 2)
    await invite(running.database, login="minh", role=StaffRole.OFFICER)
    for number in range(5):
        await file_request(running.database, name=f"Người số {number}", description="banh trang " + EVIL)
    await file_request(running.database, topic="ma-so-ma-vach", name="Người khác", description="mã vạch")
    closed = await file_request(running.database, status="closed", name=EVIL, organisation="@SUM(1)")
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.AUDITOR)
        found = rows_of(await lan.get(f"{QUEUE}.{kind}"))
        assert found[0][:2] == ["Mã yêu cầu", "Trạng thái"]
        assert len(found) == 8
        assert found[1][0] == closed  # newest first, as the page shows them
        by_name = found[0].index("Người gửi")
        assert found[1][by_name] == f"'{EVIL}"
        assert found[1][by_name + 1] == "'@SUM(1)"
        assert found[1][found[0].index("Điện thoại")] == "0912 345 678"
        due = found[1][found[0].index("Hạn")]
        assert isinstance(due, dt.datetime) if kind == "xlsx" else re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", due)
        only = rows_of(await lan.get(f"{QUEUE}.{kind}", **{"chu-de": "ma-so-ma-vach", "muc": "tat-ca"}))
        assert [row[by_name] for row in only[1:]] == ["Người khác"]
        overdue = rows_of(await lan.get(f"{QUEUE}.{kind}", muc="chua-giao"))
        assert len(overdue) == 7  # what is open and nobody's
        events = await sql(running.database, "SELECT details FROM audit_events WHERE action = 'requests.exported'")
        assert len(events) == 3
        assert "chu-de" in str(events[1][0])
        assert "ma-so-ma-vach" not in str(events[1][0])  # what was looked for may be somebody's name


async def test_a_search_as_a_file_is_whole(running: Running, monkeypatch) -> None:
    monkeypatch.setattr(request_export, "SEARCH_BATCH", 2)
    codes = [await file_request(running.database, description=f"bánh tráng số {number}") for number in range(5)]
    await file_request(running.database, description="nước mắm")
    async with Browser(running) as lan:
        await lan.join()
        found = rows_of(await lan.get(f"{QUEUE}.csv", tim="banh trang"))
        assert [row[0] for row in found[1:]] == codes[::-1]
        # words that are all common: so many of the newest are looked at in one go
        monkeypatch.setattr(request_search, "RARE", 1)
        monkeypatch.setattr(request_search, "ROUNDS", (2, 2))
        for _ in range(5):
            await file_request(running.database, description="bánh phồng, nước mắm")
        found = rows_of(await lan.get(f"{QUEUE}.csv", tim="banh trang"))
        assert [row[0] for row in found[1:]] == codes[::-1]


async def test_a_file_is_bounded_and_says_so(running: Running, monkeypatch) -> None:
    monkeypatch.setattr(exports, "MOST_ROWS", 3)
    monkeypatch.setattr(request_export, "BATCH", 2)
    for _ in range(4):
        await file_request(running.database)
    async with Browser(running) as lan:
        await lan.join()
        found = rows_of(await lan.get(f"{QUEUE}.csv"))
        assert len(found) == 5
        assert found[-1] == ["Còn nữa. Một tệp chứa tối đa 3 dòng, anh/chị lọc hẹp hơn rồi tải tiếp."]


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
async def test_the_other_lists_as_files(running: Running, kind: str) -> None:
    async with Browser(running) as lan:
        await lan.join()
        code, _ = await stuck(running)
        found = rows_of(await lan.get(f"/staff/chua-gui.{kind}"))
        assert found[1][1:6] == [
            "Telegram", "không gửi được", "Người nhận đã chặn hoặc rời đi", "Hồ sơ gồm hai bản", code,
        ]  # fmt: skip
        log = rows_of(await lan.get(f"/staff/nhat-ky.{kind}", viec="request"))
        assert log[0] == ["Thời gian", "Ai", "Tên đăng nhập", "Việc", "Chi tiết"]
        assert {row[3] for row in log[1:]} == {"Người dân gửi yêu cầu", "Nhận xử lý", "Trả lời"}
        assert any(code in str(row[4]) for row in log[1:])
        assert rows_of(await lan.get(f"/staff/cau-hoi.{kind}"))[0][2] == "Câu hỏi"
        actions = [row[0] for row in await sql(running.database, "SELECT action FROM audit_events ORDER BY id")]
        assert actions[-3:] == ["undelivered.exported", "audit.exported", "questions.exported"]


async def test_what_a_person_did_is_theirs_in_the_log(running: Running) -> None:
    """Asking about their data, rating: neither the department's staff nor the system did that."""
    database = running.database
    async with Browser(running) as lan:
        await lan.join()
        code = await file_request(database, status="closed")
        row = await request_row(database, code)
        person, moment = Actor.person(row.conversation_id), dt.datetime.now(dt.UTC)
        await database.write(
            lambda c: rate(c, load_desk(c, department_id=1), request_id=row.id, stars=4, actor=person, now=moment)
        )
        task = await ask_about_data(database, DataRight.VIEW, conversation_id=row.conversation_id)
        await lan.get(f"/staff/du-lieu/{task}")
        log = rows_of(await lan.get("/staff/nhat-ky.csv"))
        said = {line[3]: (line[1], set(line[4].split("; "))) for line in log}
        assert said["Người dân đánh giá"] == ("Người dân", {f"Yêu cầu: {code}", "Số sao: 4"})
        assert said["Người dân yêu cầu về dữ liệu của mình"][0] == "Người dân"
        assert said["Xem toàn bộ dữ liệu của người dân"][0] == "Cán bộ lan"
        assert said["Kết thúc"][1] == {f"Yêu cầu: {code}", "Từ: Đã trả lời", "Sang: Đã xong"}
        page = text_of(await lan.get("/staff/nhat-ky", viec="privacy.open"))
        assert "Người dân Người dân yêu cầu về dữ liệu của mình" in page


async def test_the_audit_log_is_filtered_and_paged(running: Running, monkeypatch) -> None:
    monkeypatch.setattr(audit_log, "PAGE_SIZE", 3)
    await file_request(running.database)
    async with Browser(running) as lan, Browser(running) as hoa:
        await lan.join()
        await hoa.join(login="hoa", role=StaffRole.OFFICER)
        assert (await hoa.get("/staff/nhat-ky")).status_code == 403
        total = len(await sql(running.database, "SELECT 1 FROM audit_events"))
        seen, path = 0, "/staff/nhat-ky"
        while path:
            page = await lan.get(path)
            seen += page.text.count('<tr role="row">') - 1
            path = page.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        assert seen == total > 3
        ids = dict(await sql(running.database, "SELECT login, id FROM staff_members"))
        by_hoa = await lan.get("/staff/nhat-ky", ai=str(ids["hoa"]), viec="staff.signed_in")
        rows = text_of(by_hoa).partition("Chi tiết")[2]
        assert "Đăng nhập" in rows
        assert "Cán bộ lan" not in rows
        system = text_of(await lan.get("/staff/nhat-ky", ai="he-thong", viec="request.file")).partition("Chi tiết")[2]
        assert "Người dân gửi yêu cầu" in system
        today = dt.datetime.now(dt.timezone(dt.timedelta(hours=7))).date()
        assert "Không có việc nào" in text_of(await lan.get("/staff/nhat-ky", tu=str(today + dt.timedelta(days=1))))
        # an old bookmark, or nonsense, still opens
        nonsense = await lan.get("/staff/nhat-ky", ai="x" * 50, viec="nope", tu="hôm qua", truoc="-1")
        assert nonsense.status_code == 200


def test_the_command_writes_what_the_console_would(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = make_settings()

    async def file_some() -> list[str]:
        database = Database(settings.database_url)
        try:
            await invite(database)
            codes = [await file_request(database, name=EVIL), await file_request(database, status="closed")]
        finally:
            await database.close()
        return codes

    codes = asyncio.run(file_some())

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "DATABASE_URL": settings.database_url, "VAR_DIR": str(tmp_path),
                       "SECRET_KEY": "k" * 40}  # fmt: skip
        return subprocess.run(
            [sys.executable, "-m", "bot", "requests", "export", *arguments], cwd=ROOT, capture_output=True,
            text=True, check=False, env=environment,
        )  # fmt: skip

    done = run(str(tmp_path / "all.xlsx"))
    assert done.returncode == 0, done.stderr
    assert "requests 2" in done.stdout
    sheet = load_workbook(tmp_path / "all.xlsx").active
    assert [row[0].value for row in sheet.iter_rows(min_row=2)] == codes
    assert f"'{EVIL}" in [cell.value for cell in sheet[2]]
    only = run("-", "--status", "closed")
    assert only.returncode == 0, only.stderr
    rows = list(csv.reader(io.StringIO(only.stdout.removeprefix("\ufeff"), newline="")))
    assert [row[0] for row in rows[1:]] == [codes[1]]
    assert "requests 1" in only.stderr
    assert run("x.pdf").returncode == 2
    assert run("-", "--topic", "khong-co").returncode == 2
    assert run("-", "--since", "hôm qua").returncode == 2
    missing = run(str(tmp_path / "no" / "such" / "x.csv"))
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("kind", list(Format))
async def test_a_command_that_fails_midway_leaves_what_was_there(
    make_settings: MakeSettings, tmp_path: Path, kind: Format, monkeypatch
) -> None:
    settings, out = make_settings(), tmp_path / "out" / f"all.{kind}"
    out.parent.mkdir()
    database = Database(settings.database_url)
    for _ in range(3):
        await file_request(database)
    await database.close()
    out.write_text("the file of yesterday")
    whole, calls = command.queries.list_in_full, []

    def fail_later(*given: Any, **values: Any) -> Any:
        calls.append(values["after_id"])
        if len(calls) == 2:
            raise OperationalError("SELECT", {}, Exception("gone"))
        return whole(*given, **values)

    monkeypatch.setattr(command, "BATCH", 2)
    monkeypatch.setattr(command.queries, "list_in_full", fail_later)
    with pytest.raises(CommandError, match="cannot be used"):
        await command._export(settings, ExportFilter(), str(out), kind)
    assert len(calls) == 2
    assert files_in(out.parent) == {out.name: b"the file of yesterday"}
    monkeypatch.setattr(command.queries, "list_in_full", whole)
    assert await command._export(settings, ExportFilter(), str(out), kind) == 3
    assert list(files_in(out.parent)) == [out.name]
    assert files_in(out.parent) != {out.name: b"the file of yesterday"}


@settings(deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_no_text_becomes_a_formula(texts: list[str]) -> None:
    """Whatever people write: a cell begins with nothing that runs, and a sheet can be opened again."""
    cells = next(csv.reader(io.StringIO(csv_text([texts]), newline="")))
    assert len(cells) == len(texts)
    for cell in cells:
        assert not cell.lstrip(" \u00a0").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    sheet = Sheet("thử", ["một"])
    sheet.append([texts])
    file = io.BytesIO()
    sheet.save(file)
    loaded = load_workbook(file).active
    assert all(cell.data_type != "f" for row in loaded.iter_rows() for cell in row)
    assert defuse("=1+1") == "'=1+1"


def test_no_text_of_the_console_stands_twice() -> None:
    keys = [key for name in texts.FILES for key in texts.read_texts(name)]
    assert sorted(keys) == sorted(set(keys))


def test_a_file_that_is_given_up_leaves_nothing_on_disk(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sheet = Sheet("thử", ["một"])
    sheet.append([["hai"]])
    assert list(tmp_path.iterdir())
    sheet.discard()
    sheet.discard()
    assert list(tmp_path.iterdir()) == []
    finished = Sheet("thử", ["một"])
    finished.save(io.BytesIO())
    finished.discard()
    assert list(tmp_path.iterdir()) == []
