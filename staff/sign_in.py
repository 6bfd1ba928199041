"""Getting in and out: by login and password, by the one-time link, and out again."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.queries import operations, second_factors
from db.queries import staff as queries
from staff.access import HOME_PATH, SESSION_LIFE, SIGN_IN_PATH, Console, Visit, safe_return
from staff.accounts import LINK_PATH, parse_link
from staff.kept import FIELD, Kept, open_kept
from staff.passwords import find_fault
from staff.rendering import render_problem
from staff.sessions import (
    Opened,
    account_throttle,
    address_throttle,
    blocked_sentence,
    count_attempt,
    go_on,
    may_still_enter,
    member_of,
    new_token,
    write_session,
)
from staff.signing import token_hash
from staff.texts import word

LOGIN_LIMIT = 64


async def show_sign_in(console: Console, request: Request, visit: Visit) -> Response:
    """The form; whoever is signed in already goes on to where they wanted."""
    return await _form(console, visit, back=request.query_params.get("tiep", HOME_PATH))


async def _form(
    console: Console, visit: Visit, *, back: str, login: str = "", kept: Kept | None = None, fault: str | None = None,
    status: int = 200,
) -> Response:  # fmt: skip
    back, sealed = safe_return(back), kept.seal(console.signer) if kept else ""
    return await console.page(
        "sign_in.html", visit, status=status, back=back, login=login, fault=fault, kept_field=FIELD, sealed=sealed
    )


async def ask_again(console: Console, request: Request, kept: Kept) -> Response:
    """The sign-in in place of a form whose session has ended; what was typed waits in it."""
    browser = request.cookies.get(console.form_cookie) or secrets.token_urlsafe(32)
    session = request.cookies.get(console.session_cookie, "")
    visit = Visit(None, console.signer.digest("form", browser), token_hash(session))
    response = await _form(console, visit, back=HOME_PATH, kept=kept, status=403)
    console.set_cookie(response, console.form_cookie, browser, life=SESSION_LIFE)
    return response


async def sign_in(console: Console, request: Request, visit: Visit) -> Response:
    """Check login and password. The answer and its time are the same for an unknown login."""
    login = visit.form.get("login", "").strip().lower()[:LOGIN_LIMIT]
    password, back = visit.form.get("password", ""), visit.form.get("tiep", HOME_PATH)
    kept = open_kept(console.signer, visit.form.get(FIELD, ""))
    account, address = account_throttle(console, login), address_throttle(console, request)
    blocked_until = await count_attempt(console, account, address)
    if blocked_until is not None:
        return await _refuse(console, visit, blocked_until, back=back, login=login, kept=kept)
    member = await console.database.read(
        lambda c: queries.find_member(c, department_id=console.department_id, login=login)
    )
    right = await console.hashing.matches(password, member.password_hash if member and member.is_active else None)
    if not right or member is None:
        fault = word("sign_in.wrong")
        return await _form(console, visit, back=back, login=login, kept=kept, fault=fault, status=403)
    if console.hashing.is_outdated(member.password_hash):
        newer = await console.hashing.hash(password)
        await console.database.write(
            lambda c: queries.set_password_hash(c, member.id, old=member.password_hash, new=newer)
        )
    opened = await _open(console, request, visit, member, account=account.key, address=address.key)
    if opened is None:
        fault = word("sign_in.wrong")
        return await _form(console, visit, back=back, login=login, kept=kept, fault=fault, status=403)
    return await go_on(console, opened, back=back, kept=kept)


async def _refuse(
    console: Console, visit: Visit, until: dt.datetime, *, back: str = HOME_PATH, login: str = "",
    kept: Kept | None = None,
) -> Response:  # fmt: skip
    fault, seconds = blocked_sentence(console, until)
    response = await _form(console, visit, back=back, login=login, kept=kept, fault=fault, status=429)
    response.headers["Retry-After"] = str(seconds)
    return response


async def _open(
    console: Console, request: Request, visit: Visit, member: Row[Any], *, account: str, address: str
) -> Opened | None:
    """A session for who gave the password; attempts up to it are forgiven. None when it was taken away meanwhile."""
    token, now = new_token(), console.now()

    def write(connection: Connection) -> Opened | None:
        if not may_still_enter(connection, console, member.id):
            return None
        queries.forgive(connection, account=account, address=address)
        has_factor = second_factors.find_factor(connection, member.id) is not None
        return write_session(
            connection, console, request, visit, member_of(member), token=token, has_factor=has_factor,
            is_verified=False, now=now,
        )  # fmt: skip

    return await console.database.write(write)


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
    throttle = address_throttle(console, request)
    blocked_until = await count_attempt(console, throttle)
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
    account = account_throttle(console, member.login)
    opened = await _open(console, request, visit, member, account=account.key, address="")
    if opened is None:
        return render_problem("link", 404)
    return await go_on(console, opened, back=HOME_PATH, kept=None)


def _link(request: Request) -> str:
    return str(request.path_params["link"])
