"""The second step of a sign-in: giving the one-time code, and setting it up."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.queries import operations, second_factors
from db.queries import staff as queries
from staff.access import HOME_PATH, SIGN_IN_PATH, Console, Visit, landing, safe_return
from staff.kept import FIELD, open_kept
from staff.second_factor import (
    SEAL,
    Step,
    is_recovery_code,
    matching_step,
    new_recovery_codes,
    pending_secret,
    picture,
    provisioning_uri,
    recovery_hash,
)
from staff.sessions import (
    ENROL_PATH,
    Opened,
    account_throttle,
    address_throttle,
    blocked_sentence,
    count_attempt,
    go_on,
    hand_over,
    may_still_enter,
    new_token,
    show_code_form,
    write_session,
)
from staff.texts import word

ACCOUNT_PATH = "/staff/tai-khoan"


async def show_code(console: Console, request: Request, visit: Visit) -> Response:
    """The form for the one-time code, for who gave the password and has yet to give it."""
    back = safe_return(request.query_params.get("tiep", HOME_PATH))
    if visit.step is not Step.CODE:
        return RedirectResponse(landing(visit.signed_in, back), 303)
    return await show_code_form(console, visit, back=back)


async def check_code(console: Console, request: Request, visit: Visit) -> Response:
    """Take the one-time code, or a recovery code, and open the console under a new session."""
    back = safe_return(visit.form.get("tiep", HOME_PATH))
    if visit.step is not Step.CODE:
        return RedirectResponse(landing(visit.signed_in, back), 303)
    kept = open_kept(console.signer, visit.form.get(FIELD, ""))
    fault, status = await try_code(console, request, visit, visit.form.get("code", ""))
    response: Response
    if fault is not None:
        response = await show_code_form(console, visit, back=back, kept=kept, fault=fault, status=status)
    elif (opened := await _verified(console, request, visit)) is None:
        response = RedirectResponse(SIGN_IN_PATH, 303)
    else:
        response = await go_on(console, opened, back=back, kept=kept)
    return response


async def try_code(
    console: Console, request: Request, visit: Visit, code: str, *, recovery: bool = True
) -> tuple[str | None, int]:
    """Judge a code and use it up: (None, 200), or why it was not taken and the status of the response.

    Attempts are counted before they are judged, apart from those at the password, with the same waits.
    """
    member, now = visit.signed_in, console.now()
    account, address = account_throttle(console, member.login, what="code"), address_throttle(console, request)
    blocked_until = await count_attempt(console, account, address)
    if blocked_until is not None:
        return blocked_sentence(console, blocked_until)[0], 429

    def write(connection: Connection) -> bool:
        factor = second_factors.find_factor(connection, member.id)
        if factor is None:
            return False
        taken = _take(connection, console, factor, code, recovery=recovery)
        if taken is not None:
            queries.forgive(connection, account=account.key, address=address.key)
            operations.audit(
                connection, department_id=console.department_id, action=f"staff.{taken}", now=now,
                staff_member_id=member.id,
            )  # fmt: skip
        return taken is not None

    if await console.database.write(write):
        return None, 200
    return word("code.wrong"), 403


def _take(connection: Connection, console: Console, factor: Row[Any], code: str, *, recovery: bool) -> str | None:
    """Use a code up; which kind it was, or None."""
    now, member_id = console.now(), factor.staff_member_id
    secret = console.signer.open(SEAL, factor.sealed_secret)
    step = matching_step(secret, code, now=now) if secret is not None else None
    if step is not None and second_factors.use_step(connection, member_id, step=step):
        return "code_given"
    if recovery and is_recovery_code(code):
        hashed = recovery_hash(console.signer, member_id, code)
        if second_factors.use_recovery_code(connection, member_id, hashed, now=now):
            return "recovery_code_used"
    return None


async def _verified(console: Console, request: Request, visit: Visit) -> Opened | None:
    """A session of full right in place of the half open one; None when the account was taken away meanwhile."""
    token, now, member = new_token(), console.now(), visit.signed_in

    def write(connection: Connection) -> Opened | None:
        if not may_still_enter(connection, console, member.id):
            return None
        return write_session(
            connection, console, request, visit, member, token=token, has_factor=True, is_verified=True, now=now
        )

    return await console.database.write(write)


# -- setting it up ------------------------------------------------------------------------------------------------


async def show_enrol(console: Console, request: Request, visit: Visit) -> Response:
    """The picture for the app; whoever has a second factor goes to their account."""
    del request
    if await _factor(console, visit) is not None:
        return RedirectResponse(ACCOUNT_PATH, 303)
    return await _enrol_form(console, visit)


async def _factor(console: Console, visit: Visit) -> Row[Any] | None:
    return await console.database.read(lambda c: second_factors.find_factor(c, visit.signed_in.id))


def _pending(console: Console, visit: Visit) -> str:
    return pending_secret(console.signer, visit.signed_in.id, visit.session_hash or "")


async def _enrol_form(console: Console, visit: Visit, *, fault: str | None = None, status: int = 200) -> Response:
    secret, login = _pending(console, visit), visit.signed_in.login
    uri = provisioning_uri(secret, login=login, issuer=word("enrol.issuer", department=await console.department()))
    spelled = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return await console.page(
        "enrol.html", visit, status=status, picture=picture(uri), uri=uri, spelled=spelled, fault=fault, path=ENROL_PATH
    )


async def enrol(console: Console, request: Request, visit: Visit) -> Response:
    """Keep the secret once a code proves that the app has it; show the recovery codes, this once."""
    if await _factor(console, visit) is not None:
        return RedirectResponse(ACCOUNT_PATH, 303)
    secret, now, member = _pending(console, visit), console.now(), visit.signed_in
    step = matching_step(secret, visit.form.get("code", ""), now=now)
    if step is None:
        return await _enrol_form(console, visit, fault=word("code.wrong"), status=403)
    sealed, codes, token = console.signer.seal(SEAL, secret), new_recovery_codes(), new_token()
    hashes = [recovery_hash(console.signer, member.id, code) for code in codes]

    def write(connection: Connection) -> Opened | None:
        if not may_still_enter(connection, console, member.id):
            return None
        added = second_factors.add_factor(
            connection, member.id, department_id=console.department_id, sealed_secret=sealed, last_step=step, now=now
        )
        if not added:
            return None
        second_factors.replace_recovery_codes(connection, member.id, hashes, department_id=console.department_id)
        operations.audit(
            connection, department_id=console.department_id, action="staff.second_factor_set", now=now,
            staff_member_id=member.id,
        )  # fmt: skip
        return write_session(
            connection, console, request, visit, member, token=token, has_factor=True, is_verified=True, now=now
        )

    opened = await console.database.write(write)
    if opened is None:
        return RedirectResponse(ACCOUNT_PATH, 303)
    return hand_over(console, await show_recovery_codes(console, opened.visit(console), codes), opened)


async def show_recovery_codes(console: Console, visit: Visit, codes: list[str]) -> Response:
    """The only time they can be seen."""
    return await console.page("recovery_codes.html", visit, codes=codes)
