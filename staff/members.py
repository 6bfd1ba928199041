"""The people of the console: list, invite, change, switch off and on again, new one-time links."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.models import StaffRole
from db.queries import desk as desk_queries
from db.queries import members as queries
from db.queries import operations
from db.queries import staff as staff_queries
from staff.access import Console, Page, Right, Visit
from staff.accounts import LARGEST_ID, LINK_LIFE, LOGIN, AccountError, NewLink, reset_account
from staff.forms import FormFault, Typed, need_line, ticked
from staff.texts import word

MEMBERS_PATH = "/staff/can-bo"
MEMBER_PATH = MEMBERS_PATH + "/{member_id:int}"
NAME_LIMIT = 160


@dataclass(frozen=True)
class People:
    """What the pages about people show."""

    rows: list[Row[Any]]
    units: list[Row[Any]]
    unit_ids: Mapping[int, list[int]]
    open_requests: Mapping[int, int]

    def units_of(self, member_id: int) -> str:
        """The names of somebody's units."""
        return ", ".join(unit.name for unit in self.units if unit.id in self.unit_ids.get(member_id, []))


@dataclass(frozen=True)
class Handed:
    """A one-time link that is shown this once, and to whom it belongs."""

    name: str
    login: str
    address: str
    hours: int = field(default=int(LINK_LIFE.total_seconds() // 3600))


def read_people(connection: Connection, *, department_id: int) -> People:
    """Everybody with their units and how much they have to do."""
    return People(
        queries.list_members(connection, department_id=department_id),
        desk_queries.list_units(connection, department_id=department_id),
        queries.units_by_member(connection, department_id=department_id),
        queries.count_open_requests(connection, department_id=department_id),
    )


async def show_members(console: Console, request: Request, visit: Visit) -> Response:
    """Everybody, and the form for somebody new."""
    return await _list(console, visit, done=request.query_params.get("xong", ""))


async def _list(
    console: Console, visit: Visit, *, typed: Typed | None = None, handed: Handed | None = None, done: str = ""
) -> Response:
    people = await console.database.read(lambda c: read_people(c, department_id=console.department_id))
    return await console.page(
        "members.html", visit, status=400 if typed else 200, people=people, typed=typed or Typed(), handed=handed,
        done=done, roles=list(StaffRole),
    )  # fmt: skip


async def show_member(console: Console, request: Request, visit: Visit) -> Response:
    """One of them, with the forms to change things."""
    return await _one(console, request, visit, done=request.query_params.get("xong", ""))


async def _one(
    console: Console, request: Request, visit: Visit, *, typed: Typed | None = None, handed: Handed | None = None,
    done: str = "",
) -> Response:  # fmt: skip
    people = await console.database.read(lambda c: read_people(c, department_id=console.department_id))
    member = next((row for row in people.rows if row.id == request.path_params["member_id"]), None)
    if member is None:
        return await console.problem("missing", visit, status=404)
    return await console.page(
        "member.html", visit, status=400 if typed else 200, member=member, people=people, typed=typed or Typed(),
        handed=handed, done=done, roles=list(StaffRole), base=f"{MEMBERS_PATH}/{member.id}",
    )  # fmt: skip


def _role(form: Mapping[str, str]) -> StaffRole:
    try:
        return StaffRole(form.get("role", ""))
    except ValueError:
        raise FormFault("choose", label=word("field.role")) from None


async def add_member(console: Console, request: Request, visit: Visit) -> Response:
    """Invite somebody; the page that answers shows the link, this once."""
    form, now = visit.form, console.now()
    link = await asyncio.to_thread(NewLink.make)

    def write(connection: Connection) -> tuple[str, str, str]:
        login = need_line(form, "login", limit=64, label=word("field.login")).lower()
        name, role = need_line(form, "name", limit=NAME_LIMIT, label=word("field.name")), _role(form)
        if not LOGIN.fullmatch(login):
            raise FormFault("login")
        new = staff_queries.NewMember(login, name, role, link.hash, now + LINK_LIFE)
        member_id = staff_queries.add_member(connection, new, department_id=console.department_id, now=now)
        if member_id is None:
            raise FormFault("login_taken", login=login)
        units = _known_units(connection, form, console.department_id)
        queries.set_units(connection, member_id, units, department_id=console.department_id)
        _audit(connection, console, visit, "staff.added", now, member=member_id, login=login, role=role, units=units)
        return name, login, link.path(member_id)

    try:
        name, login, path = await console.database.write(write)
    except FormFault as fault:
        return await _list(console, visit, typed=Typed("them", str(fault), form))
    return await _list(console, visit, handed=Handed(name, login, console.address(request, path)))


def _known_units(connection: Connection, form: Mapping[str, str], department_id: int) -> list[int]:
    known = {row.id for row in desk_queries.list_units(connection, department_id=department_id)}
    return [unit for unit in ticked(form, "unit") if unit in known]


async def change_member(console: Console, request: Request, visit: Visit) -> Response:
    """Name, role and units."""
    form, now = visit.form, console.now()

    def change(connection: Connection, member: Row[Any]) -> None:
        name, role = need_line(form, "name", limit=NAME_LIMIT, label=word("field.name")), _role(form)
        if role is not StaffRole.ADMINISTRATOR:
            _keep_an_administrator(connection, console, member)
        units = _known_units(connection, form, console.department_id)
        queries.change_member(connection, member.id, department_id=console.department_id, name=name, role=role)
        queries.set_units(connection, member.id, units, department_id=console.department_id)
        _audit(
            connection, console, visit, "staff.changed", now, member=member.id, login=member.login,
            role_before=member.role, role=role, units=units,
        )  # fmt: skip

    return await _change(console, request, visit, "luu", change)


async def switch_off(console: Console, request: Request, visit: Visit) -> Response:
    """Nobody signs in with this account any more; what they did stays theirs."""
    now = console.now()

    def change(connection: Connection, member: Row[Any]) -> None:
        _keep_an_administrator(connection, console, member)
        queries.change_member(connection, member.id, department_id=console.department_id, is_active=False)
        _audit(connection, console, visit, "staff.switched_off", now, member=member.id, login=member.login)

    return await _change(console, request, visit, "khoa", change)


async def switch_on(console: Console, request: Request, visit: Visit) -> Response:
    """The account may be used again, with the password it had."""
    now = console.now()

    def change(connection: Connection, member: Row[Any]) -> None:
        queries.change_member(connection, member.id, department_id=console.department_id, is_active=True)
        _audit(connection, console, visit, "staff.switched_on", now, member=member.id, login=member.login)

    return await _change(console, request, visit, "mo", change)


def _keep_an_administrator(connection: Connection, console: Console, member: Row[Any]) -> None:
    """Raises FormFault if ``member`` is the only one who can administer."""
    able = queries.lock_administrators(connection, department_id=console.department_id)
    if able == [member.id]:
        raise FormFault("last_administrator")


async def _change(console: Console, request: Request, visit: Visit, slug: str, change: Any) -> Response:
    member_id = int(request.path_params["member_id"])

    def write(connection: Connection) -> bool:
        member = None
        if member_id <= LARGEST_ID:
            member = staff_queries.find_member_by_id(connection, member_id, department_id=console.department_id)
        if member is not None:
            change(connection, member)
        return member is not None

    try:
        found = await console.database.write(write)
    except FormFault as fault:
        return await _one(console, request, visit, typed=Typed(slug, str(fault), visit.form))
    if not found:
        return await console.problem("missing", visit, status=404)
    return RedirectResponse(f"{MEMBERS_PATH}/{member_id}?xong={slug}", 303)


async def give_link(console: Console, request: Request, visit: Visit) -> Response:
    """A new one-time link: the old password and every open session of the account stop working."""
    member_id, now = int(request.path_params["member_id"]), console.now()
    link = await asyncio.to_thread(NewLink.make)

    def write(connection: Connection) -> Handed | None:
        member = None
        if member_id <= LARGEST_ID:
            member = staff_queries.find_member_by_id(connection, member_id, department_id=console.department_id)
        if member is None:
            return None
        _keep_an_administrator(connection, console, member)
        path = reset_account(
            connection, department_id=console.department_id, login=member.login, link=link, now=now,
            by=visit.signed_in.id,
        )  # fmt: skip
        return Handed(member.name, member.login, console.address(request, path))

    try:
        handed = await console.database.write(write)
    except FormFault as fault:
        return await _one(console, request, visit, typed=Typed("lien-ket", str(fault), visit.form))
    except AccountError:
        return await _one(console, request, visit, typed=Typed("lien-ket", word("form.switched_off"), visit.form))
    if handed is None:
        return await console.problem("missing", visit, status=404)
    return await _one(console, request, visit, handed=handed)


def _audit(
    connection: Connection, console: Console, visit: Visit, action: str, now: dt.datetime, **details: Any
) -> None:
    operations.audit(
        connection, department_id=console.department_id, action=action, now=now,
        staff_member_id=visit.signed_in.id, **details,
    )  # fmt: skip


PAGES = (
    Page("GET", MEMBERS_PATH, show_members, Right.SEE_SETTINGS),
    Page("POST", MEMBERS_PATH, add_member, Right.MANAGE_STAFF),
    Page("GET", MEMBER_PATH, show_member, Right.SEE_SETTINGS),
    Page("POST", MEMBER_PATH + "/luu", change_member, Right.MANAGE_STAFF),
    Page("POST", MEMBER_PATH + "/khoa", switch_off, Right.MANAGE_STAFF),
    Page("POST", MEMBER_PATH + "/mo", switch_on, Right.MANAGE_STAFF),
    Page("POST", MEMBER_PATH + "/lien-ket", give_link, Right.MANAGE_STAFF),
)
