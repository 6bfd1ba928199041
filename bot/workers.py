"""Start, supervise and stop the long-running tasks."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from sqlalchemy import Connection, Row
from sqlalchemy.exc import SQLAlchemyError

from db.engine import Database
from db.queries import conversations, drafts, operations

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

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await run()
                self._tasks.pop(name, None)  # nothing to do in this configuration: polling with a webhook set
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

    async def run_due(self, now: dt.datetime) -> int:
        """Run what is due at ``now``; returns how many ran."""
        try:
            jobs = await self._database.read(lambda c: operations.due_jobs(c, now=now))
        except (SQLAlchemyError, OSError) as error:
            log.warning("jobs_postponed", error=type(error).__name__)
            return 0
        for job in jobs:
            handler = self._handlers.get(job.kind)
            if handler is not None:
                await self._run_one(job, handler, now)
        return len(jobs)

    async def _run_one(self, job: Row[Any], handler: JobHandler, now: dt.datetime) -> None:
        failure: str | None = None
        try:
            again = await handler(job)
        except Exception as error:  # a job that fails is tried again, later and later
            log.exception("job_failed", kind=job.kind, job_id=job.id)
            again, failure = now + dt.timedelta(minutes=min(60, 2**job.attempts)), type(error).__name__
        await self._database.write(
            lambda c: operations.finish_job(c, job.id, again_at=again, done_at=now, error=failure)
        )


def retention_job(database: Database, days: int, clock: Callable[[], dt.datetime]) -> JobHandler:
    """Erase conversation text older than ``days``, and links that open nothing any more, once a day."""

    async def run(job: Row[Any]) -> dt.datetime:
        del job
        now = clock()

        def erase(connection: Connection) -> int:
            drafts.delete_expired_links(connection, now=now)
            return conversations.erase_texts(connection, before=now - days * DAY)

        erased = await database.write(erase)
        log.info("texts_erased", rows=erased)
        return now + DAY

    return run
