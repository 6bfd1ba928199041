"""Passwords and one-time secrets, hashed with argon2id off the event loop."""

from __future__ import annotations

import asyncio
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from staff.texts import word

LEAST = 10
MOST = 200
LEAST_DIFFERENT = 5
HASHES_AT_ONCE = 2  # each takes 64 MiB and a core

_hasher = PasswordHasher()


def _plain(password: str) -> str:
    """One form of what the keyboards of all systems send for the same Vietnamese letters."""
    return unicodedata.normalize("NFKC", password)


def find_fault(password: str, *, again: str, login: str) -> str | None:
    """Why a new password cannot be taken, in a sentence for its owner; None when it can."""
    plain = _plain(password)
    if len(plain) < LEAST:
        return word("password.short", least=LEAST)
    if len(plain) > MOST:
        return word("password.long", most=MOST)
    if len(set(plain)) < LEAST_DIFFERENT or login.casefold() in plain.casefold():
        return word("password.plain")
    if _plain(again) != plain:
        return word("password.differs")
    return None


class Hashing:
    """argon2id with the library's own parameters (RFC 9106, low memory), a few at a time."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(HASHES_AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, secret: str) -> str:
        """The hash to keep."""
        async with self._slots:
            return await asyncio.to_thread(_hasher.hash, _plain(secret))

    async def matches(self, secret: str, kept: str | None) -> bool:
        """Whether ``secret`` is what ``kept`` was made from.

        Takes as long for None (an account that does not exist or has no password) as for a wrong secret. A secret
        longer than any password may be is not hashed in full: its length must not cost us time.
        """
        if self._nobody is None:
            self._nobody = await self.hash("nobody's password")
        async with self._slots:
            same = await asyncio.to_thread(_verify, kept or self._nobody, _plain(secret[: 2 * MOST]))
        return same and kept is not None

    @staticmethod
    def is_outdated(kept: str) -> bool:
        """Whether the hash was made with older parameters."""
        return _hasher.check_needs_rehash(kept)


def hash_secret(secret: str) -> str:
    """``Hashing.hash`` for a command that has no event loop to spare."""
    return _hasher.hash(_plain(secret))


def is_secret(secret: str, kept: str) -> bool:
    """``Hashing.matches`` for a command that has no event loop to spare."""
    return _verify(kept, _plain(secret))


def _verify(kept: str, secret: str) -> bool:
    try:
        return _hasher.verify(kept, secret)
    except (VerificationError, InvalidHashError):
        return False
