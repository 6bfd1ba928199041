"""``serve``: the whole service in one process."""

from __future__ import annotations

import argparse
import datetime as dt
import fcntl
import signal
from typing import IO

import structlog
import uvicorn

from bot.app import Service, build_app, prepare_database
from bot.config import Settings, load_settings
from bot.errors import CommandError
from bot.log_setup import set_up_logging
from bot.security import secret_key
from db.engine import Database, sqlite_path
from db.queries import departments
from staff.accounts import offer_first_link
from staff.signing import Signer

log = structlog.get_logger()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything is set in the environment."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    del arguments
    settings = load_settings()
    set_up_logging(level=settings.log_level, fmt=settings.log_format)
    lock = lock_database(settings)
    try:
        import uvloop

        uvloop.run(serve(settings))
    finally:
        if lock is not None:
            lock.close()
    return 0


def lock_database(settings: Settings) -> IO[bytes] | None:
    """Make sure that one process serves from a SQLite file; the lock goes with the process, however it ends.

    Raises:
        CommandError: Another process serves from the same file.
    """
    path = sqlite_path(Database.parse(settings.database_url))
    if path is None:
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(path.name + ".serve.lock").open("ab")
    except OSError as error:
        raise CommandError(f"the database file {path} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise CommandError(
            f"another process already serves from {path}; stop it first, or use PostgreSQL for several processes"
        ) from error
    return lock


class Server(uvicorn.Server):
    """Uvicorn that ends the chat streams when it is asked to stop, so that shutdown does not wait for them."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: object) -> None:
        """Called for SIGINT and SIGTERM."""
        self._service.follower.close()
        if sig == signal.SIGTERM:
            self.should_exit = True  # uvicorn would end the process by the signal once more, after all is done
        else:
            super().handle_exit(sig, frame)  # type: ignore[arg-type]


async def serve(settings: Settings) -> None:
    """Prepare the database and run the HTTP server with all workers.

    Raises:
        CommandError: The database cannot be used, or the address is taken.
    """
    database = Database(settings.database_url)
    try:
        prepared = await prepare_database(settings, database)
        for conflict in prepared.conflicts:
            log.warning("content_conflict", record=conflict)
        department = await database.read(departments.find_department)
        service = Service(settings, database, department)
        link = await first_link(settings, database, prepared.department_id)
        config = uvicorn.Config(
            build_app(service), host=settings.host, port=settings.port, log_config=None, access_log=False,
            server_header=False, timeout_graceful_shutdown=10, proxy_headers=False, lifespan="on",
        )  # fmt: skip
        server = Server(config, service)
        announce(settings, link)
        try:
            await server.serve()
        except SystemExit as error:
            raise CommandError(
                f"{settings.host}:{settings.port} cannot be listened on; is another program there? Set PORT"
            ) from error
        if not server.started:
            raise CommandError(f"the service could not start on {settings.host}:{settings.port}; see the log above")
    finally:
        await database.close()


async def first_link(settings: Settings, database: Database, department_id: int) -> str | None:
    """The address of the one-time link for the first administrator; None once one of them has a password."""
    signer = Signer(secret_key(settings).get_secret_value())
    path = await offer_first_link(database, signer, department_id=department_id, now=dt.datetime.now(dt.UTC))
    return public_address(settings) + path if path else None


def public_address(settings: Settings) -> str:
    """The address people type: the one the outside world uses, or where HTTP listens."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - shown, not bound
    return settings.public_url or f"http://{host}:{settings.port}"


def announce(settings: Settings, link: str | None) -> None:
    """Print where people find the service."""
    base = public_address(settings)
    print(f"Web chat:      {base}/", flush=True)
    print(f"Staff console: {base}/staff/", flush=True)
    if link:
        print(f"First administrator, one-time link (valid 24 hours): {link}", flush=True)
        print("It asks for a code of an authenticator app; without one: python -m bot staff code quan-tri", flush=True)
