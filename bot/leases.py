"""Something only one process does at a time, kept alive while that process lives."""

from __future__ import annotations

import datetime as dt
import time

from db.engine import Database
from db.queries import operations


class LeaseKeeper:
    """Holds one named lease, renewed at a third of its life; asks the database no more often than that."""

    def __init__(self, database: Database, name: str, owner: str, seconds: float) -> None:
        self._database = database
        self._name = name
        self._owner = owner
        self._seconds = seconds
        self._held_until = 0.0
        self._ask_again_at = 0.0

    def still_held(self) -> bool:
        """Whether the lease is certainly ours at this moment."""
        return time.monotonic() < self._held_until

    async def held(self) -> bool:
        """Take or renew the lease when it is time to; whether it is ours."""
        now = time.monotonic()
        if now < self._ask_again_at:
            return self.still_held()
        taken = await self._database.write(
            lambda c: operations.take_lease(
                c, self._name, owner=self._owner, now=dt.datetime.now(dt.UTC), seconds=self._seconds
            )
        )
        # counted from before the question, so that ours always ends before the row's
        self._held_until = now + self._seconds if taken else 0.0
        self._ask_again_at = now + (self._seconds / 3 if taken else min(1.0, self._seconds / 3))
        return taken
