"""Group commit, savepoints, conflicts: the same on both databases."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from sqlalchemy import Connection, func, select

from db import migrate
from db.engine import Database
from db.models import Lease
from db.queries import operations
from tests.conftest import MakeSettings

NOW = dt.datetime(2026, 11, 22, 3, 0, tzinfo=dt.UTC)


@pytest.fixture
async def database(make_settings: MakeSettings):
    database = Database(make_settings().database_url)
    yield database
    await database.close()


def _lease(name: str):
    return lambda c: operations.take_lease(c, name, owner="a", now=NOW, seconds=10)


def _count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(Lease)).scalar_one())


async def test_one_failing_write_spares_the_others_of_its_commit(database: Database) -> None:
    def fail(connection: Connection) -> None:
        operations.take_lease(connection, "never", owner="a", now=NOW, seconds=10)
        raise ValueError("on purpose")

    results = await asyncio.gather(
        *(database.write(_lease(f"n{i}")) for i in range(20)), database.write(fail),
        *(database.write(_lease(f"m{i}")) for i in range(20)), return_exceptions=True,
    )  # fmt: skip
    assert [r for r in results if r is not True and not isinstance(r, ValueError)] == []
    assert sum(isinstance(r, ValueError) for r in results) == 1
    assert await database.read(_count) == 40


async def test_a_failing_write_alone_leaves_nothing(database: Database) -> None:
    def fail(connection: Connection) -> None:
        operations.take_lease(connection, "never", owner="a", now=NOW, seconds=10)
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        await database.write(fail)
    assert await database.read(_count) == 0
    assert await database.write(_lease("after")) is True


async def test_a_lease_is_held_by_one_owner_until_it_runs_out(database: Database) -> None:
    def take(owner: str, at: dt.datetime):
        return lambda c: operations.take_lease(c, "poll", owner=owner, now=at, seconds=10)

    assert await database.write(take("a", NOW))
    assert not await database.write(take("b", NOW + dt.timedelta(seconds=9)))
    assert await database.write(take("a", NOW + dt.timedelta(seconds=9)))
    assert not await database.write(take("b", NOW + dt.timedelta(seconds=12)))
    assert await database.write(take("b", NOW + dt.timedelta(seconds=20)))


async def test_migrations_match_the_models(database: Database) -> None:
    assert await database.read(migrate.differences) == []
    assert await database.read(migrate.current_revision) == migrate.newest_revision()


async def test_a_naive_datetime_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match="naive"):
        await database.write(lambda c: operations.take_lease(c, "x", owner="a", now=dt.datetime(2026, 1, 1), seconds=1))
