"""The department's profile: what the greeting, the notice on personal data and contact answers say of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.queries import departments, operations
from desk.text import clean_line, clean_text
from knowledge.taxonomy import load_taxonomy
from staff.access import Console, Page, Right, Visit
from staff.forms import FormFault, Typed, need_line, read_id, read_line
from staff.texts import word

PROFILE_PATH = "/staff/ho-so"
PHONES = 6
FIELDS = ("name", "short_name", "address", "hours", "website", "privacy_contact", "province", "phones")
_PHONE = re.compile(r"\+?\d[\d .()-]{2,22}\d(?: ?\([^()]{1,40}\))?")


async def show_profile(console: Console, request: Request, visit: Visit) -> Response:
    """The profile, to be changed by those who may."""
    return await _profile(console, visit, done=request.query_params.get("xong", ""))


async def _profile(
    console: Console, visit: Visit, *, typed: Typed | None = None, status: int = 400, done: str = ""
) -> Response:
    row = await console.database.read(lambda c: departments.get_department(c, console.department_id))
    return await console.page(
        "profile.html", visit, status=status if typed else 200, row=row, typed=typed or Typed(), done=done,
        provinces=load_taxonomy().provinces,
    )  # fmt: skip


def read_profile(form: Mapping[str, str]) -> dict[str, Any]:
    """The columns typed. Raises FormFault."""

    def line(name: str, limit: int) -> str | None:
        return read_line(form, name, limit=limit, label=word(f"field.{name}"))

    if form.get("province", "") not in load_taxonomy().provinces:
        raise FormFault("choose", label=word("field.province"))
    website = line("website", 200)
    if website is not None and not website.startswith(("http://", "https://")):
        raise FormFault("web")
    return {
        "name": need_line(form, "name", limit=160, label=word("field.full_name")),
        "short_name": need_line(form, "short_name", limit=60, label=word("field.short_name")),
        "address": line("address", 300), "hours": line("hours", 300), "website": website,
        "privacy_contact": line("privacy_contact", 300), "province": form["province"],
        "phones": _phones(form.get("phones", "")),
    }  # fmt: skip


def _phones(text: str) -> list[str]:
    """One number a line; a word in brackets may say whose it is. Raises FormFault."""
    phones = [clean_line(line) for line in clean_text(text).splitlines() if line.strip()]
    for phone in phones:
        if not _PHONE.fullmatch(phone):
            raise FormFault("phone", phone=phone[:40])
    if len(phones) > PHONES:
        raise FormFault("too_many", label=word("field.phones"), most=PHONES)
    return phones


async def save_profile(console: Console, request: Request, visit: Visit) -> Response:
    """Keep what was typed; every process says it within seconds."""
    del request
    form, now = visit.form, console.now()

    def write(connection: Connection) -> bool:
        profile = read_profile(form)
        before = departments.get_department(connection, console.department_id)
        changed = sorted(name for name in FIELDS if getattr(before, name) != profile[name])
        version = read_id(form, "version") or 0
        if not departments.edit_department(connection, console.department_id, version=version, **profile):
            return False
        operations.audit(
            connection, department_id=console.department_id, action="department.edited", now=now,
            staff_member_id=visit.signed_in.id, fields=changed,
        )  # fmt: skip
        return True

    try:
        saved = await console.database.write(write)
    except FormFault as fault:
        return await _profile(console, visit, typed=Typed("ho-so", str(fault), form))
    if not saved:
        return await _profile(console, visit, typed=Typed("ho-so", word("form.stale"), form), status=409)
    return RedirectResponse(f"{PROFILE_PATH}?xong=luu", 303)


PAGES = (
    Page("GET", PROFILE_PATH, show_profile, Right.SEE_SETTINGS),
    Page("POST", PROFILE_PATH, save_profile, Right.MANAGE_DESK),
)
