"""Start, supervise and stop the long-running tasks."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from db.engine import Database
from db.queries import conversations, operations

log = structlog.get_logger()

RESTART_S = 1.0
JOBS_S = 5.0
DAY = dt.timedelta(days=1)


class Supervisor:
    """Keeps tasks running: one that ends by an error is logged and started again."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run ``run`` until ``stop``."""
        self._tasks[name] = asyncio.create_task(self._keep(name, run), name=name)

    @staticmethod
    async def _keep(name: str, run: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await run()
                return
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("worker_failed", worker=name)
                await asyncio.sleep(RESTART_S)

    @property
    def alive(self) -> bool:
        """Whether every task is still running."""
        return bool(self._tasks) and all(not task.done() for task in self._tasks.values())

    async def stop(self) -> None:
        """Cancel everything and wait for it."""
        for task in self._tasks.values():
            task.cancel()
        for task in self._tasks.values():
            with contextlib.suppress(asyncio.CancelledError):
                await task


JobHandler = Callable[[Row[Any]], Awaitable[dt.datetime | None]]


class JobRunner:
    """Timed work: rows with a due time. A handler returns when to run again, or None when it is done."""

    def __init__(self, database: Database, handlers: dict[str, JobHandler]) -> None:
        self._database = database
        self._handlers = handlers

    async def run(self) -> None:
        """Look for due rows every five seconds; only the process holding the jobs lease calls this."""
        while True:
            try:
                await self.run_due(dt.datetime.now(dt.UTC))
            except (SQLAlchemyError, OSError) as error:
                log.warning("jobs_postponed", error=type(error).__name__)
            await asyncio.sleep(JOBS_S)

    async def run_due(self, now: dt.datetime) -> int:
        """Run what is due at ``now``; returns how many ran."""
        jobs = await self._database.read(lambda c: operations.due_jobs(c, now=now))
        for job in jobs:
            handler = self._handlers.get(job.kind)
            if handler is None:
                continue
            try:
                again = await handler(job)
                error = None
            except Exception as failure:
                log.exception("job_failed", kind=job.kind, job_id=job.id)
                again, error = now + dt.timedelta(minutes=min(60, 2**job.attempts)), type(failure).__name__
            due_at = again or now + 100 * 365 * DAY
            await self._database.write(
                lambda c, j=job.id, d=due_at, e=error: operations.reschedule_job(c, j, due_at=d, error=e)  # type: ignore[misc]
            )
        return len(jobs)


def retention_job(database: Database, days: int, clock: Callable[[], dt.datetime]) -> JobHandler:
    """Erase conversation text older than ``days``, once a day."""

    async def run(job: Row[Any]) -> dt.datetime:
        del job
        now = clock()
        erased = await database.write(lambda c: conversations.erase_texts(c, before=now - days * DAY))
        log.info("texts_erased", rows=erased)
        return now + DAY

    return run
