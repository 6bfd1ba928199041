"""``check``: what a service needs, one line each; exit 1 if it could not run."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from bot.config import Settings, load_settings
from bot.errors import ChannelError, CommandError, CredentialsRejected
from bot.knowledge_store import read_department_file
from db import migrate
from db.engine import Database, sqlite_path
from db.queries import departments
from db.queries import knowledge as knowledge_queries
from knowledge.loader import load_content

DATABASE_S = 10.0


@dataclass(frozen=True)
class Finding:
    """One line. ``ok``; ``warning``: runs, but somebody should look; ``error``: could not run."""

    status: str
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.status:<8}{self.subject}: {self.text}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything is set in the environment."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Print the findings as they come."""
    del arguments
    return asyncio.run(_print_findings())


async def _print_findings() -> int:
    failed = False
    async for finding in find_faults():
        print(finding, flush=True)
        failed |= finding.status == "error"
    return 1 if failed else 0


async def find_faults() -> AsyncIterator[Finding]:
    """Everything that is checked, in the order a start needs it. Changes nothing."""
    try:
        settings = load_settings()
        profile, _ = read_department_file(settings.department_file)
    except CommandError as error:
        yield Finding("error", "configuration", str(error))
        return
    yield Finding("ok", "configuration", f"{profile['name']}, province {settings.province}")
    database = Database(settings.database_url)
    try:
        async for finding in _database_findings(database):
            yield finding
        is_ready = await _is_ready(database)
        async for finding in channel_findings(settings, database if is_ready else None):
            yield finding
    finally:
        await database.close()


async def _database_findings(database: Database) -> AsyncIterator[Finding]:
    where = database.url.render_as_string(hide_password=True)
    path = sqlite_path(database.url)
    if path is not None and not path.exists():  # asking would create it
        yield Finding("ok", "database", f"{where} does not exist yet; the first start creates it")
        yield _content_files()
        return
    try:
        revision = await asyncio.wait_for(database.read(migrate.current_revision), DATABASE_S)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        yield Finding("error", "database", f"{where} cannot be used ({type(error).__name__}); check DATABASE_URL")
        return
    yield Finding("ok", "database", where)
    newest = migrate.newest_revision()
    if revision is not None and not migrate.is_known(revision):
        yield Finding(
            "error", "migrations", f"the database is at {revision}, which is newer than this release; update it"
        )
        return
    if revision != newest:
        yield Finding("ok", "migrations", f"at {revision or 'none'}; the next start brings the database to {newest}")
        yield _content_files()
        return
    yield Finding("ok", "migrations", f"current, at {revision}")
    version, records = await database.read(_published)
    if version:
        yield Finding("ok", "content", f"version {version}, {records} records published")
    else:
        yield _content_files()


def _published(connection: Connection) -> tuple[int, int]:
    row: Any = departments.find_department(connection)
    if row is None:
        return 0, 0
    version = knowledge_queries.published_version(connection, department_id=row.id)
    return version, len(knowledge_queries.published_records(connection, department_id=row.id))


def _content_files() -> Finding:
    """What the next start will publish."""
    content = load_content()
    if content.problems or not content.files:
        return Finding("error", "content", f"{len(content.problems)} content files are broken; see `kb check`")
    return Finding("ok", "content", f"nothing published yet; the next start publishes {len(content.files)} records")


async def _is_ready(database: Database) -> bool:
    """Whether the database can be asked for what a service stored."""
    path = sqlite_path(database.url)
    if path is not None and not path.exists():
        return False
    try:
        revision = await asyncio.wait_for(database.read(migrate.current_revision), DATABASE_S)
    except (SQLAlchemyError, OSError, TimeoutError):
        return False
    return revision == migrate.newest_revision()


async def channel_findings(settings: Settings, database: Database | None) -> AsyncIterator[Finding]:
    """One finding a channel. ``database`` is None when it holds nothing of a service yet."""
    yield Finding("ok", "web chat", f"http://{settings.host}:{settings.port}/")
    yield await _telegram(settings)
    yield await _zalo(settings, database)
    yield await _zalo_bot(settings)


async def _zalo(settings: Settings, database: Database | None) -> Finding:
    if settings.zalo_app_id is None:
        return Finding("ok", "zalo", "off; ZALO_APP_ID turns it on")
    from bot.channels.zalo_probe import NotConnected, official_account

    try:
        name = await official_account(settings, database)
    except NotConnected:
        return Finding("warning", "zalo", "not connected yet; run `python -m bot zalo consent`")
    except CredentialsRejected as error:
        if error.code == "expired":
            return Finding(
                "warning", "zalo", "Zalo does not take the access token any more; the running service renews it"
            )
        if error.code == "secret_key_changed":
            return Finding("error", "zalo", "SECRET_KEY is not the one the tokens were stored with; restore it")
        return Finding("error", "zalo", f"Zalo refuses ({error.code}); run `python -m bot zalo consent`")
    except ChannelError as error:
        return Finding(
            "warning", "zalo", f"{settings.zalo_api_url} does not answer ({error.code}); the rest runs without"
        )
    webhook = f"{settings.public_url}/webhooks/zalo" if settings.public_url else "PUBLIC_URL is not set"
    return Finding("ok", "zalo", f"{name}, webhook {webhook}")


async def _zalo_bot(settings: Settings) -> Finding:
    if settings.zalo_bot_token is None:
        return Finding("ok", "zalo bot", "off; ZALO_BOT_TOKEN turns it on")
    from bot.channels.zalo_probe import bot_name

    try:
        name = await bot_name(settings)
    except CredentialsRejected:
        return Finding("error", "zalo bot", "ZALO_BOT_TOKEN is not accepted; take a new one from Zalo Bot Manager")
    except ChannelError as error:
        return Finding(
            "warning", "zalo bot", f"{settings.zalo_bot_api_url} does not answer ({error.code}); the rest runs without"
        )
    return Finding("ok", "zalo bot", f"{name}, {settings.zalo_bot_mode}")


async def _telegram(settings: Settings) -> Finding:
    if settings.telegram_token is None:
        return Finding("ok", "telegram", "off; TELEGRAM_TOKEN turns it on")
    from bot.channels.telegram_probe import telegram_username

    try:
        name = await telegram_username(settings)
    except CredentialsRejected:
        return Finding("error", "telegram", "TELEGRAM_TOKEN is not accepted; take a new one from @BotFather")
    except ChannelError as error:
        return Finding(
            "warning", "telegram", f"{settings.telegram_api_url} does not answer ({error.code}); the rest runs without"
        )
    return Finding("ok", "telegram", f"{name}, {settings.telegram_mode}")
