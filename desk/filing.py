"""Filing: a confirmed form becomes a request with a code, once, however often it is confirmed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from sqlalchemy import Connection

from db.models import MessageAuthor, Priority, RequestStatus
from db.queries import conversations, drafts, request_files, requests
from db.queries import desk as desk_queries
from desk import consent, notices, search
from desk.calendar import VIETNAM
from desk.change import TEXT_LIMIT, Actor, record, required, start_values
from desk.codes import new_code
from desk.errors import ConsentMissing, RequestNotFound, TooManyOpen
from desk.settings import Desk
from desk.text import clean_line

OPEN_LIMIT = 5


@dataclass(frozen=True)
class Requester:
    """Who asks; None is what they did not say. ``phone`` is E.164, ``tax_code`` as ``identity`` gives it.

    ``province`` and ``old_province`` are ids of ``places``, ``commune`` and ``former_unit`` codes of its units;
    ``place`` is the rest of the address as typed.
    """

    kind: str | None = None
    name: str | None = None
    organisation: str | None = None
    tax_code: str | None = None
    phone: str | None = None
    province: str | None = None
    old_province: str | None = None
    commune: str | None = None
    former_unit: str | None = None
    place: str | None = None

    @property
    def is_personal(self) -> bool:
        """Whether any of it is about a person rather than an organisation: a 12-digit tax code is a personal number."""
        return bool(
            self.name or self.phone or self.commune or self.place or (self.tax_code and len(self.tax_code) == 12)
        )


@dataclass(frozen=True)
class Filing:
    """A confirmed form. ``key`` makes it one request; the files of ``draft_id`` come along and the draft ends."""

    conversation_id: int
    key: str
    description: str
    topic: str | None = None
    question: str | None = None
    requester: Requester = field(default_factory=Requester)
    priority: Priority = Priority.NORMAL
    draft_id: int | None = None


@dataclass(frozen=True)
class Filed:
    """The request a form became. ``is_new`` is false when it had been confirmed before; then nothing was written."""

    request_id: int
    code: str
    due_at: dt.datetime
    is_provisional: bool
    is_new: bool
    outbox_id: int | None = None


def file(connection: Connection, desk: Desk, *, filing: Filing, now: dt.datetime) -> Filed:
    """Turn a confirmed form into a request in the queue of its unit, with the clock running, and say so.

    Raises:
        RequestNotFound: No such conversation here.
        FieldMissing: There is no description, or it is too long.
        TooManyOpen: The conversation has five open requests.
        ConsentMissing: Something about a person without their consent to handle the request.
    """
    conversation = conversations.lock_conversation(connection, filing.conversation_id)
    if conversation is None or conversation.department_id != desk.department_id:
        raise RequestNotFound
    before = requests.find_by_key(connection, filing.key, department_id=desk.department_id)
    if before is not None:
        if before.conversation_id != filing.conversation_id:
            raise RequestNotFound
        return Filed(before.id, before.code, before.due_at, before.due_provisional, is_new=False)
    description = required("description", filing.description)
    codes = requests.open_codes(connection, filing.conversation_id)
    if len(codes) >= OPEN_LIMIT:
        raise TooManyOpen(OPEN_LIMIT, codes)
    purpose = consent.Purpose.HANDLE_REQUEST
    agreed = consent.is_granted(connection, conversation_id=filing.conversation_id, purpose=purpose)
    if filing.requester.is_personal and not agreed:
        raise ConsentMissing(purpose)

    who = {
        name: clean_line(value) if value else None
        for name, value in filing.requester.__dict__.items()
    }  # fmt: skip
    who["requester_kind"] = who.pop("kind")
    unit_id = desk_queries.route(
        connection, department_id=desk.department_id, topic=filing.topic, province=filing.requester.province
    )
    request_id = requests.add_request(
        connection, department_id=desk.department_id, code=_free_code(connection, desk, now),
        idempotency_key=filing.key, conversation_id=filing.conversation_id, channel=conversation.channel,
        topic=filing.topic, question=clean_line(filing.question)[:TEXT_LIMIT] if filing.question else None,
        description=description, **who, legal_basis="consent" if agreed else "state_agency",
        status=RequestStatus.NEW, is_open=True, is_running=True, priority=filing.priority, unit_id=unit_id,
        version=1, unread_at=now, created_at=now, updated_at=now,
        **start_values(desk, topic=filing.topic, priority=filing.priority, now=now),
    )  # fmt: skip
    if filing.draft_id is not None:
        request_files.move_to_request(connection, draft_id=filing.draft_id, request_id=request_id)
        drafts.delete_draft(connection, filing.draft_id, now=now)
    row = requests.find_request(connection, request_id, department_id=desk.department_id)
    assert row is not None
    search.index(connection, row)
    outbox_id = notices.queue(
        connection, filing.conversation_id, "request.filed", now=now, code=row.code, due_at=row.due_at,
        due_provisional=row.due_provisional,
    )  # fmt: skip
    requests.add_message(
        connection, department_id=desk.department_id, request_id=request_id, author=MessageAuthor.NOTICE,
        notice="request.filed", outbox_id=outbox_id, created_at=now,
    )  # fmt: skip
    actor = Actor.person(filing.conversation_id)
    record(connection, row, action="file", actor=actor, now=now, from_status=None, unit_id=unit_id)
    return Filed(request_id, row.code, row.due_at, row.due_provisional, is_new=True, outbox_id=outbox_id)


def _free_code(connection: Connection, desk: Desk, now: dt.datetime) -> str:
    """A code nobody has: of 33 million a year, a clash is rare but must not lose a request."""
    while True:
        code = new_code(now.astimezone(VIETNAM).year)
        if requests.find_by_code(connection, code, department_id=desk.department_id) is None:
            return code
