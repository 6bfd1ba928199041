"""The Zalo Official Account's own rows: the token pair, people, files on their way in.

Everything that changes a pair names the ``generation`` it saw, so that of several processes one wins and a pair that an
administrator just gave is never overwritten.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, exists, func, or_, select, update

from db.models import (
    Conversation,
    Handover,
    InboxMessage,
    InboxStatus,
    Request,
    RequestDraft,
    RequestStatus,
    ZaloMedia,
    ZaloPerson,
    ZaloToken,
)
from db.queries.conversations import insert_new, lock_conversation

# -- tokens -------------------------------------------------------------------------------------------------------


def find_tokens(connection: Connection, *, app_id: str, oa_id: str) -> Row[Any] | None:
    """The stored pair, sealed, and how it stands."""
    statement = select(ZaloToken.__table__).where(ZaloToken.app_id == app_id, ZaloToken.oa_id == oa_id)
    return connection.execute(statement).first()


def ensure_tokens(connection: Connection, *, department_id: int, app_id: str, oa_id: str) -> Row[Any]:
    """The row of the Official Account, made empty if this is the first time."""
    connection.execute(
        insert_new(connection, ZaloToken).values(department_id=department_id, app_id=app_id, oa_id=oa_id, generation=0)
    )
    row = find_tokens(connection, app_id=app_id, oa_id=oa_id)
    assert row is not None
    return row


@dataclass(frozen=True)
class SealedPair:
    """A pair on its way into the database, already sealed."""

    access_token: str | None
    refresh_token: str | None
    obtained_at: dt.datetime
    access_expires_at: dt.datetime | None


def store_pair(
    connection: Connection, token_id: int, pair: SealedPair, *, generation: int | None,
    configured_hash: str | None = None,
) -> bool:  # fmt: skip
    """Put a new pair in place of the one of ``generation`` (None: of whichever is there); False if that is gone.

    The old pair is kept for diagnosis.
    """
    values: dict[str, Any] = {
        "previous_access_token": ZaloToken.access_token, "previous_refresh_token": ZaloToken.refresh_token,
        "access_token": pair.access_token, "refresh_token": pair.refresh_token, "obtained_at": pair.obtained_at,
        "access_expires_at": pair.access_expires_at, "generation": ZaloToken.generation + 1,
        "refresh_started_at": None, "refused_at": None, "refused_code": None,
    }  # fmt: skip
    if configured_hash is not None:
        values["configured_hash"] = configured_hash
    where = [ZaloToken.id == token_id]
    if generation is not None:
        where.append(ZaloToken.generation == generation)
    return connection.execute(update(ZaloToken).where(*where).values(**values)).rowcount == 1


def begin_refresh(
    connection: Connection, token_id: int, *, generation: int, now: dt.datetime, given_up_before: dt.datetime
) -> bool:
    """Become the one process that refreshes, and mark the refresh as in doubt, before the call.

    Another attempt that began before ``given_up_before`` counts as lost.
    """
    free = or_(ZaloToken.refresh_started_at.is_(None), ZaloToken.refresh_started_at < given_up_before)
    statement = (
        update(ZaloToken)
        .where(
            ZaloToken.id == token_id, ZaloToken.generation == generation, ZaloToken.refused_at.is_(None), free
        )
        .values(refresh_started_at=now)
    )  # fmt: skip
    return connection.execute(statement).rowcount == 1


def end_refresh(connection: Connection, token_id: int, *, generation: int) -> None:
    """The call certainly never reached the server: nothing is in doubt."""
    connection.execute(
        update(ZaloToken)
        .where(ZaloToken.id == token_id, ZaloToken.generation == generation)
        .values(refresh_started_at=None)
    )


def refuse_refresh(connection: Connection, token_id: int, *, generation: int, code: str, now: dt.datetime) -> bool:
    """The refresh token is dead: no further attempt until an administrator gives a new pair."""
    statement = (
        update(ZaloToken)
        .where(ZaloToken.id == token_id, ZaloToken.generation == generation, ZaloToken.refused_at.is_(None))
        .values(refused_at=now, refused_code=code, refresh_started_at=None)
    )
    return connection.execute(statement).rowcount == 1


def store_consent(connection: Connection, token_id: int, **values: Any) -> None:
    """Remember or forget what a consent under way needs (``consent_*`` columns)."""
    connection.execute(update(ZaloToken).where(ZaloToken.id == token_id).values(**values))


# -- people -------------------------------------------------------------------------------------------------------


def meet_person(connection: Connection, *, department_id: int, account: str, user_id: str, now: dt.datetime) -> None:
    """Add a person once; their name is fetched soon, also when it was forgotten meanwhile."""
    created = connection.execute(
        insert_new(connection, ZaloPerson).values(
            department_id=department_id, account=account, user_id=user_id, name_due_at=now, created_at=now
        )
    )
    if created.rowcount == 0:
        connection.execute(
            update(ZaloPerson)
            .where(
                ZaloPerson.account == account, ZaloPerson.user_id == user_id, ZaloPerson.display_name.is_(None),
                ZaloPerson.name_due_at.is_(None),
            )
            .values(name_due_at=now)
        )  # fmt: skip


def set_follows(connection: Connection, *, account: str, user_id: str, follows: bool, at: dt.datetime) -> None:
    """The person follows or left; an event older than the last one changes nothing."""
    older = or_(ZaloPerson.follows_changed_at.is_(None), ZaloPerson.follows_changed_at < at)
    connection.execute(
        update(ZaloPerson)
        .where(ZaloPerson.account == account, ZaloPerson.user_id == user_id, older)
        .values(follows=follows, follows_changed_at=at)
    )


def people_without_name(connection: Connection, *, account: str, now: dt.datetime, limit: int = 10) -> list[Row[Any]]:
    """Whose display name is to be fetched now."""
    statement = (
        select(ZaloPerson.id, ZaloPerson.user_id)
        .where(ZaloPerson.account == account, ZaloPerson.name_due_at <= now)
        .order_by(ZaloPerson.name_due_at)
        .limit(limit)
    )
    return list(connection.execute(statement))


def set_name(connection: Connection, person_id: int, *, name: str | None, due_at: dt.datetime | None) -> None:
    """The display name, or when to ask again."""
    values: dict[str, Any] = {"name_due_at": due_at}
    if name is not None:
        values["display_name"] = name
    connection.execute(update(ZaloPerson).where(ZaloPerson.id == person_id).values(**values))


def note_info_requested(connection: Connection, *, account: str, user_id: str, now: dt.datetime) -> None:
    """Contact data was asked for: what the person shares from now on is kept."""
    connection.execute(
        update(ZaloPerson)
        .where(ZaloPerson.account == account, ZaloPerson.user_id == user_id)
        .values(info_requested_at=now)
    )


def asked_for_info(
    connection: Connection, conversation_id: int, *, account: str, user_id: str, asked_after: dt.datetime,
    now: dt.datetime,
) -> bool:  # fmt: skip
    """Whether a request form that is still open asked for contact data after ``asked_after``."""
    asked = exists().where(
        ZaloPerson.account == account, ZaloPerson.user_id == user_id, ZaloPerson.info_requested_at > asked_after
    )
    form = exists().where(RequestDraft.conversation_id == conversation_id, RequestDraft.expires_at > now)
    return bool(connection.execute(select(and_(asked, form))).scalar())


def put_in_message(
    connection: Connection, *, account: str, external_id: str, values: dict[str, Any], due_at: dt.datetime | None = None
) -> bool:
    """Add to a stored message no turn has read yet, and say when its turn may begin; False when it was read."""
    where = and_(
        InboxMessage.channel == "zalo", InboxMessage.account == account, InboxMessage.external_id == external_id,
        InboxMessage.status == InboxStatus.NEW,
    )  # fmt: skip
    message = connection.execute(select(InboxMessage.message).where(where)).scalar()
    if message is None:
        return False
    changed: dict[str, Any] = {"message": {**message, **values}} | ({"due_at": due_at} if due_at else {})
    return connection.execute(update(InboxMessage).where(where).values(**changed)).rowcount == 1


def pseudonym(account: str, user_id: str) -> str:
    """What remains of a person who was erased."""
    return "erased:" + hashlib.sha256(f"{account}|{user_id}".encode()).hexdigest()[:48]


def forget_person(
    connection: Connection, *, department_id: int, account: str, user_id: str, conversation_id: int, at: dt.datetime,
    now: dt.datetime,
) -> None:  # fmt: skip
    """Erase a person: the row is replaced by a hash and the day; files under way are not fetched any more.

    ``at`` is when they asked: events that are older, and come late, bring nothing back.
    """
    connection.execute(delete(ZaloMedia).where(ZaloMedia.conversation_id == conversation_id))
    connection.execute(delete(ZaloPerson).where(ZaloPerson.account == account, ZaloPerson.user_id == user_id))
    hashed = pseudonym(account, user_id)
    connection.execute(
        insert_new(connection, ZaloPerson).values(
            department_id=department_id, account=account, user_id=hashed, withdrawn_at=at, created_at=now
        )
    )
    connection.execute(
        update(ZaloPerson)
        .where(ZaloPerson.account == account, ZaloPerson.user_id == hashed, ZaloPerson.withdrawn_at < at)
        .values(withdrawn_at=at)
    )


def withdrawn_at(connection: Connection, *, account: str, user_id: str) -> dt.datetime | None:
    """When somebody asked to be erased, if they did."""
    statement = select(ZaloPerson.withdrawn_at).where(
        ZaloPerson.account == account, ZaloPerson.user_id == pseudonym(account, user_id)
    )
    return connection.execute(statement).scalar()


def erase_old(connection: Connection, *, account: str, before: dt.datetime) -> int:
    """Forget the names of people silent since ``before``. Returns rows touched."""
    silent = (
        select(Conversation.external_id)
        .where(
            Conversation.channel == "zalo", Conversation.account == account, Conversation.last_inbound_at < before
        )
    )  # fmt: skip
    touched = connection.execute(
        update(ZaloPerson)
        .where(
            ZaloPerson.account == account, ZaloPerson.user_id.in_(silent), ZaloPerson.display_name.is_not(None)
        )
        .values(display_name=None, name_due_at=None)
    ).rowcount  # fmt: skip
    return int(touched)


# -- files --------------------------------------------------------------------------------------------------------


def wants_files(connection: Connection, conversation_id: int, *, now: dt.datetime) -> bool:
    """Whether somebody waits for files of this conversation: a form, a request that is not over, or an officer."""
    form = exists().where(RequestDraft.conversation_id == conversation_id, RequestDraft.expires_at > now)
    filed = exists().where(
        Request.conversation_id == conversation_id,
        or_(Request.is_open, Request.status == RequestStatus.ANSWERED),
    )
    held = exists().where(
        Handover.conversation_id == conversation_id, Handover.ended_at.is_(None), Handover.expires_at > now
    )
    return bool(connection.execute(select(or_(form, filed, held))).scalar())


@dataclass(frozen=True)
class MediaLink:
    """A file to fetch: its place among the message's files, and where it lies."""

    position: int
    url: str
    name: str | None = None


def plan_media(
    connection: Connection, *, department_id: int, conversation_id: int, inbox_external_id: str,
    links: Sequence[MediaLink], now: dt.datetime,
) -> None:  # fmt: skip
    """Files to fetch at once."""
    for link in links:
        connection.execute(
            insert_new(connection, ZaloMedia).values(
                department_id=department_id, conversation_id=conversation_id, inbox_external_id=inbox_external_id,
                position=link.position, url=link.url, name=link.name, due_at=now, attempts=0, created_at=now,
            )
        )  # fmt: skip


def has_due_media(connection: Connection, *, now: dt.datetime) -> bool:
    """Whether a file is to be fetched now; asked all the time, so that claiming, which writes, is not."""
    return bool(connection.execute(select(exists().where(ZaloMedia.due_at <= now))).scalar())


def claim_media(connection: Connection, *, now: dt.datetime, again_at: dt.datetime, limit: int = 4) -> list[Row[Any]]:
    """Files whose time has come; they are due again at ``again_at`` unless somebody records a result before."""
    due = (
        select(ZaloMedia.id).where(ZaloMedia.due_at <= now).order_by(ZaloMedia.due_at, ZaloMedia.id).limit(limit)
        .with_for_update(skip_locked=True)
    )  # fmt: skip
    statement = (
        update(ZaloMedia)
        .where(ZaloMedia.id.in_(due))
        .values(due_at=again_at, attempts=ZaloMedia.attempts + 1)
        .returning(
            ZaloMedia.id, ZaloMedia.url, ZaloMedia.name, ZaloMedia.attempts, ZaloMedia.conversation_id,
            ZaloMedia.inbox_external_id, ZaloMedia.created_at,
        )
    )  # fmt: skip
    return list(connection.execute(statement))


def media_later(connection: Connection, media_id: int, *, due_at: dt.datetime, error: str) -> None:
    """Fetching failed for now."""
    connection.execute(update(ZaloMedia).where(ZaloMedia.id == media_id).values(due_at=due_at, error=error))


def media_received(
    connection: Connection, row: Row[Any], *, account: str, received: dict[str, Any], due_at: dt.datetime
) -> bool:
    """A file has come to its end: it is on disk, or it cannot be had (``received`` says which).

    With the last file of a message the message gets them all and its turn may begin at ``due_at``. False for any other
    file, and for one whose person was erased meanwhile.
    """
    lock_conversation(connection, row.conversation_id)  # orders the files of one message
    ended = connection.execute(
        update(ZaloMedia)
        .where(ZaloMedia.id == row.id, ZaloMedia.received.is_(None))
        .values(received=received, url=None, due_at=None)
    )
    of_message = ZaloMedia.inbox_external_id == row.inbox_external_id
    under_way = select(func.count()).where(of_message, ZaloMedia.received.is_(None))
    if ended.rowcount == 0 or connection.execute(under_way).scalar_one():
        return False
    ends = connection.execute(select(ZaloMedia.position, ZaloMedia.received).where(of_message))
    files = {end.position: end.received for end in ends}
    connection.execute(delete(ZaloMedia).where(of_message))
    return _put_files(connection, account=account, external_id=row.inbox_external_id, files=files, due_at=due_at)


def _put_files(
    connection: Connection, *, account: str, external_id: str, files: Mapping[int, Any], due_at: dt.datetime
) -> bool:
    statement = select(InboxMessage.message).where(
        InboxMessage.channel == "zalo", InboxMessage.account == account, InboxMessage.external_id == external_id
    )
    message = connection.execute(statement).scalar()
    if not message:
        return False
    whole = [files.get(position, before) for position, before in enumerate(message.get("files", []))]
    return put_in_message(
        connection, account=account, external_id=external_id, values={"files": whole}, due_at=due_at
    )  # fmt: skip


# -- gaps ---------------------------------------------------------------------------------------------------------


def known_messages(connection: Connection, *, account: str, external_ids: Sequence[str]) -> set[str]:
    """Which of these messages were received already."""
    statement = select(InboxMessage.external_id).where(
        and_(InboxMessage.channel == "zalo", InboxMessage.account == account),
        InboxMessage.external_id.in_(external_ids),
    )
    return set(connection.execute(statement).scalars())
