"""How many questions there were, for those who watch over the service."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Date, cast, func, select, text

from db.models import Turn

VIETNAM_HOURS = 7  # no summer time


def by_day_and_outcome(
    connection: Connection, *, department_id: int, since: dt.datetime
) -> Mapping[tuple[dt.date, str], int]:
    """Questions since a moment by their day in Vietnam and their outcome; turns without an outcome are left out."""
    day: Any
    if connection.dialect.name == "sqlite":
        day = func.date(Turn.created_at, f"+{VIETNAM_HOURS} hours")
    else:
        day = cast(func.timezone("UTC", Turn.created_at) + text(f"INTERVAL '{VIETNAM_HOURS} hours'"), Date)
    statement = (
        select(day.label("day"), Turn.outcome, func.count())
        .where(Turn.department_id == department_id, Turn.created_at >= since, Turn.outcome.is_not(None))
        .group_by(day, Turn.outcome)
    )
    return {(_as_date(row[0]), row[1]): row[2] for row in connection.execute(statement)}


def _as_date(value: object) -> dt.date:
    return value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value))
