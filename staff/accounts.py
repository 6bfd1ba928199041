"""Accounts and the one-time links that set their passwords, for the command line and the console."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from db.engine import Database
from db.models import StaffRole
from db.queries import operations, second_factors
from db.queries import staff as queries
from staff.passwords import hash_secret, is_secret
from staff.signing import Signer

LOGIN = re.compile(r"[a-z0-9](?:[a-z0-9._@-]{0,62}[a-z0-9])?")
LINK_LIFE = dt.timedelta(hours=24)
LINK_PATH = "/staff/lien-ket/"
FIRST_LOGIN = "quan-tri"
FIRST_NAME = "Quản trị"
LARGEST_ID = 2**31 - 1

_LINK = re.compile(r"(\d{1,9})\.([0-9a-f]{64})")


class AccountError(Exception):
    """What was asked of an account cannot be done; the message is one English sentence for the terminal."""


@dataclass(frozen=True)
class NewLink:
    """A one-time link before it is given to an account. The secret is known to its bearer only."""

    secret: str
    hash: str

    @classmethod
    def make(cls) -> NewLink:
        """A fresh one. Hashing takes a tenth of a second: not inside a transaction."""
        secret = secrets.token_hex(32)  # long enough for the log filter to recognise it as a secret
        return cls(secret, hash_secret(secret))

    def path(self, member_id: int) -> str:
        """The address on this server."""
        return f"{LINK_PATH}{member_id}.{self.secret}"


def parse_link(text: str) -> tuple[int, str] | None:
    """Member id and secret of a link's last part; None when it cannot be one."""
    match = _LINK.fullmatch(text)
    return (int(match[1]), match[2]) if match else None


def add_account(
    connection: Connection, *, department_id: int, login: str, name: str, role: StaffRole, link: NewLink,
    now: dt.datetime, expires_at: dt.datetime | None = None,
) -> str:  # fmt: skip
    """Create an account; returns the path of its link, which ends after ``LINK_LIFE`` unless told otherwise.

    Raises:
        AccountError: The login name is not usable or taken.
    """
    if not LOGIN.fullmatch(login):
        raise AccountError(
            f"«{login}» cannot be a login name; use lower-case letters a-z, digits and . _ @ - (at most 64)"
        )
    if not name.strip():
        raise AccountError("--name must say who it is")
    new = queries.NewMember(login, name.strip(), role, link.hash, expires_at or now + LINK_LIFE)
    member_id = queries.add_member(connection, new, department_id=department_id, now=now)
    if member_id is None:
        raise AccountError(f"there is an account «{login}» already; `staff reset {login}` gives it a new link")
    operations.audit(
        connection, department_id=department_id, action="staff.added", now=now, member=member_id, login=login, role=role
    )
    return link.path(member_id)


def reset_account(
    connection: Connection, *, department_id: int, login: str, link: NewLink, now: dt.datetime, by: int | None = None
) -> str:
    """Take password and second factor away, sign out everywhere and give a new link; returns the link's path.

    ``by`` is the member who asked for it; None stands for the command line.

    Raises:
        AccountError: There is no such account, or it is switched off.
    """
    member = queries.find_member(connection, department_id=department_id, login=login)
    if member is None:
        raise AccountError(f"there is no account «{login}»; `staff add {login}` creates it")
    if not member.is_active:
        raise AccountError(f"the account «{login}» is switched off")
    queries.take_away_password(connection, member.id)
    second_factors.remove_factor(connection, member.id)
    queries.give_link(connection, member.id, link_hash=link.hash, expires_at=now + LINK_LIFE)
    operations.audit(
        connection, department_id=department_id, action="staff.reset", now=now, staff_member_id=by, member=member.id,
        login=login,
    )  # fmt: skip
    return link.path(member.id)


# -- the first administrator --------------------------------------------------------------------------------------


async def offer_first_link(
    database: Database, signer: Signer, *, department_id: int, now: dt.datetime
) -> str | None:  # fmt: skip
    """The path of a link for the first administrator, who is made when there is nobody.

    None as soon as an administrator has a password. Only the account that came first is given a link: one that was
    invited later has its own. The secret follows from the installation's key and the hour the link ends, so that
    several processes that start at once print one and the same link, and a restart does not spoil the one printed
    before.
    """
    while True:
        found = await database.read(lambda c: queries.administrators(c, department_id=department_id))
        if any(member.password_hash for member in found):
            return None
        member = found[0] if found else None
        if member is None and await _is_there(database, department_id):
            return None  # switched off or given another role: on purpose
        if member is not None and member.link_hash and member.link_expires_at > now:
            secret = _first_secret(signer, member.login, member.link_expires_at)
            if await asyncio.to_thread(is_secret, secret, member.link_hash):
                return NewLink(secret, member.link_hash).path(member.id)
        path = await _give_first_link(database, signer, member, department_id=department_id, now=now)
        if path is not None:
            return path  # otherwise another process was faster: look again


async def _is_there(database: Database, department_id: int) -> bool:
    found = await database.read(lambda c: queries.find_member(c, department_id=department_id, login=FIRST_LOGIN))
    return found is not None


def _first_secret(signer: Signer, login: str, expires_at: dt.datetime) -> str:
    return signer.digest("first link", f"{login}:{int(expires_at.timestamp())}")


async def _give_first_link(
    database: Database, signer: Signer, member: Row[Any] | None, *, department_id: int, now: dt.datetime
) -> str | None:
    """A fresh link in place of the one that was seen, or with a new account; None when that is not as it was seen."""
    expires_at = (now + LINK_LIFE).replace(microsecond=0)
    login = FIRST_LOGIN if member is None else member.login
    secret = _first_secret(signer, login, expires_at)
    link = NewLink(secret, await asyncio.to_thread(hash_secret, secret))

    def write(connection: Connection) -> str | None:
        if member is None:
            try:
                return add_account(
                    connection, department_id=department_id, login=login, name=FIRST_NAME,
                    role=StaffRole.ADMINISTRATOR, link=link, now=now, expires_at=expires_at,
                )  # fmt: skip
            except AccountError:
                return None
        given = queries.replace_link(
            connection, member.id, old=member.link_hash, link_hash=link.hash, expires_at=expires_at
        )
        return link.path(member.id) if given else None

    return await database.write(write)
