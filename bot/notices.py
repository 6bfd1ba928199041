"""Notices of the desk in words, when they are delivered or read: rows ``{"notice": key, "fields": {…}}``.

What officers write may name people; a channel that must not show them gets it masked, the requester's own name, phone
and tax code above all.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from bot.live import Live
from db.engine import Database
from db.queries import requests
from desk.identity import read_phone
from handlers.context import choice
from handlers.masking import mask_name_in, mask_personal_data
from handlers.messages import Choice, Reply
from handlers.texts import say
from handlers.times import show_day

FREE_TEXT = ("text", "result", "reason")  # fields an officer writes
HIDDEN = re.compile(r"\[số [^]]+\]")  # a number as it is masked


def word(data: Mapping[str, Any], hide: Callable[[str], str] = str, *, with_choices: bool = True) -> Reply:
    """The reply a row of the outbox holds, a notice in words. ``hide`` masks what officers wrote.

    ``with_choices``: on channels without buttons a number would answer the choices of an older message.
    """
    if "notice" not in data:
        return Reply.from_json(dict(data))
    key, fields = str(data["notice"]), dict(data.get("fields", {}))
    written = {name: fields[name] for name in FREE_TEXT if isinstance(fields.get(name), str)}
    shown = {name: hide(text) for name, text in written.items()}
    hidden = any(HIDDEN.search(shown[name]) and not HIDDEN.search(text) for name, text in written.items())
    fields |= shown
    body = say(f"notice.{_text_key(key, fields)}", **_shown(key, fields))
    if key == "request.replied" and not with_choices:
        body = f"{body}\n{say('notice.write_back', code=fields['code'])}"
    reply = Reply(body, note=say("notice.hidden") if hidden else None)
    reply = replace(reply, link=fields["code"] if key == "request.filed" else None)
    return replace(reply, choices=_choices(key, fields)) if with_choices else reply


def _text_key(key: str, fields: Mapping[str, Any]) -> str:
    if key == "handover.ended" and fields.get("reason") == "time":
        return "handover.timed_out"
    if key == "request.forwarded_outside" and fields.get("data_shared"):
        return "request.forwarded_shared"
    return key


def _shown(key: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as texts: days in Vietnam's time, the officer's title, a result only where there is one."""
    shown: dict[str, Any] = dict(fields)
    provisional = bool(fields.get("due_provisional"))
    for name in ("due_at", "auto_close_at", "acknowledge_due_at"):
        if isinstance(fields.get(name), str):
            shown[name] = show_day(dt.datetime.fromisoformat(fields[name]), provisional=provisional)
    officer = fields.get("officer")
    shown["officer"] = say("notice.officer", name=officer) if officer else say("notice.some_officer")
    if key == "request.closed":
        shown["result"] = say("notice.result", text=fields["result"]) if fields.get("result") else ""
    if key == "handover.ended":
        shown["who"] = say("notice.some_officer")
    if "right" in fields:
        shown["right"] = say(f"right.{fields['right']}")
    return shown


def _choices(key: str, fields: Mapping[str, Any]) -> tuple[Choice, ...]:
    code = fields.get("code")
    wanted = {
        "request.filed": (("request.status_button", "v"),),
        "request.replied": (("request.write", "a"),),
        "request.asked": (("request.answer", "a"),),
        "request.answered": (("request.write", "a"), ("request.close", "c")),
        "request.closed": (("request.rate", "s"), ("request.reopen", "o")),
        "request.closed_unanswered": (("request.rate", "s"), ("request.reopen", "o")),
        "request.rating_reminder": (("request.rate", "s"),),
        "request.reopened": (("request.write", "a"),),
    }
    return tuple(choice(label, f"r:{action}:{code}") for label, action in wanted.get(key, ()))


class Wording:
    """The words of one channel's rows. ``masks_people`` and ``with_choices`` as the channel needs it."""

    def __init__(
        self, database: Database, live: Live, *, masks_people: bool, with_choices: bool
    ) -> None:  # fmt: skip
        self._database = database
        self._live = live
        self._masks_people = masks_people
        self._with_choices = with_choices

    async def reply(self, data: Mapping[str, Any]) -> Reply:
        """The reply of a row, ready to be sent."""
        hide: Callable[[str], str] = str
        fields = data.get("fields", {}) if "notice" in data else {}
        if self._masks_people and any(fields.get(name) for name in FREE_TEXT):
            hide = await self._hide_person(fields.get("code"))
        return word(data, hide, with_choices=self._with_choices)

    async def _hide_person(self, code: str | None) -> Callable[[str], str]:
        def find(connection: Connection) -> Any:
            return requests.find_by_code(connection, code, department_id=self._live.department.id) if code else None

        row = await self._database.read(find)
        name = row.name if row is not None else None
        own = {row.tax_code, row.phone, _national(row.phone)} - {None} if row is not None else set()

        def hide(text: str) -> str:
            text = mask_personal_data(text, keep=self._live.department.phones)
            for value in own:
                text = text.replace(value, "[số riêng]")
            return mask_name_in(text, name)

        return hide


def _national(e164: str | None) -> str | None:
    found = read_phone(e164) if e164 else None
    return found.national if found is not None and hasattr(found, "national") else None
