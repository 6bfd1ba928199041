"""Forms being filled in, and private links."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from db.models import PrivateLink, RequestDraft, RequestFile


def find_draft(connection: Connection, conversation_id: int) -> Row[Any] | None:
    """The form of a conversation."""
    statement = select(RequestDraft.__table__).where(RequestDraft.conversation_id == conversation_id)
    return connection.execute(statement).first()


def add_draft(connection: Connection, **values: Any) -> int:
    """Begin a form; returns its id."""
    return int(connection.execute(insert(RequestDraft).values(**values).returning(RequestDraft.id)).scalar_one())


def change_draft(connection: Connection, draft_id: int, **values: Any) -> None:
    """Keep what was filled in."""
    connection.execute(update(RequestDraft).where(RequestDraft.id == draft_id).values(**values))


def delete_draft(connection: Connection, draft_id: int, *, now: dt.datetime) -> None:
    """Forget a form; the files sent with it must go too."""
    connection.execute(
        update(RequestFile).where(RequestFile.draft_id == draft_id).values(draft_id=None, name=None, removed_at=now)
    )
    connection.execute(delete(RequestDraft).where(RequestDraft.id == draft_id))


def add_link(connection: Connection, **values: Any) -> None:
    """Keep a private link by the hash of its token."""
    connection.execute(insert(PrivateLink).values(**values))


def find_link(connection: Connection, token_hash: str, *, purpose: str, now: dt.datetime) -> Row[Any] | None:
    """A link that still opens something."""
    statement = select(PrivateLink.__table__).where(
        PrivateLink.token_hash == token_hash, PrivateLink.purpose == purpose, PrivateLink.expires_at > now,
        PrivateLink.used_at.is_(None),
    )  # fmt: skip
    return connection.execute(statement).first()


def use_link(connection: Connection, link_id: int, *, now: dt.datetime) -> bool:
    """Use up a one-time link; False when somebody was first."""
    statement = update(PrivateLink).where(PrivateLink.id == link_id, PrivateLink.used_at.is_(None))
    return connection.execute(statement.values(used_at=now)).rowcount == 1


def delete_links(connection: Connection, *, conversation_id: int | None = None, request_id: int | None = None) -> None:
    """Make the links of a conversation or of a request open nothing any more."""
    mine = []
    if conversation_id is not None:
        mine.append(PrivateLink.conversation_id == conversation_id)
    if request_id is not None:
        mine.append(PrivateLink.request_id == request_id)
    if mine:
        connection.execute(delete(PrivateLink).where(or_(*mine)))


def delete_expired_links(connection: Connection, *, now: dt.datetime) -> int:
    """Forget links whose time is over."""
    return connection.execute(delete(PrivateLink).where(PrivateLink.expires_at <= now)).rowcount
