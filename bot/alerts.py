"""Alerts: said once in the log and kept, open, in the database until their reason is gone."""

from __future__ import annotations

import datetime as dt

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot.metrics import ALERTS
from db.engine import Database
from db.queries import operations

log = structlog.get_logger()


class Alerts:
    """The alerts of one channel; ``details`` are codes and numbers, never people."""

    def __init__(self, database: Database, *, department_id: int, channel: str, account: str) -> None:
        self._database = database
        self._department_id = department_id
        self._channel = channel
        self._key = f"{channel}:{account}"

    async def raise_once(self, kind: str, **details: str | int | float) -> bool:
        """Open an alert unless it is open already; whether it is new. A database that is away stops nothing."""
        now = dt.datetime.now(dt.UTC)
        try:
            is_new = await self._database.write(
                lambda c: operations.raise_alert(
                    c, department_id=self._department_id, kind=kind, key=self._key, now=now, **details
                )
            )
        except (SQLAlchemyError, OSError) as error:
            log.warning("alert_not_stored", kind=kind, error=type(error).__name__)
            is_new = True
        if is_new:
            ALERTS.labels(self._channel, kind).inc()
            log.error("alert", kind=kind, channel=self._channel, **details)
        return is_new

    async def clear(self, kind: str) -> None:
        """The reason of an alert is gone."""
        now = dt.datetime.now(dt.UTC)
        try:
            cleared = await self._database.write(
                lambda c: operations.clear_alert(
                    c, department_id=self._department_id, kind=kind, key=self._key, now=now
                )
            )
        except (SQLAlchemyError, OSError) as error:
            log.warning("alert_not_cleared", kind=kind, error=type(error).__name__)
            return
        if cleared:
            log.info("alert_cleared", kind=kind, channel=self._channel)
