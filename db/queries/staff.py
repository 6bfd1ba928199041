"""Staff members, their one-time links and sessions, and how often signing in failed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from db.models import SignInThrottle, StaffMember, StaffRole, StaffSecondFactor, StaffSession
from db.queries.conversations import insert_new

# -- members ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NewMember:
    """A staff member on the way in; the link that sets the password comes with the account."""

    login: str
    name: str
    role: StaffRole
    link_hash: str
    link_expires_at: dt.datetime


def add_member(connection: Connection, new: NewMember, *, department_id: int, now: dt.datetime) -> int | None:
    """Create an account without password; its id, or None when the login is taken."""
    statement = insert_new(connection, StaffMember).values(
        department_id=department_id, login=new.login, name=new.name, role=new.role, link_hash=new.link_hash,
        link_expires_at=new.link_expires_at, is_active=True, created_at=now,
    )  # fmt: skip
    if connection.execute(statement).rowcount != 1:
        return None
    return int(connection.execute(select(StaffMember.id).where(StaffMember.login == new.login)).scalar_one())


def find_member(connection: Connection, *, department_id: int, login: str) -> Row[Any] | None:
    """A member by login name."""
    statement = select(StaffMember.__table__).where(
        StaffMember.department_id == department_id, StaffMember.login == login
    )
    return connection.execute(statement).first()


def find_member_by_id(connection: Connection, member_id: int, *, department_id: int) -> Row[Any] | None:
    """A member by id."""
    statement = select(StaffMember.__table__).where(
        StaffMember.department_id == department_id, StaffMember.id == member_id
    )
    return connection.execute(statement).first()


def lock_member(connection: Connection, member_id: int, *, department_id: int) -> Row[Any] | None:
    """The same, as it is now: whoever is changing the account at this moment is waited for."""
    statement = select(StaffMember.__table__).where(
        StaffMember.department_id == department_id, StaffMember.id == member_id
    )
    return connection.execute(statement.with_for_update()).first()


def administrators(connection: Connection, *, department_id: int) -> Sequence[Row[Any]]:
    """The active administrators, first come first."""
    statement = (
        select(StaffMember.__table__)
        .where(
            StaffMember.department_id == department_id, StaffMember.role == StaffRole.ADMINISTRATOR,
            StaffMember.is_active.is_(True),
        )
        .order_by(StaffMember.id)
    )  # fmt: skip
    return connection.execute(statement).all()


def give_link(connection: Connection, member_id: int, *, link_hash: str, expires_at: dt.datetime) -> None:
    """Replace a member's one-time link."""
    connection.execute(
        update(StaffMember).where(StaffMember.id == member_id).values(link_hash=link_hash, link_expires_at=expires_at)
    )


def replace_link(
    connection: Connection, member_id: int, *, old: str | None, link_hash: str, expires_at: dt.datetime
) -> bool:
    """Put a one-time link in place of ``old``, for who has no password yet; False when that changed meanwhile."""
    statement = (
        update(StaffMember)
        .where(
            StaffMember.id == member_id, StaffMember.link_hash.is_not_distinct_from(old),
            StaffMember.password_hash.is_(None),
        )
        .values(link_hash=link_hash, link_expires_at=expires_at)
    )  # fmt: skip
    return connection.execute(statement).rowcount == 1


def take_away_password(connection: Connection, member_id: int) -> None:
    """Recover an account: the old password and every signed-in browser stop working."""
    connection.execute(update(StaffMember).where(StaffMember.id == member_id).values(password_hash=None))
    end_sessions_of(connection, member_id)


def use_link(
    connection: Connection, member_id: int, *, link_hash: str, password_hash: str, now: dt.datetime
) -> bool:  # fmt: skip
    """Trade a one-time link for a password; False when the link was used, replaced or has expired meanwhile.

    Whoever was signed in as this member is signed out.
    """
    statement = (
        update(StaffMember)
        .where(
            StaffMember.id == member_id, StaffMember.link_hash == link_hash, StaffMember.link_expires_at > now,
            StaffMember.is_active.is_(True),
        )
        .values(link_hash=None, link_expires_at=None, password_hash=password_hash)
    )  # fmt: skip
    if connection.execute(statement).rowcount != 1:
        return False
    end_sessions_of(connection, member_id)
    return True


def set_password_hash(connection: Connection, member_id: int, *, old: str, new: str) -> bool:
    """Put another hash in place of ``old``; False when that was changed meanwhile."""
    statement = (
        update(StaffMember)
        .where(StaffMember.id == member_id, StaffMember.password_hash == old)
        .values(password_hash=new)
    )
    return connection.execute(statement).rowcount == 1


# -- sessions -----------------------------------------------------------------------------------------------------


def open_session(
    connection: Connection, *, department_id: int, member_id: int, token_hash: str, expires_at: dt.datetime,
    now: dt.datetime, is_verified: bool, user_agent: str | None = None,
) -> None:  # fmt: skip
    """Begin a session; expired ones of everybody are cleared away on the occasion."""
    connection.execute(delete(StaffSession).where(StaffSession.expires_at < now))
    connection.execute(
        insert(StaffSession).values(
            token_hash=token_hash, department_id=department_id, staff_member_id=member_id, created_at=now,
            last_seen_at=now, expires_at=expires_at, is_verified=is_verified, user_agent=user_agent,
        )
    )  # fmt: skip
    connection.execute(update(StaffMember).where(StaffMember.id == member_id).values(last_signed_in_at=now))


def find_session(
    connection: Connection, token_hash: str, *, department_id: int, now: dt.datetime, idle_since: dt.datetime
) -> Row[Any] | None:
    """The session with its member's id, login, name and role; None when it ended or its member may not sign in.

    Beside them ``is_verified`` and ``has_factor``: whether the second factor was given, and whether there is one.
    """
    statement: Any = (
        select(
            StaffSession.token_hash, StaffSession.last_seen_at, StaffSession.is_verified,
            StaffMember.id.label("member_id"), StaffMember.login, StaffMember.name, StaffMember.role,
            StaffSecondFactor.staff_member_id.is_not(None).label("has_factor"),
        )
        .join(StaffMember, StaffMember.id == StaffSession.staff_member_id)
        .outerjoin(StaffSecondFactor, StaffSecondFactor.staff_member_id == StaffSession.staff_member_id)
        .where(
            StaffSession.token_hash == token_hash, StaffSession.department_id == department_id,
            StaffSession.expires_at > now, StaffSession.last_seen_at > idle_since, StaffMember.is_active.is_(True),
        )
    )  # fmt: skip
    return connection.execute(statement).first()


def owner_of_session(connection: Connection, token_hash: str, *, department_id: int) -> int | None:
    """Whose session this is or was; None when its row is gone."""
    statement = select(StaffSession.staff_member_id).where(
        StaffSession.token_hash == token_hash, StaffSession.department_id == department_id
    )
    return connection.execute(statement).scalar()


def sessions_of(
    connection: Connection, member_id: int, *, now: dt.datetime, idle_since: dt.datetime
) -> list[Row[Any]]:  # fmt: skip
    """Where a member is signed in, the last used first."""
    statement = (
        select(StaffSession.__table__)
        .where(
            StaffSession.staff_member_id == member_id, StaffSession.expires_at > now,
            StaffSession.last_seen_at > idle_since,
        )
        .order_by(StaffSession.last_seen_at.desc())
    )  # fmt: skip
    return list(connection.execute(statement))


def touch_session(connection: Connection, token_hash: str, *, now: dt.datetime) -> None:
    """The session is in use."""
    connection.execute(update(StaffSession).where(StaffSession.token_hash == token_hash).values(last_seen_at=now))


def end_session(connection: Connection, token_hash: str) -> None:
    """Sign one browser out."""
    connection.execute(delete(StaffSession).where(StaffSession.token_hash == token_hash))


def end_sessions_of(connection: Connection, member_id: int, *, but: str | None = None) -> int:
    """Sign a member out everywhere, but in the session with the token hash ``but``; returns how many ended."""
    where = [StaffSession.staff_member_id == member_id]
    if but is not None:
        where.append(StaffSession.token_hash != but)
    return connection.execute(delete(StaffSession).where(*where)).rowcount


# -- lock-out -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Throttle:
    """What one key may try: ``free`` attempts, then one after each wait; the waits double from the first one."""

    key: str
    free: int
    first_wait_s: float = 30.0
    longest_wait_s: float = 900.0

    def wait_s(self, attempts: int) -> float:
        """Seconds to wait after this many attempts."""
        over = attempts - self.free
        return 0.0 if over < 0 else min(self.longest_wait_s, self.first_wait_s * 2.0 ** min(over, 30))


FORGET_AFTER = dt.timedelta(hours=24)


def count_attempt(connection: Connection, throttles: Sequence[Throttle], *, now: dt.datetime) -> dt.datetime | None:
    """Count one attempt before it is judged, so that many at once cannot outrun the counter.

    Returns None when it may go ahead, or until when one of the keys is blocked; then nothing is counted.
    """
    connection.execute(delete(SignInThrottle).where(SignInThrottle.updated_at < now - FORGET_AFTER))
    for throttle in sorted(throttles, key=lambda item: item.key):  # one order for all, or two writers wait forever
        connection.execute(insert_new(connection, SignInThrottle).values(key=throttle.key, attempts=0, updated_at=now))
    keys = [throttle.key for throttle in throttles]
    statement = (
        select(SignInThrottle.key, SignInThrottle.attempts, SignInThrottle.blocked_until)
        .where(SignInThrottle.key.in_(keys))
        .order_by(SignInThrottle.key)
        .with_for_update()
    )
    rows = {row.key: row for row in connection.execute(statement)}
    blocked: list[dt.datetime] = [
        row.blocked_until for row in rows.values() if row.blocked_until and row.blocked_until > now
    ]
    if blocked:
        return max(blocked)
    for throttle in throttles:
        attempts = rows[throttle.key].attempts + 1
        wait_s = throttle.wait_s(attempts)
        connection.execute(
            update(SignInThrottle)
            .where(SignInThrottle.key == throttle.key)
            .values(
                attempts=attempts, updated_at=now, blocked_until=now + dt.timedelta(seconds=wait_s) if wait_s else None
            )
        )
    return None


def forgive(connection: Connection, *, account: str, address: str) -> None:
    """After a sign-in that succeeded: the account starts afresh, the address gets this one attempt back."""
    connection.execute(delete(SignInThrottle).where(SignInThrottle.key == account))
    connection.execute(
        update(SignInThrottle)
        .where(SignInThrottle.key == address, SignInThrottle.attempts > 0)
        .values(attempts=SignInThrottle.attempts - 1, blocked_until=None)
    )
