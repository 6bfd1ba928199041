"""Import: only what changed, conflicts kept, files gone retired; other processes see it within five seconds."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, update

from bot.knowledge_store import KnowledgeStore, file_records
from db.engine import Database
from db.models import KnowledgeRecord
from db.queries import departments
from db.queries import knowledge as queries
from knowledge.loader import Content, load_content
from tests.conftest import MakeSettings
from tests.waiting import eventually

NOW = dt.datetime(2026, 11, 22, 3, 0, tzinfo=dt.UTC)
ENTRY = "nhan-hieu/ho-so"


@pytest.fixture(scope="module")
def content() -> Content:
    return load_content()


@pytest.fixture
async def database(make_settings: MakeSettings):
    database = Database(make_settings().database_url)
    yield database
    await database.close()


def _with_title(records: list[queries.FileRecord], title: str) -> list[queries.FileRecord]:
    return [
        replace(r, data={**r.data, "title": title}, file_hash="f" * 64) if r.record_id == ENTRY else r for r in records
    ]


async def _import(database: Database, records: list[queries.FileRecord]) -> queries.ImportReport:
    department = await database.read(departments.find_department)
    assert department is not None
    return await database.write(
        lambda c: queries.import_records(c, department_id=department.id, records=records, now=NOW)
    )


async def test_an_unchanged_import_changes_nothing(database: Database, content: Content) -> None:
    report = await _import(database, file_records(content))
    assert (report.changed, report.version, report.unchanged) == (False, 1, len(content.files))


async def test_a_changed_file_is_one_new_version(database: Database, content: Content) -> None:
    report = await _import(database, _with_title(file_records(content), "Tiêu đề mới"))
    assert (report.updated, report.version) == ([f"entry {ENTRY}"], 2)


async def test_a_file_gone_retires_its_entry(database: Database, content: Content) -> None:
    records = [r for r in file_records(content) if r.record_id != ENTRY]
    report = await _import(database, records)
    assert report.retired == [f"entry {ENTRY}"]
    again = await _import(database, file_records(content))
    assert again.updated == [f"entry {ENTRY}"]


async def test_a_file_that_cannot_be_read_retires_nothing(database: Database, content: Content) -> None:
    department = await database.read(departments.find_department)
    records = [r for r in file_records(content) if r.record_id != ENTRY]
    report = await database.write(
        lambda c: queries.import_records(c, department_id=department.id, records=records, now=NOW, retire_missing=False)
    )
    assert not report.changed


async def test_what_was_edited_in_the_console_stays_and_is_listed(database: Database, content: Content) -> None:
    def edit(connection: Connection) -> Any:
        values = {"edited_in_console": True}
        connection.execute(update(KnowledgeRecord).where(KnowledgeRecord.record_id == ENTRY).values(**values))

    await database.write(edit)
    report = await _import(database, _with_title(file_records(content), "Từ tệp"))
    assert (report.conflicts, report.changed) == ([f"entry {ENTRY}"], False)


async def test_another_process_sees_a_new_version_within_five_seconds(database: Database, content: Content) -> None:
    department = await database.read(departments.find_department)
    assert department is not None
    other = KnowledgeStore(database, department.id)
    await other.refresh()
    watching = asyncio.create_task(other.watch())
    try:
        await _import(database, _with_title(file_records(content), "Tiêu đề vừa đổi"))
        # five seconds for the watch; building the index shares a busy machine here
        await eventually(lambda: other.understander.knowledge.entries[ENTRY].title == "Tiêu đề vừa đổi", wait_s=20)
    finally:
        watching.cancel()
