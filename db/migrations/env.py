"""Alembic's entry: runs on the connection ``db.migrate`` hands over, never on one of its own."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

import db.models  # noqa: F401 - the tables register themselves
from db.base import Base


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        user_module_prefix="db.base.",
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
