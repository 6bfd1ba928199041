"""Requests by the words in them. Its cost does not grow with the number of requests: nothing is ever scanned whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, delete, func, insert, select, true

from db.models import Request, RequestWord

RARE = 1000
ROUNDS = (512, 1024)  # candidates looked at, one statement each


def set_words(connection: Connection, request_id: int, words: Sequence[str], *, department_id: int) -> None:
    """The words a request is found by from now on."""
    clear_words(connection, request_id)
    if words:
        rows = [{"department_id": department_id, "request_id": request_id, "word": word} for word in words]
        connection.execute(insert(RequestWord), rows)


def clear_words(connection: Connection, request_id: int) -> None:
    """Take a request out of every search."""
    connection.execute(delete(RequestWord).where(RequestWord.request_id == request_id))


@dataclass(frozen=True)
class Found:
    """Ids, newest first. ``next_before`` is where older ones have yet to be looked for; None when that is all."""

    ids: list[int]
    next_before: int | None


def search(
    connection: Connection, words: Sequence[str], *, department_id: int, before_id: int | None = None, limit: int = 25
) -> Found:
    """The ids of the requests that have every word, newest first; the last word may be the beginning of one.

    Where a word is rare, all that have it are looked at. Where all are common, those that have one of them are, from
    the newest on, at most ``sum(ROUNDS)`` of them: what is older comes with ``next_before``.
    """
    if not words:
        return Found([], None)
    conditions = [_is(word, is_last=number == len(words)) for number, word in enumerate(words, 1)]
    counts = _count(connection, conditions, department_id)
    rarest, *others = sorted(range(len(words)), key=counts.__getitem__)
    if counts[rarest] == 0:
        return Found([], None)
    if counts[rarest] <= RARE:
        mine = RequestWord.department_id == department_id
        # its limit cuts nothing off, and keeps SQLite from walking the words of every request to have them in order
        few = select(RequestWord.request_id).where(mine, conditions[rarest]).limit(RARE).subquery()
        having = select(few.c.request_id.label("id")).distinct().subquery()
        rest = [conditions[number] for number in others]
        ids = _first(connection, having, rest, before_id=before_id, limit=limit)
        return Found(ids, ids[-1] if len(ids) == limit else None)
    return _from_the_newest(connection, words, conditions, department_id, before_id=before_id, limit=limit)


def _first(
    connection: Connection, having: FromClause, conditions: Sequence[ColumnElement[bool]], *, before_id: int | None,
    limit: int,
) -> list[int]:  # fmt: skip
    statement = select(having.c.id).where(*_with_all(having, conditions))
    if before_id is not None:
        statement = statement.where(having.c.id < before_id)
    return list(connection.execute(statement.order_by(having.c.id.desc()).limit(limit)).scalars())


def _with_all(candidates: FromClause, conditions: Sequence[ColumnElement[bool]]) -> list[ColumnElement[bool]]:
    # without the department, or SQLite looks through every request that has the word
    return [
        select(RequestWord.request_id).where(RequestWord.request_id == candidates.c.id, condition).exists()
        for condition in conditions
    ]


def _from_the_newest(
    connection: Connection, words: Sequence[str], conditions: Sequence[ColumnElement[bool]], department_id: int, *,
    before_id: int | None, limit: int,
) -> Found:  # fmt: skip
    """Look at more and more candidates until there are enough: most often the first few hundred hold a page."""
    longest_first = sorted(range(len(words)), key=lambda number: -len(words[number]))  # the rarest, by all we know
    leading = next((number for number in longest_first if number < len(words) - 1), None)
    rest = [conditions[number] for number in longest_first if number != leading]
    driver = _driver(None if leading is None else conditions[leading], department_id)
    ids: list[int] = []
    before = before_id
    for size in ROUNDS:
        few = driver if before is None else driver.where(driver.selected_columns.id < before)
        few = few.order_by(few.selected_columns.id.desc()).limit(size)
        seen = few.cte("seen").prefix_with("MATERIALIZED")  # looked up once, in the order of its index
        hits = select(seen.c.id).where(*_with_all(seen, rest)).order_by(seen.c.id.desc()).limit(limit).subquery()
        reach = select(func.min(seen.c.id).label("lowest"), func.count().label("number")).select_from(seen).subquery()
        statement = (
            select(reach.c.lowest, reach.c.number, hits.c.id)
            .select_from(reach.outerjoin(hits, true()))
            .order_by(hits.c.id.desc())
        )
        rows = connection.execute(statement).all()
        ids += [row.id for row in rows if row.id is not None]
        if len(ids) >= limit:
            return Found(ids[:limit], ids[limit - 1])
        if rows[0].number < size:
            return Found(ids, None)
        before = rows[0].lowest
    return Found(ids, before)


def _driver(whole_word: ColumnElement[bool] | None, department_id: int) -> Select[Any]:
    """Candidates in the order of an index: who has a whole word, or everybody."""
    if whole_word is None:
        return select(Request.id.label("id")).where(Request.department_id == department_id)
    return select(RequestWord.request_id.label("id")).where(RequestWord.department_id == department_id, whole_word)


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
