"""A member's own account: password, second factor, where they are signed in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.queries import operations, second_factors
from db.queries import staff as queries
from staff.access import SESSION_IDLE, Console, Visit
from staff.passwords import find_fault
from staff.second_factor import REQUIRED, new_recovery_codes, recovery_hash
from staff.second_step import ACCOUNT_PATH, show_recovery_codes, try_code
from staff.sessions import (
    ENROL_PATH,
    Opened,
    account_throttle,
    address_throttle,
    blocked_sentence,
    count_attempt,
    hand_over,
    new_token,
    write_session,
)
from staff.texts import word

_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("coc_coc", "Cốc Cốc"), ("Firefox", "Firefox"), ("Chrome", "Chrome"),
             ("Safari", "Safari"))  # fmt: skip
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
            ("Mac OS X", "Mac"), ("Linux", "Linux"))  # fmt: skip


def browser_name(user_agent: str | None) -> str:
    """``Chrome, Windows``: as much of what a browser calls itself as its owner recognises."""
    found = [
        next((name for mark, name in table if mark in (user_agent or "")), None) for table in (_BROWSERS, _SYSTEMS)
    ]
    return ", ".join(name for name in found if name) or word("session.unknown")


async def show_account(console: Console, request: Request, visit: Visit) -> Response:
    """The page."""
    return await _page(console, visit, done=request.query_params.get("xong", ""))


async def _page(
    console: Console, visit: Visit, *, done: str = "", fault: str | None = None, where: str = "", status: int = 200
) -> Response:
    member, now = visit.signed_in, console.now()

    def read(connection: Connection) -> tuple[list[Row[Any]], Row[Any] | None, int]:
        sessions = queries.sessions_of(connection, member.id, now=now, idle_since=now - SESSION_IDLE)
        factor = second_factors.find_factor(connection, member.id)
        return sessions, factor, second_factors.count_recovery_codes(connection, member.id)

    sessions, factor, codes_left = await console.database.read(read)
    return await console.page(
        "account.html", visit, status=status, sessions=sessions, factor=factor, codes_left=codes_left, fault=fault,
        where=where, browser_name=browser_name, is_required=member.role in REQUIRED, path=ACCOUNT_PATH,
        enrol_path=ENROL_PATH, done=word(f"account.{done}") if done in {"password", "sessions"} else None,
    )  # fmt: skip


async def change_password(console: Console, request: Request, visit: Visit) -> Response:
    """Another password; every other browser is signed out, this one gets a new session."""
    member, form, now = visit.signed_in, visit.form, console.now()
    poor = find_fault(form.get("password", ""), again=form.get("again", ""), login=member.login)
    if poor is not None:
        return await _page(console, visit, fault=poor, where="password", status=400)
    account, address = account_throttle(console, member.login), address_throttle(console, request)
    blocked_until = await count_attempt(console, account, address)
    if blocked_until is not None:
        fault = blocked_sentence(console, blocked_until)[0]
        return await _page(console, visit, fault=fault, where="password", status=429)
    row = await console.database.read(
        lambda c: queries.find_member_by_id(c, member.id, department_id=console.department_id)
    )
    old = row.password_hash if row is not None else None
    if not await console.hashing.matches(form.get("current", ""), old) or old is None:
        return await _page(console, visit, fault=word("password.current_wrong"), where="password", status=403)
    new, token = await console.hashing.hash(form.get("password", "")), new_token()

    def write(connection: Connection) -> Opened | None:
        if not queries.set_password_hash(connection, member.id, old=old, new=new):
            return None
        queries.forgive(connection, account=account.key, address=address.key)
        queries.end_sessions_of(connection, member.id)
        operations.audit(
            connection, department_id=console.department_id, action="staff.password_changed", now=now,
            staff_member_id=member.id,
        )  # fmt: skip
        has_factor = second_factors.find_factor(connection, member.id) is not None
        return write_session(
            connection, console, request, visit, member, token=token, has_factor=has_factor, is_verified=has_factor,
            now=now,
        )  # fmt: skip

    opened = await console.database.write(write)
    if opened is None:  # changed from elsewhere in the same moment
        return await _page(console, visit, fault=word("password.current_wrong"), where="password", status=403)
    return hand_over(console, RedirectResponse(f"{ACCOUNT_PATH}?xong=password", 303), opened)


async def sign_out_elsewhere(console: Console, request: Request, visit: Visit) -> Response:
    """End every session but this one."""
    del request
    member, now = visit.signed_in, console.now()

    def write(connection: Connection) -> None:
        ended = queries.end_sessions_of(connection, member.id, but=visit.session_hash)
        operations.audit(
            connection, department_id=console.department_id, action="staff.signed_out_elsewhere", now=now,
            staff_member_id=member.id, sessions=ended,
        )  # fmt: skip

    await console.database.write(write)
    return RedirectResponse(f"{ACCOUNT_PATH}?xong=sessions", 303)


async def renew_recovery_codes(console: Console, request: Request, visit: Visit) -> Response:
    """New recovery codes in place of the old ones, for who can give a code now."""
    member, now = visit.signed_in, console.now()
    fault, status = await try_code(console, request, visit, visit.form.get("code", ""), recovery=False)
    if fault is not None:
        return await _page(console, visit, fault=fault, where="codes", status=status)
    codes = new_recovery_codes()
    hashes = [recovery_hash(console.signer, member.id, code) for code in codes]

    def write(connection: Connection) -> None:
        second_factors.replace_recovery_codes(connection, member.id, hashes, department_id=console.department_id)
        operations.audit(
            connection, department_id=console.department_id, action="staff.recovery_codes_renewed", now=now,
            staff_member_id=member.id,
        )  # fmt: skip

    await console.database.write(write)
    return await show_recovery_codes(console, visit, codes)


async def remove_second_factor(console: Console, request: Request, visit: Visit) -> Response:
    """Take the second factor off, to set it up on another device; who must have one is led there at once."""
    member, now = visit.signed_in, console.now()
    fault, status = await try_code(console, request, visit, visit.form.get("code", ""))
    if fault is not None:
        return await _page(console, visit, fault=fault, where="remove", status=status)

    def write(connection: Connection) -> None:
        second_factors.remove_factor(connection, member.id)
        queries.end_sessions_of(connection, member.id, but=visit.session_hash)
        operations.audit(
            connection, department_id=console.department_id, action="staff.second_factor_removed", now=now,
            staff_member_id=member.id,
        )  # fmt: skip

    await console.database.write(write)
    return RedirectResponse(ENROL_PATH, 303)
