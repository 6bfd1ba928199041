"""Bring a database to the newest schema, or tell how far behind it is."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

import db.models  # noqa: F401 - the tables register themselves
from db.base import Base

MIGRATION_LOCK = 0x6B68636E  # any number no other program uses: "khcn"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Run the migrations that are missing, in the caller's transaction; one process at a time on PostgreSQL."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    command.upgrade(_config(connection), "head")


def make_revision(connection: Connection, message: str) -> None:
    """Write a migration file for what the models have and the database does not; read it before committing it."""
    command.revision(_config(connection), message=message, autogenerate=True)


def current_revision(connection: Connection) -> str | None:
    """The revision the database is at; None when it was never prepared."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str | None:
    """The revision this release needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def is_known(revision: str) -> bool:
    """Whether this release has the revision a database is at."""
    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def differences(connection: Connection) -> list[object]:
    """What the models have and the database lacks, or the other way round; empty when they agree."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, Base.metadata))
