"""How a person stands with the desk, read for one turn; only turns that need it pay for it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, Row

from db.queries import privacy, request_files, requests
from desk import drafts
from desk.settings import Desk, load_desk
from handlers.form_prompts import CONSENT_VERSION
from handlers.standing import KeptFile, KeptForm, Lookup, OwnRequest, Standing

REQUESTS_READ = 50
_REQUESTER = ("name", "organisation", "tax_code", "phone", "place")


def load_standing(
    connection: Connection, *, conversation_id: int, department_id: int, now: dt.datetime, code: str | None = None,
    may_look_up: bool = True,
) -> Standing:  # fmt: skip
    """The form, requests and consents of a conversation; with ``code``, what anybody may know of that request."""
    desk = load_desk(connection, department_id=department_id)
    rows = requests.of_conversation(connection, conversation_id, limit=REQUESTS_READ)
    consents = {
        row.purpose: row.choice
        for row in privacy.consents_of(connection, conversation_id)  # in order: the last one counts
        if row.text_version == CONSENT_VERSION
    }
    lookup = _look_up(connection, desk, code, may_look_up=may_look_up) if code else None
    return Standing(
        desk.calendar, desk.periods, _form(connection, conversation_id, now), tuple(_own(row) for row in rows),
        consents, lookup,
    )  # fmt: skip


def _form(connection: Connection, conversation_id: int, now: dt.datetime) -> KeptForm | None:
    draft = drafts.load(connection, conversation_id=conversation_id, now=now)
    if draft is None:
        return None
    files = request_files.files_of(connection, draft_id=draft.id)
    kept = tuple(KeptFile(row.id, row.kind, row.name, row.size) for row in files)
    return KeptForm(draft.id, draft.key, draft.data, kept)


def _own(row: Row[Any]) -> OwnRequest:
    return OwnRequest(
        row.id, row.code, row.idempotency_key, row.status, row.topic, row.description, row.created_at, row.due_at,
        row.due_provisional, row.closed_at, row.result, row.rating, row.is_open,
        {name: getattr(row, name) for name in _REQUESTER},
    )  # fmt: skip


def _look_up(connection: Connection, desk: Desk, code: str, *, may_look_up: bool) -> Lookup:
    if not may_look_up:
        return Lookup(code, refused=True)
    row = requests.find_by_code(connection, code, department_id=desk.department_id)
    return Lookup(code) if row is None else Lookup(code, row.status, row.due_at, row.due_provisional)
