"""Requests that may be about the same matter as another: the same person, or much the same words.

Its cost does not grow with the number of requests: only words that few requests have are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, not_, or_, select

from db.models import Request, RequestWord
from db.queries.privacy import withdrew
from db.queries.request_queue import Viewer, visible

RARE = 200
WORDS = 24
LEAST_SHARED = 2
SHARE = 0.6


def similar_requests(
    connection: Connection, request: Row[Any], words: Sequence[str], viewer: Viewer, *, limit: int = 5
) -> list[Row[Any]]:
    """Others the viewer may see, newest first.

    Args:
        connection: Open.
        request: With its ``id``, ``department_id``, ``phone``, ``tax_code`` and ``conversation_id``.
        words: Of what it is about, without diacritics; the first ``WORDS`` count.
        viewer: Who looks.
        limit: At most this many.

    Returns:
        Rows of ``id``, ``code``, ``status``, ``created_at``, and what they share: ``same_phone``, ``same_tax_code``,
        ``same_person``; none of these is set for one that is alike by its words only.
    """
    same = {
        "same_phone": None if request.phone is None else and_(Request.phone == request.phone, not_(withdrew())),
        "same_tax_code": _equal(Request.tax_code, request.tax_code),
        "same_person": _equal(Request.conversation_id, request.conversation_id),
    }
    alike = [clause for clause in same.values() if clause is not None]
    rare = _rare(connection, words[:WORDS], department_id=request.department_id)
    least = max(LEAST_SHARED, -(-len(rare) * SHARE // 1))
    if len(rare) >= least:
        sharing = (
            select(RequestWord.request_id)
            .where(RequestWord.department_id == request.department_id, RequestWord.word.in_(rare))
            .group_by(RequestWord.request_id)
            .having(func.count() >= int(least))
        )
        alike.append(Request.id.in_(sharing))
    if not alike:
        return []
    flags = [
        (clause if clause is not None else Request.id.is_(None)).label(name) for name, clause in same.items()
    ]  # fmt: skip
    statement = (
        select(Request.id, Request.code, Request.status, Request.created_at, *flags)
        .where(Request.department_id == request.department_id, Request.id != request.id, or_(*alike))
        .where(*visible(viewer))
        .order_by(Request.id.desc())
        .limit(limit)
    )
    return list(connection.execute(statement))


def _equal(column: Any, value: object) -> ColumnElement[bool] | None:
    return None if value is None else column == value


def _rare(connection: Connection, words: Sequence[str], *, department_id: int) -> list[str]:
    """Those of the words that few requests have, told apart in one statement."""
    if not words:
        return []
    counts = []
    for word in words:
        few = select(RequestWord.request_id).where(RequestWord.department_id == department_id, RequestWord.word == word)
        counts.append(select(func.count()).select_from(few.limit(RARE + 1).subquery()).scalar_subquery())
    found = connection.execute(select(*counts)).one()
    return [word for word, count in zip(words, found, strict=True) if count <= RARE]
