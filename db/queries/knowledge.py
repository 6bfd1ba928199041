"""The published state: import from files, read as a whole, watch its version."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select, update

from db.models import KnowledgeRecord, KnowledgeState, KnowledgeVersion, RecordStatus


@dataclass(frozen=True)
class FileRecord:
    """A record as a content file gives it, with the hash of that file."""

    kind: str
    record_id: str
    data: dict[str, Any]
    file_hash: str


@dataclass
class ImportReport:
    """What an import did. ``conflicts`` are rows edited in the console whose file changed too; they stay as edited."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    unchanged: int = 0
    version: int = 0

    @property
    def changed(self) -> bool:
        """Whether the published state is another one now."""
        return bool(self.added or self.updated or self.retired)


def published_version(connection: Connection, *, department_id: int) -> int:
    """The version of the published state; 0 before the first import."""
    statement = select(KnowledgeState.version).where(KnowledgeState.department_id == department_id)
    return connection.execute(statement).scalar() or 0


def published_records(connection: Connection, *, department_id: int) -> list[tuple[str, dict[str, Any]]]:
    """Kind and data of every published record."""
    statement = select(KnowledgeRecord.kind, KnowledgeRecord.data).where(
        KnowledgeRecord.department_id == department_id, KnowledgeRecord.status == RecordStatus.PUBLISHED
    )
    return [(row.kind, row.data) for row in connection.execute(statement)]


def import_records(
    connection: Connection, *, department_id: int, records: Iterable[FileRecord], now: dt.datetime,
    retire_missing: bool = True,
) -> ImportReport:  # fmt: skip
    """Make the published state what the files say, except where somebody edited it in the console.

    A row remembers the hash of the file version it came from, so only rows whose file changed are written. A file that
    is gone retires its row, unless ``retire_missing`` is off because some files could not be read: one of them may be
    its own. The version grows by one when anything changed.
    """
    report = ImportReport()
    statement = select(KnowledgeRecord.__table__).where(KnowledgeRecord.department_id == department_id)
    stored = {(row.kind, row.record_id): row for row in connection.execute(statement)}
    for record in records:
        name = f"{record.kind} {record.record_id}"
        row = stored.pop((record.kind, record.record_id), None)
        if row is None:
            _insert(connection, department_id, record, now)
            report.added.append(name)
        elif row.file_hash == record.file_hash and row.status == RecordStatus.PUBLISHED:
            report.unchanged += 1
        elif row.data == record.data and row.status == RecordStatus.PUBLISHED:
            _adopt(connection, row.id, record.file_hash)  # the file says by now what the console said
            report.unchanged += 1
        elif row.edited_in_console:
            report.conflicts.append(name)
        else:
            _write(connection, row, RecordStatus.PUBLISHED, record.data, record.file_hash, now)
            report.updated.append(name)
    for row in stored.values() if retire_missing else ():
        if row.status == RecordStatus.RETIRED or row.file_hash is None:
            continue
        if row.edited_in_console:
            report.conflicts.append(f"{row.kind} {row.record_id}")
            continue
        _write(connection, row, RecordStatus.RETIRED, row.data, row.file_hash, now)
        report.retired.append(f"{row.kind} {row.record_id}")
    report.version = published_version(connection, department_id=department_id)
    if report.changed:
        report.version = _next_version(connection, department_id, now)
    return report


def _insert(connection: Connection, department_id: int, record: FileRecord, now: dt.datetime) -> None:
    values = {"version": 1, "status": RecordStatus.PUBLISHED, "data": record.data}
    statement = insert(KnowledgeRecord).values(
        department_id=department_id, kind=record.kind, record_id=record.record_id, file_hash=record.file_hash,
        updated_at=now, **values,
    )  # fmt: skip
    row_id = connection.execute(statement.returning(KnowledgeRecord.id)).scalar_one()
    _keep_version(connection, department_id, int(row_id), values, now)


def _write(
    connection: Connection, row: Any, status: str, data: dict[str, Any], file_hash: str | None, now: dt.datetime
) -> None:
    values = {"version": row.version + 1, "status": status, "data": data}
    statement = update(KnowledgeRecord).where(KnowledgeRecord.id == row.id)
    connection.execute(statement.values(file_hash=file_hash, updated_at=now, **values))
    _keep_version(connection, row.department_id, row.id, values, now)


def _adopt(connection: Connection, row_id: int, file_hash: str) -> None:
    statement = update(KnowledgeRecord).where(KnowledgeRecord.id == row_id)
    connection.execute(statement.values(file_hash=file_hash, edited_in_console=False))


def _keep_version(
    connection: Connection, department_id: int, record_id: int, values: dict[str, Any], now: dt.datetime
) -> None:
    connection.execute(
        insert(KnowledgeVersion).values(
            department_id=department_id, knowledge_record_id=record_id, created_at=now, **values
        )
    )


def _next_version(connection: Connection, department_id: int, now: dt.datetime) -> int:
    version = published_version(connection, department_id=department_id) + 1
    if version == 1:
        connection.execute(insert(KnowledgeState).values(department_id=department_id, version=1, updated_at=now))
    else:
        statement = update(KnowledgeState).where(KnowledgeState.department_id == department_id)
        connection.execute(statement.values(version=version, updated_at=now))
    return version
