"""The database as the rest of the product sees it: ``read`` and ``write`` take a plain function of a connection.

Write functions waiting at the same moment share one transaction and its commit; one that raises is taken out and the
others are run again. On SQLite a single thread owns the write connection and takes the write lock at the start; on
PostgreSQL a few connections do the same over asyncpg. The functions are the same for both.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

T = TypeVar("T")
Statements = Callable[[Connection], T]

BATCH_LIMIT = 64
WRITE_LANES = 4
SQLITE_READERS = 2
BUSY_TIMEOUT_MS = 5000
CACHE_KB = 16_384  # of pages, for each connection; the library's own 2 MB is less than one search reads


@dataclass
class _Pending:
    run: Statements[Any]
    future: asyncio.Future[Any]


def sqlite_path(url: URL) -> Path | None:
    """The file of a SQLite URL; None for a database in memory or another server."""
    if not url.drivername.startswith("sqlite") or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database))


def sqlite_engine(url: URL, *, write: bool) -> Engine:
    """A synchronous engine whose transactions really begin when they say so (pysqlite's do not).

    Write-ahead log, foreign keys, and ``synchronous=FULL``: what was acknowledged survives a power cut.
    """
    path = sqlite_path(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url.set(drivername="sqlite"), pool_size=1 if write else SQLITE_READERS, max_overflow=0, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, record: object) -> None:
        del record
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}",
            f"cache_size=-{CACHE_KB}",
        ):  # fmt: skip
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def postgres_engine(url: URL, *, pool_size: int = WRITE_LANES + 4) -> AsyncEngine:
    """An asynchronous engine over asyncpg; a stuck statement gives up after 30 s instead of holding its connection."""
    settings = {"statement_timeout": "30000", "lock_timeout": "10000", "application_name": "khcn-bot"}
    return create_async_engine(
        url.set(drivername="postgresql+asyncpg"),
        pool_size=pool_size, max_overflow=0, pool_pre_ping=True, hide_parameters=True,
        connect_args={"server_settings": settings, "timeout": 5},
    )  # fmt: skip


class _Refused(Exception):  # noqa: N818 - it says what became of one function of a batch
    """A function of a batch raised: the batch is run again without it."""

    def __init__(self, item: _Pending, error: Exception) -> None:
        super().__init__()
        self.item = item
        self.error = error


def _run_batch(connection: Connection, batch: list[_Pending]) -> list[Any]:
    values = []
    for item in batch:
        try:
            values.append(item.run(connection))
        except DBAPIError:
            raise  # the transaction itself may be lost: each function gets one of its own
        except Exception as error:
            raise _Refused(item, error) from error
    return values


def _fail(item: _Pending, error: Exception) -> None:
    if not item.future.done():
        item.future.set_exception(error)


class Database:
    """Reads and writes for the whole process; one per process, used from its event loop only."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.drivername.startswith("sqlite")
        self._pending: deque[_Pending] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._closed = False
        if self.is_sqlite:
            self._write_engine = sqlite_engine(self.url, write=True)
            self._read_engine = sqlite_engine(self.url, write=False)
            self._writer = ThreadPoolExecutor(1, thread_name_prefix="db-write")
            self._readers = ThreadPoolExecutor(SQLITE_READERS, thread_name_prefix="db-read")
        else:
            self._async_engine = postgres_engine(self.url)

    @staticmethod
    def parse(url: str) -> URL:
        """The URL in its parts."""
        return make_url(url)

    async def read(self, run: Statements[T]) -> T:
        """Run ``run`` on a connection whose changes are not kept."""
        if self.is_sqlite:
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._read_sqlite, run)
        async with self._async_engine.connect() as connection:
            return await connection.run_sync(run)

    def _read_sqlite(self, run: Statements[T]) -> T:
        with self._read_engine.connect() as connection:
            return run(connection)

    async def write(self, run: Statements[T]) -> T:
        """Run ``run`` in a transaction; returns after the commit that holds its changes.

        ``run`` may be run again when the transaction it shared had to be rolled back, so it must not have effects
        outside the database. An exception it raises undoes its own changes only and is raised here.
        """
        if self._closed:
            raise RuntimeError("the database is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._pending.append(_Pending(run, future))
        if len(self._lanes) < (1 if self.is_sqlite else WRITE_LANES):
            task = asyncio.create_task(self._drain(), name="db-write-lane")
            self._lanes.add(task)
            task.add_done_callback(self._lanes.discard)
        return await asyncio.shield(future)

    async def _drain(self) -> None:
        while self._pending:
            batch = [self._pending.popleft() for _ in range(min(BATCH_LIMIT, len(self._pending)))]
            await self._settle(batch)

    async def _settle(self, batch: list[_Pending]) -> None:
        """Run a batch in one transaction; whatever fails in it is told so and costs the others only a second run."""
        while batch:
            try:
                values = await self._commit(batch)
            except _Refused as refused:
                _fail(refused.item, refused.error)
                batch = [item for item in batch if item is not refused.item]
            except Exception as error:  # noqa: BLE001 - every waiting caller learns of it
                if len(batch) == 1:
                    _fail(batch[0], error)
                else:
                    for item in batch:
                        await self._settle([item])
                return
            else:
                for item, value in zip(batch, values, strict=True):
                    if not item.future.done():
                        item.future.set_result(value)
                return

    async def _commit(self, batch: list[_Pending]) -> list[Any]:
        if self.is_sqlite:
            return await asyncio.get_running_loop().run_in_executor(self._writer, self._commit_sqlite, batch)
        async with self._async_engine.connect() as connection:
            values = await connection.run_sync(_run_batch, batch)
            await connection.commit()
            return values

    def _commit_sqlite(self, batch: list[_Pending]) -> list[Any]:
        with self._write_engine.connect() as connection:
            values = _run_batch(connection, batch)
            connection.commit()
            return values

    async def close(self) -> None:
        """Finish what was asked for, then release every connection."""
        self._closed = True
        while self._lanes:
            await asyncio.gather(*self._lanes, return_exceptions=True)
        if self.is_sqlite:
            for pool in (self._writer, self._readers):
                pool.shutdown(wait=True)
            self._write_engine.dispose()
            self._read_engine.dispose()
        else:
            await self._async_engine.dispose()
