"""The desk's queue page and search at 5,000 and at 50,000 requests, on both databases, through the console's own HTTP.

``python -m benchmark.bench desk``. What it prints is a ratio: the slowest twentieth at 50,000 beside that at 5,000.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import event

from benchmark.desk_data import FAMILY, GIVEN, MANAGER_TOKEN, MIDDLE, OFFICER_TOKEN, TOPICS, fill
from bot.app import Service, build_app, prepare_database
from bot.config import Settings
from db.engine import Database
from db.queries import departments
from staff.queue import QUEUE_PATH, TAB_SLUGS
from tests.postgres import Cluster, binaries

SIZES = (5_000, 50_000)
ROUNDS = 40
MOST_QUERIES = 12
LIMIT = 1.5

WORDS = (
    "đăng ký nhãn hiệu", "mã vạch", "truy xuất nguồn gốc", "hồ sơ gồm những gì", "kiểm định cân", "sáng chế", "ocop",
    "hợp tác xã", "xin hướng dẫn", "thu tuc", "dang ky", "bao lau", "chi phi bao nhieu", "d", "nguyen",
)  # fmt: skip


def _queue_pages(chance: random.Random) -> list[dict[str, str]]:
    """What people look at: every tab, and the filters they narrow it down with."""
    pages: list[dict[str, str]] = [{"muc": slug} for slug in TAB_SLUGS]
    pages += [{"muc": "tat-ca", "chu-de": chance.choice(TOPICS)}, {"muc": "tat-ca", "trang-thai": "closed"}]
    pages += [{"muc": "tat-ca", "can-bo": str(2 + chance.randrange(20))}, {"muc": "tat-ca", "don-vi": "3"}]
    pages += [{"muc": "tat-ca", "tinh": "can-tho", "kenh": "zalo"}, {"muc": "tat-ca", "han": "week"}]
    pages += [{"muc": "chua-giao", "don-vi": "2"}, {"muc": "tat-ca", "trang-thai": "waiting", "don-vi": "1"}]
    return pages


def _searches(chance: random.Random) -> list[dict[str, str]]:
    """What people look for: words everybody uses, full names, the end of a phone number."""
    name = f"{chance.choice(FAMILY)} {chance.choice(MIDDLE)} {chance.choice(GIVEN)}"
    searches = [*chance.sample(WORDS, 6), name, f"{chance.randrange(10**4):04d}", f"{chance.choice(GIVEN)} mã vạch"]
    return [{"tim": text} for text in searches] + [{"tim": chance.choice(WORDS), "trang-thai": "waiting"}]


@dataclass
class Measured:
    """Milliseconds of every response, and the most statements one of them took."""

    times: list[float] = field(default_factory=list)
    queries: int = 0

    def quantile(self, share: float) -> float:
        """The time that this share of the responses stays below."""
        return sorted(self.times)[int(len(self.times) * share)]


@contextmanager
def _counted(database: Database) -> Any:
    """The statements sent to the database, in a list that grows."""
    engine = database._read_engine if database.is_sqlite else database._async_engine.sync_engine  # noqa: SLF001
    statements: list[str] = []

    def note(*given: Any) -> None:
        if given[2] != "BEGIN":
            statements.append(given[2])

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def _get(client: httpx.AsyncClient, query: dict[str, str], token: str) -> float:
    started = time.perf_counter()
    answer = await client.get(QUEUE_PATH, params=query, cookies={"khcn_staff": token})
    took = (time.perf_counter() - started) * 1000
    assert answer.status_code == 200, answer.text[:300]
    return took


async def _measure(services: Sequence[Service], rounds: int) -> dict[str, list[Measured]]:
    """Ask every service for the same page, one right after the other: what else the machine does slows all alike."""
    found = {kind: [Measured() for _ in services] for kind in ("queue", "search")}
    chance = random.Random(11)
    async with AsyncExitStack() as stack:
        clients = []
        for service in services:
            transport = httpx.ASGITransport(build_app(service))
            clients.append(
                await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://desk"))
            )
        counters = [stack.enter_context(_counted(service.database)) for service in services]
        for number in range(rounds + 2):
            pages = [("queue", page) for page in _queue_pages(chance)]
            for kind, query in pages + [("search", page) for page in _searches(chance)]:
                token = chance.choice((OFFICER_TOKEN, MANAGER_TOKEN))
                for client, statements, measured in zip(clients, counters, found[kind], strict=True):
                    statements.clear()
                    took = await _get(client, query, token)
                    if number >= 2:  # the first two warm everything up
                        measured.times.append(took)
                        measured.queries = max(measured.queries, len(statements))
    return found


async def _both(urls: Sequence[str], folder: Path, sizes: Sequence[int], rounds: int) -> dict[str, list[Measured]]:
    databases = [Database(url) for url in urls]
    try:
        services = []
        for url, database, size in zip(urls, databases, sizes, strict=True):
            settings = Settings(
                _env_file=None, database_url=url, var_dir=folder, files_dir=folder / "files", secret_key="k" * 40
            )  # type: ignore[call-arg]
            await prepare_database(settings, database)
            await fill(database, size)
            department = await database.read(departments.find_department)
            services.append(Service(settings, database, department))
        return await _measure(services, rounds)
    finally:
        for database in databases:
            await database.close()


def bench_desk(sizes: Sequence[int] = SIZES, rounds: int = ROUNDS) -> bool:
    """Measure and print; whether every figure stays within its limit."""
    cluster = Cluster() if binaries() is not None else None
    good = True
    print(f"\nThe desk: queue page and search, {sizes[0]:,} and {sizes[-1]:,} requests, whole responses in ms")
    print(f"{'':24}{'p50':>8}{'p95':>8}{'p50':>10}{'p95':>8}{'p95 ratio':>12}{'queries':>9}")
    try:
        for name in ("SQLite", "PostgreSQL") if cluster else ("SQLite",):
            with tempfile.TemporaryDirectory() as folder:
                urls = [f"sqlite:///{folder}/desk-{size}.db" for size in sizes]
                if name == "PostgreSQL":
                    assert cluster is not None
                    for size in sizes:
                        cluster.sql(f"CREATE DATABASE desk_{size}")
                    urls = [cluster.url(f"desk_{size}") for size in sizes]
                results = asyncio.run(_both(urls, Path(folder), sizes, rounds))
            for kind, (small, *_, large) in results.items():
                ratio, queries = large.quantile(0.95) / small.quantile(0.95), max(small.queries, large.queries)
                good = good and ratio <= LIMIT and queries <= MOST_QUERIES
                print(
                    f"{name + ', ' + kind:24}{small.quantile(0.5):8.1f}{small.quantile(0.95):8.1f}"
                    f"{large.quantile(0.5):10.1f}{large.quantile(0.95):8.1f}{ratio:11.2f}x{queries:9}"
                )
    finally:
        if cluster is not None:
            cluster.stop()
    return good
