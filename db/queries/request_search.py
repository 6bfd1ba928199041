"""Requests by the words in them. Its cost does not grow with the number of requests: nothing is ever scanned whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, insert, select

from db.models import Request, RequestWord

RARE = 1000


def set_words(connection: Connection, request_id: int, words: Sequence[str], *, department_id: int) -> None:
    """The words a request is found by from now on."""
    clear_words(connection, request_id)
    if words:
        rows = [{"department_id": department_id, "request_id": request_id, "word": word} for word in words]
        connection.execute(insert(RequestWord), rows)


def clear_words(connection: Connection, request_id: int) -> None:
    """Take a request out of every search."""
    connection.execute(delete(RequestWord).where(RequestWord.request_id == request_id))


def search(
    connection: Connection, words: Sequence[str], *, department_id: int, before_id: int | None = None, limit: int = 25
) -> list[int]:
    """The ids of the requests that have every word, newest first; the last word may be the beginning of one.

    Driven by the rarest word where one is rare; where all are common, the newest requests are looked at one after the
    other, which finds enough soon.
    """
    if not words:
        return []
    conditions = [_is(word, is_last=number == len(words)) for number, word in enumerate(words, 1)]
    counts = _count(connection, conditions, department_id)
    rarest = min(range(len(words)), key=counts.__getitem__)
    if counts[rarest] == 0:
        return []
    statement: Select[Any]
    if counts[rarest] <= RARE:
        mine = RequestWord.department_id == department_id
        found = select(RequestWord.request_id.label("id")).where(mine, conditions.pop(rarest)).distinct().subquery()
        statement = select(found.c.id)
        column: ColumnElement[int] = found.c.id
    else:
        statement = select(Request.id).where(Request.department_id == department_id)
        column = Request.__table__.c.id
    for condition in conditions:
        # without the department, or SQLite looks through every request that has the word
        has = select(RequestWord.request_id).where(RequestWord.request_id == column, condition)
        statement = statement.where(has.exists())
    if before_id is not None:
        statement = statement.where(column < before_id)
    return list(connection.execute(statement.order_by(column.desc()).limit(limit)).scalars())


def _is(word: str, *, is_last: bool) -> ColumnElement[bool]:
    if not is_last:
        return RequestWord.word == word
    return and_(RequestWord.word >= word, RequestWord.word < word + "\U0010ffff")


def _count(connection: Connection, conditions: Sequence[ColumnElement[bool]], department_id: int) -> list[int]:
    """How many rows each condition finds, up to ``RARE`` + 1, in one statement."""
    counts = []
    for condition in conditions:
        few = select(RequestWord.request_id).where(RequestWord.department_id == department_id, condition)
        counts.append(select(func.count()).select_from(few.limit(RARE + 1).subquery()).scalar_subquery())
    return list(connection.execute(select(*counts)).one())
