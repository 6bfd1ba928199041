"""The real service on real HTTP, in the test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import uvicorn

from bot.app import Service, build_app
from bot.config import Settings
from db.engine import Database
from db.queries import departments
from knowledge.understanding import Understander


class Running:
    """A service that is being served, with a client for it."""

    def __init__(self, service: Service, url: str, client: httpx.AsyncClient) -> None:
        self.service = service
        self.database = service.database
        self.url = url
        self.client = client


@contextlib.asynccontextmanager
async def running_service(
    settings: Settings, understander: Understander | None = None, **replacements: Any
) -> AsyncIterator[Running]:
    """Start a service on a free port; stop it afterwards. ``replacements`` are set as its attributes first."""
    database = Database(settings.database_url)
    department = await database.read(departments.find_department)
    service = Service(settings, database, department)
    if understander is not None:
        service.store.current = understander
    for name, value in replacements.items():
        setattr(service, name, value)
    config = uvicorn.Config(
        build_app(service), host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="on"
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve())
    while not server.started:
        if task.done():
            await task
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield Running(service, f"http://127.0.0.1:{port}", client)
    finally:
        service.follower.close()
        server.should_exit = True
        await task
        await database.close()


class WebPerson:
    """Someone on the web chat, through its real API."""

    def __init__(self, running: Running) -> None:
        self._client = running.client
        self.token = secrets.token_urlsafe(32)
        self.seen = 0
        self._sent = 0

    async def post(self, **body: Any) -> httpx.Response:
        self._sent += 1
        body.setdefault("id", f"m{self._sent:06d}-{secrets.token_hex(4)}")
        return await self._client.post("/chat/messages", json=body, headers={"x-chat-token": self.token})

    async def deliver(self, **body: Any) -> httpx.Response:
        """Send until it is stored, as the page does: the same message again where the server was too busy (503)."""
        body.setdefault("id", f"d{self._sent:06d}-{secrets.token_hex(4)}")
        for _ in range(5):
            response = await self.post(**body)
            if response.status_code != 503:
                break
            await asyncio.sleep(0.5)
        return response

    async def replies(self, *, at_least: int = 1, wait_s: float = 10.0) -> list[dict[str, Any]]:
        """The replies not yet seen, once there are ``at_least`` that many and no more come."""
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(wait_s):
            while True:
                response = await self._client.get(
                    "/chat/messages", params={"after": self.seen}, headers={"x-chat-token": self.token}
                )
                new = response.json()["replies"]
                found += new
                if new:
                    self.seen = new[-1]["seq"]
                elif len(found) >= at_least:
                    return found
                await asyncio.sleep(0.05)

    async def says(self, text: str) -> list[dict[str, Any]]:
        assert (await self.deliver(text=text)).status_code == 202
        return await self.replies()

    async def taps(self, data: str) -> list[dict[str, Any]]:
        assert (await self.deliver(tap=data)).status_code == 202
        return await self.replies()
