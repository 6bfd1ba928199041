"""Getting in and out: by login and password, by the one-time link, and out again."""

from __future__ import annotations

import datetime as dt
import math
import secrets
from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.queries import operations
from db.queries import staff as queries
from staff.access import HOME_PATH, SESSION_LIFE, SIGN_IN_PATH, Console, Visit, safe_return
from staff.accounts import LINK_PATH, parse_link
from staff.passwords import find_fault
from staff.rendering import render_problem
from staff.signing import token_hash
from staff.texts import word

ACCOUNT_FREE = 5
ADDRESS_FREE = 20  # an office shares one address
LOGIN_LIMIT = 64


async def show_sign_in(console: Console, request: Request, visit: Visit) -> Response:
    """The form; whoever is signed in already goes on to where they wanted."""
    return await _form(console, visit, back=request.query_params.get("tiep", HOME_PATH))


async def _form(
    console: Console, visit: Visit, *, back: str, login: str = "", fault: str | None = None, status: int = 200
) -> Response:
    back = safe_return(back)
    return await console.page("sign_in.html", visit, status=status, back=back, login=login, fault=fault)


async def sign_in(console: Console, request: Request, visit: Visit) -> Response:
    """Check login and password. The answer and its time are the same for an unknown login."""
    login = visit.form.get("login", "").strip().lower()[:LOGIN_LIMIT]
    password, back = visit.form.get("password", ""), visit.form.get("tiep", HOME_PATH)
    account, address = _throttles(console, request, login)
    blocked_until = await console.database.write(
        lambda c: queries.count_attempt(c, (account, address), now=console.now())
    )
    if blocked_until is not None:
        return await _refuse(console, visit, blocked_until, back=back, login=login)
    member = await console.database.read(
        lambda c: queries.find_member(c, department_id=console.department_id, login=login)
    )
    right = await console.hashing.matches(password, member.password_hash if member and member.is_active else None)
    if not right or member is None:
        fault = word("sign_in.wrong")
        return await _form(console, visit, back=back, login=login, fault=fault, status=403)
    if console.hashing.is_outdated(member.password_hash):
        newer = await console.hashing.hash(password)
        await console.database.write(
            lambda c: queries.set_password_hash(c, member.id, old=member.password_hash, new=newer)
        )
    response = RedirectResponse(safe_return(back), 303)
    await _open_session(console, response, member.id, visit, account=account.key, address=address.key)
    return response


def _throttles(console: Console, request: Request, login: str) -> tuple[queries.Throttle, queries.Throttle]:
    digest = console.signer.digest
    return (
        queries.Throttle(digest("throttle account", login), ACCOUNT_FREE),
        _address_throttle(console, request),
    )


def _address_throttle(console: Console, request: Request) -> queries.Throttle:
    return queries.Throttle(console.signer.digest("throttle address", console.address_of(request)), ADDRESS_FREE)


async def _refuse(
    console: Console, visit: Visit, until: dt.datetime, *, back: str = HOME_PATH, login: str = ""
) -> Response:
    seconds = max(1, math.ceil((until - console.now()).total_seconds()))
    unit, count = ("minutes", math.ceil(seconds / 60)) if seconds > 90 else ("seconds", seconds)
    fault = word("sign_in.blocked", wait=word(f"sign_in.{unit}", count=count))
    response = await _form(console, visit, back=back, login=login, fault=fault, status=429)
    response.headers["Retry-After"] = str(seconds)
    return response


async def _open_session(
    console: Console, response: Response, member_id: int, visit: Visit, *, account: str, address: str
) -> None:
    """A new session under a new token; the one this browser had before ends."""
    token, now = secrets.token_urlsafe(32), console.now()

    def write(connection: Connection) -> None:
        if visit.session_hash is not None:
            queries.end_session(connection, visit.session_hash)
        queries.open_session(
            connection, department_id=console.department_id, member_id=member_id, token_hash=token_hash(token),
            expires_at=now + SESSION_LIFE, now=now,
        )  # fmt: skip
        queries.forgive(connection, account=account, address=address)
        operations.audit(
            connection, department_id=console.department_id, action="staff.signed_in", now=now,
            staff_member_id=member_id,
        )  # fmt: skip

    await console.database.write(write)
    console.set_cookie(response, console.session_cookie, token, life=SESSION_LIFE)
    console.drop_cookie(response, console.form_cookie)


async def sign_out(console: Console, request: Request, visit: Visit) -> Response:
    """End the session here and in the database."""
    del request
    session_hash = visit.session_hash
    assert session_hash is not None
    await console.database.write(lambda c: queries.end_session(c, session_hash))
    response = RedirectResponse(SIGN_IN_PATH, 303)
    console.drop_cookie(response, console.session_cookie)
    return response


# -- the one-time link --------------------------------------------------------------------------------------------


async def _member_of_link(console: Console, request: Request) -> Row[Any] | None:
    """The account whose unused link this is. An unknown account takes as long as a wrong secret."""
    parsed = parse_link(request.path_params["link"])
    if parsed is None:
        return None
    member = await console.database.read(
        lambda c: queries.find_member_by_id(c, parsed[0], department_id=console.department_id)
    )
    usable = (
        member is not None and member.is_active and member.link_expires_at and member.link_expires_at > console.now()
    )
    right = await console.hashing.matches(parsed[1], member.link_hash if member and usable else None)
    return member if right else None


async def _enter_link(console: Console, request: Request, visit: Visit) -> tuple[Row[Any] | None, Response | None]:
    """The member, or the refusal: checking a link costs as much as a password and is counted like one."""
    throttle = _address_throttle(console, request)
    blocked_until = await console.database.write(lambda c: queries.count_attempt(c, (throttle,), now=console.now()))
    if blocked_until is not None:
        return None, await _refuse(console, visit, blocked_until)
    member = await _member_of_link(console, request)
    if member is None:
        return None, render_problem("link", 404)
    await console.database.write(lambda c: queries.forgive(c, account="", address=throttle.key))
    return member, None


async def show_link(console: Console, request: Request, visit: Visit) -> Response:
    """The form that sets the password. Looking uses nothing up: messengers fetch links to preview them."""
    member, refusal = await _enter_link(console, request, visit)
    if member is None:
        assert refusal is not None
        return refusal
    return await console.page("link.html", visit, member=member, action=LINK_PATH + _link(request), fault=None)


async def use_link(console: Console, request: Request, visit: Visit) -> Response:
    """Set the password, use the link up, sign in."""
    member, refusal = await _enter_link(console, request, visit)
    if member is None:
        assert refusal is not None
        return refusal
    password = visit.form.get("password", "")
    fault = find_fault(password, again=visit.form.get("again", ""), login=member.login)
    if fault is not None:
        action = LINK_PATH + _link(request)
        return await console.page("link.html", visit, status=400, member=member, action=action, fault=fault)
    password_hash, now = await console.hashing.hash(password), console.now()

    def write(connection: Connection) -> bool:
        used = queries.use_link(connection, member.id, link_hash=member.link_hash, password_hash=password_hash, now=now)
        if used:
            operations.audit(
                connection, department_id=console.department_id, action="staff.password_set", now=now,
                staff_member_id=member.id,
            )  # fmt: skip
        return used

    if not await console.database.write(write):
        return render_problem("link", 404)
    response = RedirectResponse(HOME_PATH, 303)
    account, _ = _throttles(console, request, member.login)
    await _open_session(console, response, member.id, visit, account=account.key, address="")
    return response


def _link(request: Request) -> str:
    return str(request.path_params["link"])
