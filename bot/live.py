"""What the console changes while the service runs: the switches of the channels and the department's profile.

Every process looks once a second, so a switch works everywhere within seconds. While the database is away, what was
last known holds.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from bot.knowledge_store import profile_of
from bot.leases import LeaseKeeper
from db.engine import Database
from db.models import SwitchMode
from db.queries import channels, departments
from handlers.context import DepartmentProfile

WATCH_S = 1.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Switch:
    """How a channel is set. ``notice`` is what people are told while it is paused, since ``paused_at``."""

    mode: SwitchMode = SwitchMode.ON
    notice: str = ""
    paused_at: dt.datetime | None = None

    def has_told(self, told_at: dt.datetime | None) -> bool:
        """Whether somebody who was last told at ``told_at`` knows of this pause."""
        return told_at is not None and self.paused_at is not None and told_at >= self.paused_at


class Live:
    """The present state; one per process."""

    def __init__(self, database: Database, department: DepartmentProfile) -> None:
        self._database = database
        self.department = department
        self._switches: Mapping[str, Switch] = {}

    def switch(self, channel: str) -> Switch:
        """How a channel is set now."""
        return self._switches.get(channel, Switch())

    def is_off(self, channel: str) -> bool:
        """Whether nothing is fetched, answered or sent."""
        return self.switch(channel).mode is SwitchMode.OFF

    def off_channels(self) -> list[str]:
        """The channels that are off."""
        return [name for name in self._switches if self.is_off(name)]

    async def refresh(self) -> None:
        """Take over what the database says."""
        department_id = self.department.id

        def read(connection: Connection) -> tuple[Any, list[Any]]:
            return (
                departments.get_department(connection, department_id),
                channels.list_switches(connection, department_id=department_id),
            )

        row, rows = await self._database.read(read)
        self.department = profile_of(row)
        switches = {row.channel: Switch(SwitchMode(row.mode), row.notice or "", row.paused_at) for row in rows}
        for name in {*switches, *self._switches}:
            if (mode := switches.get(name, Switch()).mode) is not self.switch(name).mode:
                log.warning("channel_switched", channel=name, mode=mode.value)
        self._switches = switches

    async def watch(self) -> None:
        """Refresh every second."""
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                await self.refresh()
            except (SQLAlchemyError, OSError) as error:
                log.warning("live_refresh_failed", error=type(error).__name__)


class SwitchedLease(LeaseKeeper):
    """A lease that is not held while its channel is off: whoever polls or sends under it stops and waits."""

    def __init__(
        self, database: Database, name: str, owner: str, seconds: float, *, live: Live, channel: str
    ) -> None:  # fmt: skip
        super().__init__(database, name, owner, seconds)
        self._live = live
        self._channel = channel

    def still_held(self) -> bool:
        """Whether the channel is not off and the lease certainly ours."""
        return not self._live.is_off(self._channel) and super().still_held()

    async def held(self) -> bool:
        """Take or renew the lease; False while the channel is off."""
        return not self._live.is_off(self._channel) and await super().held()
