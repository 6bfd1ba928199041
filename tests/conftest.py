"""Fixtures: both databases prepared once and copied per test, one index for all, settings of a test's own."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.app import prepare_database
from bot.config import Settings
from db.engine import Database
from db.queries import departments
from db.queries import knowledge as knowledge_queries
from knowledge.base import KnowledgeBase
from knowledge.loader import load_content
from knowledge.understanding import Understander
from tests.postgres import Cluster, binaries

ROOT = Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs a service, a database or a browser shares two cores with the rest: a step too late gets another try.

    What is wrong stays wrong; every second try is told at the end of the run.
    """
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        timed = any(item.get_closest_marker(name) for name in ("browser", "slow"))
        if timed or not {"make_settings", "sqlite_settings"}.isdisjoint(fixtures):
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """No setting of the machine reaches a test."""
    patch = pytest.MonkeyPatch()
    for name in Settings.model_fields:
        patch.delenv(name.upper(), raising=False)
    patch.chdir(ROOT)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if binaries() is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is required in CI and is not installed")
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql-15)")
    running = Cluster()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def knowledge() -> KnowledgeBase:
    """The content that is shipped."""
    return KnowledgeBase(load_content().records, version=1)


@pytest.fixture(scope="session")
def understander(knowledge: KnowledgeBase) -> Understander:
    return Understander(knowledge)


def _settings(url: str, folder: Path, **values: Any) -> Settings:
    return Settings(
        _env_file=None, database_url=url, var_dir=folder, files_dir=folder / "files", secret_key="k" * 40,
        burst_wait_s=values.pop("burst_wait_s", 0.3), lease_s=values.pop("lease_s", 2.0), **values,
    )  # fmt: skip


def _prepare(settings: Settings) -> None:
    async def run() -> None:
        database = Database(settings.database_url)
        try:
            await prepare_database(settings, database)
            department = await database.read(departments.find_department)
            version = await database.read(lambda c: knowledge_queries.published_version(c, department_id=department.id))
            assert version == 1
        finally:
            await database.close()

    asyncio.run(run())


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    _prepare(_settings(f"sqlite:///{folder / 'khcn.db'}", folder))
    return folder / "khcn.db"


@pytest.fixture(scope="session")
def postgres_template(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    cluster.sql("CREATE DATABASE template_khcn")
    _prepare(_settings(cluster.url("template_khcn"), tmp_path_factory.mktemp("pg")))
    return "template_khcn"


MakeSettings = Callable[..., Settings]


@pytest.fixture(params=["sqlite", "postgresql"])
def make_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeSettings]:
    """Settings on a fresh copy of the prepared database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        shutil.copy(template, tmp_path / "khcn.db")
        yield lambda **values: _settings(f"sqlite:///{tmp_path / 'khcn.db'}", tmp_path, **values)
        return
    name = f"test_{secrets.token_hex(6)}"
    cluster: Cluster = request.getfixturevalue("cluster")
    cluster.sql(f"CREATE DATABASE {name} TEMPLATE {request.getfixturevalue('postgres_template')}")
    yield lambda **values: _settings(cluster.url(name), tmp_path, **values)
    cluster.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_settings(sqlite_template: Path, tmp_path: Path) -> MakeSettings:
    """Settings on a fresh copy of the prepared SQLite database, for tests in which the database makes no difference."""
    shutil.copy(sqlite_template, tmp_path / "khcn.db")
    return lambda **values: _settings(f"sqlite:///{tmp_path / 'khcn.db'}", tmp_path, **values)
