"""Canned replies: texts with placeholders, filled in for a request in the reply box, and the page that keeps them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.queries import canned_replies, operations
from db.queries import desk as desk_queries
from desk.errors import DeskError
from desk.text import clean_line, clean_text
from staff.access import Console, Visit
from staff.accounts import LARGEST_ID
from staff.clock import local
from staff.texts import word

CANNED_PATH = "/staff/cau-mau"
TITLE_LIMIT = 120
TEXT_LIMIT = 2000
COUNT_LIMIT = 200
PLACEHOLDERS = ("ten", "ma", "han", "can_bo", "don_vi", "chu_de", "so")

_ANY = re.compile(r"\{([^{}\n]{1,30})\}")
_OURS = re.compile(r"\{(?:" + "|".join(PLACEHOLDERS) + r")\}")


class PlaceholderLeft(DeskError):  # noqa: N818 - a state of affairs, as its base says
    """A text for the person still has a placeholder in it. Fields: ``placeholder``."""

    def __init__(self, placeholder: str) -> None:
        super().__init__("reply.placeholder_left", placeholder=placeholder)


def fill(text: str, values: Mapping[str, str | None]) -> str:
    """The text with what is known in place of its placeholders; what is not known stays, to be typed over."""
    return _OURS.sub(lambda match: values.get(match[0][1:-1]) or match[0], text)


def check_filled(text: str) -> str:
    """The text, fit to be sent.

    Raises:
        PlaceholderLeft: It still has a placeholder of ours in it.
    """
    left = _OURS.search(text)
    if left is not None:
        raise PlaceholderLeft(left[0])
    return text


def values_of(request: Any, *, officer: str, department: str, topic: str | None) -> dict[str, str | None]:
    """What the placeholders stand for in a request; None for what is not known."""
    due = local(request.due_at) if request.is_running else None
    return {
        "ten": request.name or word("canned.nobody"),
        "ma": request.code,
        "han": word("canned.due", time=due.strftime("%H:%M"), date=due.strftime("%d/%m/%Y")) if due else None,
        "can_bo": officer,
        "don_vi": request.unit,
        "chu_de": topic,
        "so": department or None,
    }


# -- the page -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Typed:
    """A text as it was typed: ``reply_id`` None for a new one."""

    reply_id: int | None = None
    title: str = ""
    text: str = ""
    unit: str = ""
    fault: str | None = None


async def show_canned(console: Console, request: Request, visit: Visit) -> Response:
    """All texts, each in a form of its own, and an empty one for the next."""
    return await _page(console, visit, done=request.query_params.get("xong", ""))


async def _page(console: Console, visit: Visit, *, typed: Typed | None = None, done: str = "") -> Response:
    def read(connection: Connection) -> tuple[list[Row[Any]], list[Row[Any]]]:
        found = canned_replies.list_replies(connection, department_id=console.department_id)
        return found, desk_queries.list_units(connection, department_id=console.department_id)

    replies, units = await console.database.read(read)
    used = {row.unit_id for row in replies}
    return await console.page(
        "canned.html", visit, status=400 if typed else 200, replies=replies, typed=typed or Typed(),
        units=[unit for unit in units if unit.is_active or unit.id in used], placeholders=PLACEHOLDERS,
        text_limit=TEXT_LIMIT, title_limit=TITLE_LIMIT, here="queue", path=CANNED_PATH,
        done=word(f"canned.{done}") if done in {"saved", "removed"} else None,
    )  # fmt: skip


def _read(visit: Visit) -> Typed:
    form = visit.form
    number = form.get("reply", "")
    known = number.isascii() and number.isdecimal() and len(number) <= 10 and int(number) <= LARGEST_ID
    title, text = clean_line(form.get("title", "")), clean_text(form.get("text", ""))
    typed = Typed(int(number) if known else None, title, text, form.get("unit", ""))
    fault = None
    if not title or not text:
        fault = word("canned.empty")
    elif len(title) > TITLE_LIMIT or len(text) > TEXT_LIMIT:
        fault = word("canned.long", title=TITLE_LIMIT, text=TEXT_LIMIT)
    else:
        unknown = [name for name in _ANY.findall(text) if name not in PLACEHOLDERS]
        if unknown:
            fault = word("canned.unknown", placeholder="{" + unknown[0] + "}")
    return Typed(typed.reply_id, title, text, typed.unit, fault)


async def save_canned(console: Console, request: Request, visit: Visit) -> Response:
    """Store a new text or change one."""
    del request
    typed, member, now = _read(visit), visit.signed_in, console.now()
    if typed.fault:
        return await _page(console, visit, typed=typed)
    department_id = console.department_id

    def write(connection: Connection) -> str | None:
        units = {str(u.id): u.id for u in desk_queries.list_units(connection, department_id=department_id)}
        if typed.unit and typed.unit not in units:
            return "canned.no_unit"
        unit_id = units.get(typed.unit)
        values: dict[str, Any] = {
            "department_id": department_id, "unit_id": unit_id, "title": typed.title, "text": typed.text,
            "by": member.id, "now": now,
        }  # fmt: skip
        reply_id = typed.reply_id
        if reply_id is None:
            if len(canned_replies.list_replies(connection, department_id=department_id)) >= COUNT_LIMIT:
                return "canned.full"
            reply_id = canned_replies.add_reply(connection, **values)
        elif not canned_replies.change_reply(connection, reply_id, **values):
            return "canned.gone"
        operations.audit(
            connection, department_id=department_id, action="canned.saved", now=now, staff_member_id=member.id,
            reply=reply_id, title=typed.title,
        )  # fmt: skip
        return None

    refused = await console.database.write(write)
    if refused is not None:
        again = None if refused == "canned.gone" else typed.reply_id
        return await _page(
            console, visit, typed=Typed(again, typed.title, typed.text, typed.unit, word(refused, count=COUNT_LIMIT))
        )
    return RedirectResponse(f"{CANNED_PATH}?xong=saved", 303)


async def remove_canned(console: Console, request: Request, visit: Visit) -> Response:
    """Take a text away; of one that is gone, say so."""
    del request
    number, member, now = visit.form.get("reply", ""), visit.signed_in, console.now()
    known = number.isascii() and number.isdecimal() and len(number) <= 10 and int(number) <= LARGEST_ID

    def write(connection: Connection) -> bool:
        removed = known and canned_replies.remove_reply(connection, int(number), department_id=console.department_id)
        if removed:
            operations.audit(
                connection, department_id=console.department_id, action="canned.removed", now=now,
                staff_member_id=member.id, reply=int(number),
            )  # fmt: skip
        return removed

    if not await console.database.write(write):
        return await console.problem("missing", visit, status=404)
    return RedirectResponse(f"{CANNED_PATH}?xong=removed", 303)
