"""The rows of people's files; the bytes are on disk under their hash."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, func, insert, select, update
from sqlalchemy.orm import aliased

from db.models import RequestFile


def add_file(connection: Connection, **values: Any) -> int:
    """Store a file's row; returns its id."""
    return int(connection.execute(insert(RequestFile).values(**values).returning(RequestFile.id)).scalar_one())


def find_file(connection: Connection, file_id: int, *, department_id: int) -> Row[Any] | None:
    """A file that is there."""
    statement = select(RequestFile.__table__).where(
        RequestFile.id == file_id, RequestFile.department_id == department_id, RequestFile.removed_at.is_(None)
    )
    return connection.execute(statement).first()


def files_of(connection: Connection, *, request_id: int | None = None, draft_id: int | None = None) -> list[Row[Any]]:
    """The files of a request or of a draft, in order."""
    owner = RequestFile.request_id == request_id if request_id is not None else RequestFile.draft_id == draft_id
    statement = select(RequestFile.__table__).where(owner, RequestFile.removed_at.is_(None))
    return list(connection.execute(statement.order_by(RequestFile.id)))


def count_files(connection: Connection, *, request_id: int | None = None, draft_id: int | None = None) -> int:
    """How many files a request or a draft has."""
    owner = RequestFile.request_id == request_id if request_id is not None else RequestFile.draft_id == draft_id
    statement = select(func.count()).select_from(RequestFile).where(owner, RequestFile.removed_at.is_(None))
    return int(connection.execute(statement).scalar_one())


def move_to_request(connection: Connection, *, draft_id: int, request_id: int) -> None:
    """The files of a draft become those of the request it turned into."""
    connection.execute(
        update(RequestFile).where(RequestFile.draft_id == draft_id).values(draft_id=None, request_id=request_id)
    )


def remove_files(
    connection: Connection, *, now: dt.datetime, request_id: int | None = None, draft_id: int | None = None,
    file_id: int | None = None,
) -> int:  # fmt: skip
    """Mark files as gone, their names with them; the disk follows (``unused_hashes``). Returns how many."""
    column, value = next(
        (column, value)
        for column, value in (
            (RequestFile.id, file_id), (RequestFile.request_id, request_id), (RequestFile.draft_id, draft_id)
        )
        if value is not None
    )  # fmt: skip
    statement = update(RequestFile).where(column == value, RequestFile.removed_at.is_(None))
    return connection.execute(statement.values(removed_at=now, name=None)).rowcount


def unused_hashes(connection: Connection, *, limit: int = 200) -> list[str]:
    """Content that no file needs any more but the disk may still hold."""
    other = aliased(RequestFile)
    needed = exists().where(and_(other.content_hash == RequestFile.content_hash, other.removed_at.is_(None)))
    statement = (
        select(RequestFile.content_hash)
        .where(RequestFile.removed_at.is_not(None), RequestFile.content_hash.is_not(None), ~needed)
        .distinct()
        .limit(limit)
    )
    return [value for value in connection.execute(statement).scalars() if value is not None]


def forget_hashes(connection: Connection, hashes: Sequence[str]) -> None:
    """The disk holds this content no more."""
    connection.execute(
        update(RequestFile)
        .where(RequestFile.content_hash.in_(hashes), RequestFile.removed_at.is_not(None))
        .values(content_hash=None)
    )


def is_known(connection: Connection, content_hash: str) -> bool:
    """Whether any row, of a file that is there or gone, still speaks of this content."""
    return bool(connection.execute(select(exists().where(RequestFile.content_hash == content_hash))).scalar())
