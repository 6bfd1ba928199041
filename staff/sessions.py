"""Opening sessions, and where their owner goes next; the counters that slow down guessing."""

from __future__ import annotations

import datetime as dt
import math
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.models import StaffRole
from db.queries import operations
from db.queries import staff as queries
from staff.access import COOKIE_LIFE, SESSION_LIFE, STEP_PATHS, Console, Member, Visit, landing, safe_return
from staff.kept import FIELD, Kept
from staff.second_factor import Step, missing_step
from staff.signing import token_hash
from staff.texts import word

CODE_PATH, ENROL_PATH = STEP_PATHS[Step.CODE], STEP_PATHS[Step.ENROL]
ACCOUNT_FREE = 5
ADDRESS_FREE = 20  # an office shares one address
HALF_LIFE = dt.timedelta(minutes=15)  # to find the phone
AGENT_LIMIT = 200


def member_of(row: Any) -> Member:
    """The member of a row of ``staff_members``."""
    return Member(row.id, row.login, row.name, StaffRole(row.role))


# -- guessing -----------------------------------------------------------------------------------------------------


def account_throttle(console: Console, login: str, *, what: str = "account") -> queries.Throttle:
    """What a login name may try: passwords, or with ``what="code"`` one-time codes.

    The two are counted apart: a right password must not give anybody new guesses at the code.
    """
    return queries.Throttle(console.signer.digest(f"throttle {what}", login), ACCOUNT_FREE)


def address_throttle(console: Console, request: Request) -> queries.Throttle:
    """What a network address may try."""
    return queries.Throttle(console.signer.digest("throttle address", console.address_of(request)), ADDRESS_FREE)


async def count_attempt(console: Console, *throttles: queries.Throttle) -> dt.datetime | None:
    """Count an attempt; until when it is blocked, or None when it may go ahead."""
    return await console.database.write(lambda c: queries.count_attempt(c, throttles, now=console.now()))


def blocked_sentence(console: Console, until: dt.datetime) -> tuple[str, int]:
    """How long to wait, in words and in seconds."""
    seconds = max(1, math.ceil((until - console.now()).total_seconds()))
    unit, count = ("minutes", math.ceil(seconds / 60)) if seconds > 90 else ("seconds", seconds)
    return word("sign_in.blocked", wait=word(f"sign_in.{unit}", count=count)), seconds


# -- sessions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Opened:
    """A session that was just opened: its token, for the cookie only, and what it still has to do."""

    member: Member
    token: str
    step: Step | None

    def visit(self, console: Console) -> Visit:
        """The first visit in it, whose page the same response may show."""
        return Visit(self.member, console.signer.digest("form", self.token), token_hash(self.token), step=self.step)


def may_still_enter(connection: Connection, console: Console, member_id: int) -> bool:
    """Whether the account is in use and has a password now: it may have been reset while a password was judged.

    Until the end of the transaction nobody resets it, so that a reset afterwards ends the session opened in it too.
    """
    row = queries.lock_member(connection, member_id, department_id=console.department_id)
    return row is not None and row.is_active and row.password_hash is not None


def write_session(
    connection: Connection, console: Console, request: Request, visit: Visit, member: Member, *, token: str,
    has_factor: bool, is_verified: bool, now: dt.datetime,
) -> Opened:  # fmt: skip
    """A session under ``token``, a fresh one; the one this browser had before ends. Half open, it lives shortly."""
    step = missing_step(member.role, has_factor=has_factor, is_verified=is_verified)
    if visit.session_hash is not None:
        queries.end_session(connection, visit.session_hash)
    queries.open_session(
        connection, department_id=console.department_id, member_id=member.id, token_hash=token_hash(token),
        expires_at=now + (SESSION_LIFE if step is None else HALF_LIFE), now=now, is_verified=is_verified,
        user_agent=request.headers.get("user-agent", "")[:AGENT_LIMIT] or None,
    )  # fmt: skip
    if step is None:
        operations.audit(
            connection, department_id=console.department_id, action="staff.signed_in", now=now,
            staff_member_id=member.id,
        )  # fmt: skip
    return Opened(member, token, step)


def new_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def hand_over(console: Console, response: Response, opened: Opened) -> Response:
    """Give the browser its new session."""
    console.set_cookie(response, console.session_cookie, opened.token, life=COOKIE_LIFE)
    console.drop_cookie(response, console.form_cookie)
    return response


async def go_on(console: Console, opened: Opened, *, back: str, kept: Kept | None) -> Response:
    """What follows a sign-in: the next step, the form that was interrupted, or the page that was wanted."""
    back = safe_return(back)
    if opened.step is Step.ENROL:
        return hand_over(console, RedirectResponse(ENROL_PATH, 303), opened)
    if kept is not None and not kept.is_for(opened.member.id):
        kept = None
    if opened.step is Step.CODE:
        if kept is None:
            return hand_over(console, RedirectResponse(f"{CODE_PATH}?tiep={quote(back, safe='')}", 303), opened)
        page = await show_code_form(console, opened.visit(console), back=back, kept=kept)
        return hand_over(console, page, opened)
    if kept is None:
        return hand_over(console, RedirectResponse(landing(opened.member, back), 303), opened)
    page = await console.page("kept.html", opened.visit(console), kept=kept, is_old=False)
    return hand_over(console, page, opened)


async def show_code_form(
    console: Console, visit: Visit, *, back: str, kept: Kept | None = None, fault: str | None = None, status: int = 200
) -> Response:
    """The form that asks for the one-time code."""
    sealed = kept.seal(console.signer) if kept else ""
    return await console.page(
        "code.html", visit, status=status, back=back, fault=fault, kept_field=FIELD, sealed=sealed, path=CODE_PATH
    )
