"""The real program killed with SIGKILL between storing and replying: afterwards everybody still gets one reply.

A reply whose sending had begun may come twice, and its row says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import func, select

from bot.config import Settings
from db.engine import Database
from db.models import Conversation, InboxMessage, InboxStatus, OutboxMessage, OutboxStatus
from handlers.texts import say
from tests.conftest import MakeSettings
from tests.fakes.telegram import TOKEN, FakeTelegram, Fault, fake_telegram
from tests.postgres import free_port
from tests.waiting import eventually

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
MENU = say("menu")


class Program:
    """``python -m bot serve`` as a process of its own."""

    def __init__(self, settings: Settings, server: FakeTelegram, **environment: str) -> None:
        self.port = free_port()
        self._environment = {
            "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONPATH": str(ROOT),
            "DATABASE_URL": settings.database_url, "SECRET_KEY": "k" * 40, "VAR_DIR": str(settings.var_dir),
            "PORT": str(self.port), "LEASE_S": "2", "TELEGRAM_TOKEN": TOKEN, "TELEGRAM_API_URL": server.url,
            "TELEGRAM_RATE": "1000", "TELEGRAM_CHAT_RATE": "1000", "BURST_WAIT_S": "0.1",
        } | environment  # fmt: skip
        self._log = settings.var_dir / "program.log"
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "serve", env=self._environment, cwd=ROOT, stdout=log, stderr=log
            )
        async with asyncio.timeout(60), aiohttp.ClientSession() as client:
            while True:
                assert self.process.returncode is None, self._log.read_text()
                with contextlib.suppress(aiohttp.ClientError):
                    async with client.get(f"http://127.0.0.1:{self.port}/readyz") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """As if the power went."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(self.process.wait(), 30)
        assert TOKEN.partition(":")[2] not in self._log.read_text()


@contextlib.asynccontextmanager
async def program(settings: Settings, server: FakeTelegram, **environment: str) -> AsyncIterator[Program]:
    running = Program(settings, server, **environment)
    try:
        await running.start()
        yield running
    finally:
        await running.stop()


async def ask(settings: Settings, statement: Any) -> list[Any]:
    database = Database(settings.database_url)
    try:
        return list(await database.read(lambda c: c.execute(statement).all()))
    finally:
        await database.close()


def menus(person: Any) -> int:
    return sum(message["text"] == MENU for message in person.messages)


WEBHOOK = {
    "TELEGRAM_MODE": "webhook", "TELEGRAM_WEBHOOK_SECRET": "s3cret", "PUBLIC_URL": "https://bot.example",
}  # fmt: skip


@pytest.mark.parametrize("mode", ["webhook", "polling"])
async def test_killed_before_the_turn(make_settings: MakeSettings, mode: str) -> None:
    """The message is stored and acknowledged; its turn waits for the next message of a burst."""
    settings = make_settings()
    environment = WEBHOOK if mode == "webhook" else {}
    async with fake_telegram() as server:
        person = server.person()
        async with program(settings, server, **environment, BURST_WAIT_S="6") as running:
            server.tunnel["https://bot.example"] = f"http://127.0.0.1:{running.port}"
            await eventually(lambda: bool(server.webhook) or any(c.method == "getUpdates" for c in server.calls))
            person.say("alo")
            await eventually(lambda: ask(settings, select(InboxMessage.id)))
            await running.kill()
            assert await ask(settings, select(OutboxMessage.id)) == []
            await running.start()
            await eventually(lambda: bool(person.messages))
            await asyncio.sleep(1)
        sent = await ask(settings, select(OutboxMessage.attempts, OutboxMessage.status))
        assert len(person.messages) == len(sent)
        assert {tuple(row) for row in sent} == {(1, OutboxStatus.SENT)}
        assert await ask(settings, select(InboxMessage.status)) == [(InboxStatus.DONE,)]


@pytest.mark.parametrize("reached", [False, True], ids=["before it arrived", "after it arrived"])
async def test_killed_while_sending(make_settings: MakeSettings, reached: bool) -> None:
    settings = make_settings()
    async with fake_telegram() as server:
        person = server.person()
        async with program(settings, server) as running:
            server.faults.append(Fault("sendMessage", hang_s=60, effect=reached))
            person.say("menu")
            await eventually(lambda: any(call.method == "sendMessage" for call in server.calls))
            await running.kill()
            assert len(person.messages) == int(reached)
            await running.start()
            await eventually(lambda: menus(person) == 1)
            await asyncio.sleep(1)
        tries = await ask(settings, select(OutboxMessage.attempts).order_by(OutboxMessage.seq))
        assert [row.attempts for row in tries] == [2, 1]  # the first is marked: perhaps sent twice
        assert len(person.messages) == 2 + int(reached)


async def test_killed_in_the_middle_of_a_crowd(make_settings: MakeSettings) -> None:
    settings = make_settings()
    sent = select(func.count(OutboxMessage.id)).where(OutboxMessage.status == OutboxStatus.SENT)

    async def sent_everything(count: int) -> bool:
        return bool((await ask(settings, sent))[0][0] >= count)

    async with fake_telegram() as server:
        people = [server.person() for _ in range(40)]
        async with program(settings, server, **WEBHOOK) as running:
            server.tunnel["https://bot.example"] = f"http://127.0.0.1:{running.port}"
            await eventually(lambda: bool(server.webhook))
            for person in people:
                person.say("menu")
            await eventually(lambda: sum(menus(person) for person in people) >= 5)
            await running.kill()
            for person in people:
                person.say("đổi tỉnh")
            await running.start()
            await eventually(lambda: sent_everything(3 * len(people)), 60)
            await asyncio.sleep(1)
        statement = (
            select(Conversation.external_id, func.sum(OutboxMessage.attempts).label("tries"))
            .join(OutboxMessage, OutboxMessage.conversation_id == Conversation.id)
            .group_by(Conversation.external_id)
        )
        tries = {row.external_id: row.tries for row in await ask(settings, statement)}
        for person in people:
            # every message beyond the three is one whose row says that it was tried more than once
            assert menus(person) and 3 <= len(person.messages) <= tries[str(person.chat_id)]
        replies = await ask(settings, select(func.count(OutboxMessage.id)))
        assert replies[0][0] == 3 * len(people)
