"""``worker``: the service without HTTP, for running several processes against one PostgreSQL."""

from __future__ import annotations

import argparse
import asyncio
import signal

import structlog

from bot.app import Service, prepare_database
from bot.config import Settings, load_settings
from bot.errors import CommandError
from bot.log_setup import set_up_logging
from db.engine import Database
from db.queries import departments

log = structlog.get_logger()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything is set in the environment."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Work until interrupted."""
    del arguments
    settings = load_settings()
    if settings.is_sqlite:
        raise CommandError("worker needs PostgreSQL: with SQLite, `serve` runs the workers itself; set DATABASE_URL", 2)
    set_up_logging(level=settings.log_level, fmt=settings.log_format)
    import uvloop

    uvloop.run(work(settings))
    return 0


async def work(settings: Settings) -> None:
    """Prepare the database and run every worker until SIGTERM or SIGINT.

    Raises:
        CommandError: The database cannot be used.
    """
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
    database = Database(settings.database_url)
    try:
        prepared = await prepare_database(settings, database)
        for conflict in prepared.conflicts:
            log.warning("content_conflict", record=conflict)
        service = Service(settings, database, await database.read(departments.find_department), with_http=False)
        await service.start()
        print("Worker started; SIGTERM stops it.", flush=True)
        await asked_to_stop.wait()
        await service.stop()
    finally:
        await database.close()
