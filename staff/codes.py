"""The one-time code of an account, for the command line: who has the server's key has every way in already."""

from __future__ import annotations

import datetime as dt

import pyotp
from sqlalchemy import Connection

from db.queries import operations, second_factors
from db.queries import staff as queries
from staff.access import SESSION_IDLE
from staff.accounts import AccountError
from staff.second_factor import SEAL, STEP_S, pending_secret
from staff.signing import Signer


def present_code(
    connection: Connection, signer: Signer, *, department_id: int, login: str, now: dt.datetime
) -> str:  # fmt: skip
    """The code the console asks this account for now, in a sentence for the terminal.

    While the second factor is being set up, it is that of the secret the account's newest session is offered.

    Raises:
        AccountError: There is no such account, or nothing asks it for a code.
    """
    member = queries.find_member(connection, department_id=department_id, login=login)
    if member is None:
        raise AccountError(f"there is no account «{login}»; `staff add {login}` creates it")
    factor = second_factors.find_factor(connection, member.id)
    if factor is not None:
        secret = signer.open(SEAL, factor.sealed_secret)
        if secret is None:
            raise AccountError(f"SECRET_KEY is another one than when «{login}» was set up; use `staff reset {login}`")
    else:
        sessions = queries.sessions_of(connection, member.id, now=now, idle_since=now - SESSION_IDLE)
        if not sessions:
            raise AccountError(f"«{login}» is not signed in; open the one-time link and set the password first")
        newest = max(sessions, key=lambda session: session.created_at)
        secret = pending_secret(signer, member.id, newest.token_hash)
    operations.audit(connection, department_id=department_id, action="staff.code_shown", now=now, member=member.id)
    left = STEP_S - int(now.timestamp()) % STEP_S
    return f"One-time code for {login}: {pyotp.TOTP(secret).at(now)} (good for {left} s, and half a minute more)"
