"""The composition root: engine, knowledge, channels, workers, routes; started and stopped together."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Row
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from bot.channels.base import Channel, PollingChannel, PushChannel, WorkingChannel
from bot.channels.web import WebChannel
from bot.config import Settings
from bot.delivery import Deliverer
from bot.dispatcher import Dispatcher
from bot.errors import CommandError
from bot.files import fetcher, sweep_orphans
from bot.form_page import FormPage
from bot.inbox import Inbox
from bot.knowledge_store import KnowledgeStore, prepare, profile_of
from bot.leases import LeaseKeeper
from bot.live import Live, SwitchedLease
from bot.notices import Wording
from bot.page import PageRoutes, SecurityHeaders
from bot.security import secret_key
from bot.spool import Spool
from bot.spool_worker import take_in_spool
from bot.traits import BUTTONS, traits_of
from bot.web import client_address, health_routes
from bot.web_chat import Follower, WebChat
from bot.web_files import WebFiles
from bot.workers import JOBS_S, JobRunner, Supervisor, retention_job
from db import migrate
from db.engine import Database
from db.queries import departments, operations
from desk import retention as desk_retention
from handlers.context import DepartmentProfile
from knowledge.loader import load_content
from staff.app import staff_routes
from staff.windows import Window
from staff.zalo_pairing import ZaloPairing

log = structlog.get_logger()

STATIC = Path(__file__).with_name("static")


@dataclass(frozen=True)
class Prepared:
    """What the preparation of the database found out."""

    department_id: int
    conflicts: list[str]


async def prepare_database(settings: Settings, database: Database) -> Prepared:
    """Run the migrations, load department and content.

    Raises:
        CommandError: The database cannot be reached, or content files are broken.
    """
    content = load_content()
    now = dt.datetime.now(dt.UTC)

    def run(connection: Any) -> Any:
        migrate.upgrade(connection)
        return prepare(connection, settings, content, now)

    try:
        report = await database.write(run)
        row = await database.read(departments.find_department)
    except (SQLAlchemyError, OSError) as error:
        where = database.url.render_as_string(hide_password=True)
        raise CommandError(
            f"the database {where} cannot be used: {type(error).__name__}; check DATABASE_URL"
        ) from error
    for problem in content.problems:
        log.error("content_problem", problem=str(problem))
    assert row is not None
    return Prepared(row.id, report.conflicts)


class Service:
    """Everything one process runs."""

    def __init__(self, settings: Settings, database: Database, department: Any, *, with_http: bool = True) -> None:
        self.settings = settings
        self.database = database
        self.department_id: int = department.id
        self.live = Live(database, profile_of(department))
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.store = KnowledgeStore(database, department.id)
        self.web_channel = WebChannel()
        self.channels: list[Channel] = build_channels(settings, database, department.id)
        self.dispatcher = Dispatcher(
            database, self.store, self.live, retention_days=settings.retention_days,
            pull_channels=frozenset({self.web_channel.name}), page_url=settings.public_url,
            traits_of=partial(traits_of, settings=settings), fetch_file=fetcher(self.channels, settings.files_dir),
        )  # fmt: skip
        self.spool = Spool(settings.var_dir / "spool")
        self.inbox = Inbox(
            database, self.dispatcher, self.spool, self.live, department_id=department.id,
            burst_wait_s=settings.burst_wait_s,
        )  # fmt: skip
        self.follower = Follower(database)
        self.deliverers = {
            channel.name: Deliverer(
                database,
                channel,
                self._channel_lease("send", channel.name),
                department_id=department.id,
                wording=self._wording(channel.name),
            )
            for channel in self.channels
        }
        self.dispatcher.on_replies = self._replies_queued
        self.supervisor = Supervisor()
        self.with_http = with_http

    def _wording(self, channel: str) -> Wording:
        masks = traits_of(channel, self.settings).masks_people
        return Wording(self.database, self.live, masks_people=masks, with_choices=channel in BUTTONS)

    @property
    def department(self) -> DepartmentProfile:
        """The department's profile, as it is now."""
        return self.live.department

    def _channel_lease(self, purpose: str, channel: str) -> LeaseKeeper:
        """A lease for what must stop while the channel is switched off."""
        name, seconds = f"{purpose}:{channel}", self.settings.lease_s
        return SwitchedLease(self.database, name, self.owner, seconds, live=self.live, channel=channel)

    def _lease(self, name: str) -> LeaseKeeper:
        return LeaseKeeper(self.database, name, self.owner, self.settings.lease_s)

    def _replies_queued(self, channel: str, conversation_id: int) -> None:
        if deliverer := self.deliverers.get(channel):
            deliverer.wake(conversation_id)
        else:
            self.follower.notify(conversation_id)

    async def start(self) -> None:
        """Load the knowledge and start every task."""
        await self.store.refresh()
        await self.live.refresh()
        if self.settings.is_sqlite:
            await self.database.write(operations.drop_all_leases)
        await self._plan_jobs()
        for channel in self.channels:
            if isinstance(channel, PushChannel):
                await channel.start()
        start = self.supervisor.start
        start("sweep", self.dispatcher.sweep)
        start("knowledge", self.store.watch)
        start("live", self.live.watch)
        start("follower", self.follower.run)
        start("jobs", self._jobs)
        start("spool", lambda: take_in_spool(self.spool, self.inbox, [self.web_channel, *self.channels]))
        for name, deliverer in self.deliverers.items():
            start(f"deliver-{name}", deliverer.run)
        for channel in self.channels:
            if isinstance(channel, PollingChannel):
                lease = self._channel_lease("poll", channel.name)
                start(f"poll-{channel.name}", partial(channel.poll, self.database, self.inbox, lease))
            if isinstance(channel, WorkingChannel):
                for name, run in channel.workers(self.inbox).items():
                    start(name, run)

    async def _plan_jobs(self) -> None:
        now = dt.datetime.now(dt.UTC)
        for kind in ("retention", "files"):
            await self.database.write(
                lambda c, k=kind: operations.plan_job(  # type: ignore[misc]
                    c, department_id=self.department_id, kind=k, key="daily", due_at=now
                )
            )

    async def _jobs(self) -> None:
        lease = self._lease("jobs")
        clock = lambda: dt.datetime.now(dt.UTC)  # noqa: E731 - one word for the same thing
        erase = retention_job(self.database, self.settings.retention_days, clock)
        timers = dict.fromkeys(desk_retention.RUNNERS, self._run_desk_job)
        runner = JobRunner(self.database, {"retention": erase, "files": self._sweep_files, **timers})
        while True:
            try:
                if await lease.held():
                    await runner.run_due(dt.datetime.now(dt.UTC))
            except (SQLAlchemyError, OSError) as error:
                log.warning("jobs_postponed", error=type(error).__name__)
            await asyncio.sleep(JOBS_S)

    async def _run_desk_job(self, job: Row[Any]) -> dt.datetime | None:
        now = dt.datetime.now(dt.UTC)
        return await desk_retention.run_due(self.database, department_id=self.department_id, job=job, now=now)

    async def _sweep_files(self, job: Row[Any]) -> dt.datetime:
        """Every hour, delete what no row needs and what none took."""
        del job
        folder = self.settings.files_dir
        await desk_retention.sweep_blobs(self.database, folder)
        await sweep_orphans(self.database, folder)
        return dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)

    async def is_ready(self) -> dict[str, bool]:
        """Database, knowledge and workers, each able to serve or not."""
        try:
            await asyncio.wait_for(self.database.read(departments.find_department), 3)
            database = True
        except (SQLAlchemyError, OSError, TimeoutError):
            database = False
        knowledge = self.store.current is not None and bool(self.store.current.knowledge.topics)
        return {"database": database, "knowledge": knowledge, "workers": self.supervisor.alive}

    async def stop(self) -> None:
        """Finish what is under way and release everything."""
        self.follower.close()
        await self.dispatcher.close()
        for deliverer in self.deliverers.values():
            await deliverer.close()
        await self.supervisor.stop()
        for channel in self.channels:
            if isinstance(channel, PushChannel):
                await channel.close()
        try:
            await self.database.write(lambda c: operations.release_leases(c, owner=self.owner))
        except (SQLAlchemyError, OSError) as error:
            log.warning("leases_not_released", error=type(error).__name__)


def build_channels(settings: Settings, database: Database, department_id: int) -> list[Channel]:
    """The messenger channels that are configured; a channel's library is imported only when it is on."""
    channels: list[Channel] = []
    if settings.telegram_token:
        from bot.channels.telegram import TelegramChannel

        channels.append(TelegramChannel(settings))
    if settings.zalo_app_id:
        from bot.channels.zalo import ZaloChannel

        channels.append(ZaloChannel(settings, database, department_id=department_id))
    if settings.zalo_bot_token:
        from bot.channels.zalo_bot import ZaloBotChannel

        channels.append(ZaloBotChannel(settings))
    return channels


def message_windows(settings: Settings) -> dict[str, Window]:
    """For how long people may be written to, of the channels in use that set a limit."""
    if not settings.zalo_app_id:
        return {}
    from bot.channels import zalo

    return {zalo.ZaloChannel.name: Window(zalo.FREE, zalo.PAID, settings.zalo_paid_messages)}


def zalo_pairing(channels: Sequence[Channel], settings: Settings) -> ZaloPairing | None:
    """What the console needs to give the Official Account new tokens; None where it is not configured."""
    if not settings.zalo_app_id:
        return None
    from bot.channels.zalo import ZaloChannel
    from bot.channels.zalo_pairing import Pairing

    found = next((channel for channel in channels if isinstance(channel, ZaloChannel)), None)
    return Pairing(found, settings) if found is not None else None


def build_app(service: Service) -> Starlette:
    """The HTTP side of a service."""
    settings = service.settings
    routes: list[BaseRoute] = [
        Route(path, handler, methods=["GET"]) for path, handler in health_routes(service.is_ready, settings).items()
    ]
    chat = WebChat(settings, service.database, service.inbox, service.web_channel, service.follower)
    routes += chat.routes()
    routes += WebFiles(
        settings, service.database, service.inbox, service.web_channel, chat.tokens,
        department_id=service.department_id,
    ).routes()  # fmt: skip
    for channel in service.channels:
        if isinstance(channel, PushChannel):
            routes += channel.routes(service.inbox)
    pages = PageRoutes(service)
    routes += pages.routes()
    routes += FormPage(service, pages).routes()
    routes += staff_routes(
        service.database, department_id=service.department_id, key=secret_key(settings).get_secret_value(),
        channels=[service.web_channel.name, *(channel.name for channel in service.channels)],
        zalo=zalo_pairing(service.channels, settings),
        address_of=partial(client_address, settings=settings), files_dir=settings.files_dir,
        public_url=settings.public_url, windows=message_windows(settings),
    )  # fmt: skip
    routes.append(Mount("/static", StaticFiles(directory=STATIC), name="static"))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        await service.start()
        yield
        await service.stop()

    async def failed(request: Request, error: Exception) -> Response:
        log.error("request_failed", path=request.url.path, error=type(error).__name__)
        return Response("Có trục trặc, anh/chị thử lại giúp.", 500, media_type="text/plain; charset=utf-8")

    middleware = [Middleware(SecurityHeaders, widget_origins=settings.widget_origins)]

    async def away(request: Request, error: Exception) -> Response:
        log.warning("database_away", path=request.url.path, error=type(error).__name__)
        again = {"Retry-After": "3"}
        if request.url.path.startswith("/chat/"):
            return JSONResponse({"error": "unavailable"}, 503, headers=again)
        return PlainTextResponse("Hệ thống đang tạm nghỉ, anh/chị thử lại sau ít giây nhé.", 503, headers=again)

    unreachable: dict[Any, Any] = dict.fromkeys(
        (OperationalError, InterfaceError, PoolTimeout, ConnectionError, TimeoutError), away
    )
    handlers = {Exception: failed, 404: pages.not_found, **unreachable}
    return Starlette(routes=routes, middleware=middleware, lifespan=lifespan, exception_handlers=handlers)
