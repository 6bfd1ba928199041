"""The staff console: sign-in by one-time link and password, the state of channels, the last questions."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute

from db.engine import Database


def staff_routes(
    database: Database, *, department_id: int, key: str, secure: bool, channels: Sequence[str]
) -> list[BaseRoute]:
    """The routes below ``/staff``.

    Args:
        database: Where everything is kept.
        department_id: Whose console this is.
        key: Signs what the browser keeps.
        secure: Whether cookies are for https only.
        channels: The channels that are switched on.
    """
    del database, department_id, key, secure, channels
    return []
