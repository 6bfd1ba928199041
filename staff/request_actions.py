"""What staff do to a request: one form each, carried out by the desk in one transaction with history and audit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.models import Priority
from db.queries import request_queue, turns
from desk import actions, handover
from desk.change import Actor
from desk.errors import DeskError, RequestNotFound, UnknownTarget
from desk.settings import Desk, load_desk
from staff.access import QUEUE_PATH, Console, Handler, Visit
from staff.accounts import LARGEST_ID
from staff.canned import check_filled
from staff.request_page import REQUEST_PATH, Refused, code_of, show, viewer_of

__all__ = ["ACTIONS", "REQUEST_PATH", "ActionForm", "handler_of"]

NO_VERSION = 0  # requests begin with 1: a form without a version is always stale


class Submitted:
    """A form on its way to the desk: the row it is about, if it is about one, and what was filled in."""

    def __init__(
        self, row: Row[Any] | None, form: Mapping[str, str], connection: Connection, department_id: int
    ) -> None:
        self.row = row
        self._form = form
        self._connection = connection
        self._department_id = department_id

    def text(self, name: str) -> str:
        """What was typed."""
        return self._form.get(name, "")

    def number(self, name: str) -> int:
        """An id that was chosen; 0, which no row has, for anything else."""
        value = self._form.get(name, "")
        usable = value.isascii() and value.isdecimal() and len(value) <= 10
        return int(value) if usable and int(value) <= LARGEST_ID else 0

    @property
    def version(self) -> int:
        """The version of the page the form stood on."""
        return self.number("version") or NO_VERSION

    def colleague(self) -> int | None:
        """Who is to have the request; None for nobody.

        Raises:
            UnknownTarget: Not somebody who works on requests.
        """
        if not self.text("assignee"):
            return None
        chosen = self.number("assignee")
        known = request_queue.list_colleagues(self._connection, department_id=self._department_id)
        if chosen not in {row.id for row in known}:
            raise UnknownTarget("assignee")
        return chosen

    def topic(self) -> str | None:
        """The topic chosen; None for none.

        Raises:
            UnknownTarget: Nothing is published about it.
        """
        chosen = self.text("topic")
        if not chosen:
            return None
        if chosen not in turns.topic_labels(self._connection, department_id=self._department_id):
            raise UnknownTarget("topic")
        return chosen

    def priority(self) -> Priority:
        """The priority chosen.

        Raises:
            UnknownTarget: There is none like it.
        """
        try:
            return Priority(self.text("priority"))
        except ValueError:
            raise UnknownTarget("priority") from None


@dataclass(frozen=True)
class ActionForm:
    """A form: the last part of its address, the action of ``desk.states`` it takes and the values it hands over."""

    slug: str
    action: str
    run: Callable[..., object]
    values: Callable[[Submitted], dict[str, Any]]


def _version(given: Submitted) -> dict[str, Any]:
    return {"version": given.version}


def _with(**fields: Callable[[Submitted], Any]) -> Callable[[Submitted], dict[str, Any]]:
    """The version of the page, and these."""
    return lambda given: {**_version(given), **{name: read(given) for name, read in fields.items()}}


def _text(name: str) -> Callable[[Submitted], str]:
    return lambda given: given.text(name)


def _told(name: str) -> Callable[[Submitted], str]:
    """A text the person will read: nothing may be left to fill in."""
    return lambda given: check_filled(given.text(name))


def _give_back(
    connection: Connection, desk: Desk, *, request_id: int, conversation_id: int, actor: Actor, now: dt.datetime
) -> None:
    """``handover.give_back``, which has to find somebody holding the conversation."""
    del request_id
    if not handover.give_back(connection, desk, conversation_id=conversation_id, actor=actor, now=now):
        raise DeskError("desk.not_held")


def _conversation(given: Submitted) -> dict[str, Any]:
    assert given.row is not None  # a form on the page of a request
    if given.row.conversation_id is None:
        raise RequestNotFound
    return {"conversation_id": given.row.conversation_id}


ACTIONS = (
    ActionForm("nhan", "accept", actions.accept, _version),
    ActionForm("tra-loi", "reply", actions.reply, _with(text=_told("text"))),
    ActionForm("hoi-them", "ask_for_more", actions.ask_for_more, _with(text=_told("text"))),
    ActionForm("ket-luan", "answer", actions.answer, _with(text=_told("text"))),
    # a note says nothing to the person and changes nothing: it is welcome on an old page too
    ActionForm("ghi-chu", "note", actions.note, lambda given: {"text": given.text("text")}),
    ActionForm("giao", "assign", actions.assign, _with(assignee_id=Submitted.colleague)),
    ActionForm(
        "chuyen", "forward", actions.forward,
        _with(unit_id=lambda given: given.number("unit"), reason=lambda given: given.text("reason").strip() or None),
    ),
    ActionForm(
        "chuyen-ngoai", "forward_outside", actions.forward_outside,
        _with(agency=_text("agency"), where=_text("where"), data_shared=lambda given: given.text("shared") == "1"),
    ),
    ActionForm("chu-de", "set_topic", actions.set_topic, _with(topic=Submitted.topic)),
    ActionForm("uu-tien", "set_priority", actions.set_priority, _with(priority=Submitted.priority)),
    ActionForm("gia-han", "extend", actions.extend, _with(reason=_told("reason"))),
    ActionForm("tiep-tuc", "resume", actions.resume, _version),
    ActionForm("dong", "close", actions.close, _with(result=_told("result"))),
    ActionForm("tu-choi", "reject", actions.reject, _with(reason=_told("reason"))),
    ActionForm("mo-lai", "reopen", actions.reopen, _with(reason=_text("reason"))),
    ActionForm("da-doc", "mark_read", actions.mark_read, lambda _: {}),
    ActionForm("da-goi", "mark_called", actions.mark_called, lambda given: {"message_id": given.number("message")}),
    ActionForm("nhan-tro-chuyen", "take", handover.take, _conversation),
    ActionForm("tra-lai", "give_back", _give_back, _conversation),
)  # fmt: skip


def handler_of(form: ActionForm) -> Handler:
    """The page that carries out a form."""

    async def submit(console: Console, request: Request, visit: Visit) -> Response:
        return await _submit(form, console, request, visit)

    return submit


async def _submit(form: ActionForm, console: Console, request: Request, visit: Visit) -> Response:
    member, now, code = visit.signed_in, console.now(), code_of(request)

    def write(connection: Connection) -> tuple[str, bool] | None:
        viewer = viewer_of(visit)
        row = request_queue.find_visible(connection, code, viewer, department_id=console.department_id, now=now)
        if row is None:
            return None
        desk = load_desk(connection, department_id=console.department_id)
        given = Submitted(row, visit.form, connection, console.department_id)
        actor = Actor.staff(member.id, member.name)
        form.run(connection, desk, request_id=row.id, actor=actor, now=now, **form.values(given))
        still = request_queue.find_visible(connection, code, viewer, department_id=console.department_id, now=now)
        return row.code, still is not None

    try:
        done = await console.database.write(write)
    except DeskError as error:
        return await show(console, request, visit, Refused(form.slug, error, visit.form))
    if done is None:
        return await console.problem("missing", visit, status=404)
    path, is_theirs = done
    # after handing a request to another unit, an officer sees it no more
    address = f"{QUEUE_PATH}/{path}?xong={form.slug}" if is_theirs else f"{QUEUE_PATH}?xong=moved"
    return RedirectResponse(address, 303)
