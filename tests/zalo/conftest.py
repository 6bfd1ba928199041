"""A service beside the fake Official Account, and time travel."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

from sqlalchemy import func, select, update

from bot.channels.zalo import ZaloChannel
from bot.config import Settings
from db.models import Alert, Conversation, InboxMessage, InboxStatus, OutboxMessage, OutboxStatus, ZaloToken
from db.queries import outbox
from handlers.messages import Reply
from tests.desk.test_privacy import traces as found_traces
from tests.fakes.zalo import FakeZalo, ZaloUser
from tests.harness import Running, running_service

QUESTION = "đăng ký nhãn hiệu cần giấy tờ gì"


class Zalo:
    """The service, the fake and what a test asks of both."""

    def __init__(self, running: Running, fake: FakeZalo) -> None:
        self.running, self.fake = running, fake
        self.database = running.database
        channels = [channel for channel in running.service.channels if isinstance(channel, ZaloChannel)]
        self.channel = channels[0]

    async def settled(self, wait_s: float = 20.0) -> None:
        """No message waits for its turn, no reply to be sent."""

        def waiting(connection: Any) -> int:
            inbox = select(func.count()).where(InboxMessage.status == InboxStatus.NEW)
            outbox = select(func.count()).where(OutboxMessage.status == OutboxStatus.QUEUED)
            return int(connection.execute(inbox).scalar() or 0) + int(connection.execute(outbox).scalar() or 0)

        async with asyncio.timeout(wait_s):
            while await self.database.read(waiting):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def answered(self, person: ZaloUser, at_least: int = 1, wait_s: float = 20.0) -> list[str]:
        async with asyncio.timeout(wait_s):
            while len(person.texts) < at_least:  # noqa: ASYNC110 - the fake has no event for it
                await asyncio.sleep(0.02)
        await self.settled()
        return person.texts

    async def until(self, condition: Callable[[], Any], wait_s: float = 15.0) -> Any:
        """Wait until ``condition`` (perhaps a coroutine) holds, and return it."""
        async with asyncio.timeout(wait_s):
            while True:
                value = condition()
                value = await value if asyncio.iscoroutine(value) else value
                if value:
                    return value
                await asyncio.sleep(0.05)

    async def rows(self, model: Any, *where: Any) -> list[Any]:
        statement = select(model.__table__).where(*where).order_by(*model.__table__.primary_key.columns)
        return list(await self.database.read(lambda c: c.execute(statement).all()))

    async def conversation(self, person: ZaloUser) -> Any:
        return (await self.rows(Conversation, Conversation.external_id == person.user_id))[0]

    async def statuses(self) -> list[str]:
        return [row.status for row in await self.rows(OutboxMessage)]

    async def alerts(self) -> list[str]:
        """Kinds of the open alerts."""
        return [row.kind for row in await self.rows(Alert, Alert.cleared_at.is_(None))]

    async def tokens(self) -> Any:
        return (await self.rows(ZaloToken))[0]

    async def notice(self, person: ZaloUser, text: str) -> None:
        """Something the department wants to tell a person, as the request desk does."""
        conversation = await self.conversation(person)
        now = dt.datetime.now(dt.UTC)
        reply = Reply(text).to_json()
        await self.database.write(lambda c: outbox.queue_reply(c, conversation.id, reply, now=now))

    async def travel(self, hours: float) -> None:
        """Let ``hours`` pass: Zalo's clock goes on, and what we stored is that much older."""
        self.fake.travel(hours)
        back = dt.timedelta(hours=hours)

        def age(connection: Any) -> None:
            for column in (Conversation.last_interaction_at, ZaloToken.obtained_at, ZaloToken.access_expires_at):
                table = column.class_
                for row in connection.execute(select(table.id, column).where(column.is_not(None))).all():
                    statement = update(table).where(table.id == row[0]).values({column.key: row[1] - back})
                    connection.execute(statement)

        await self.database.write(age)


@contextlib.asynccontextmanager
async def zalo_service(
    settings: Settings, fake: FakeZalo, understander: Any, *, ours: bool = True
) -> AsyncIterator[Zalo]:
    """The real service with the Official Account on. ``ours``: the fake's webhook points at it."""
    async with running_service(settings, understander) as running:
        if ours:
            fake.webhook_url = f"{running.url}/webhooks/zalo"
        yield Zalo(running, fake)


@contextlib.asynccontextmanager
async def fake_zalo(**options: Any) -> AsyncIterator[FakeZalo]:
    server = FakeZalo()
    server.patience_s = 15  # a loaded test machine is no fault; one test measures the two seconds
    for name, value in options.items():
        assert hasattr(server, name)
        setattr(server, name, value)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def zalo_world(
    make_settings: Any, understander: Any, *, doubts: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Zalo]:
    async with (
        fake_zalo(**doubts or {}) as fake,
        zalo_service(make_settings(**fake.settings(**settings)), fake, understander) as zalo,
    ):
        yield zalo


async def says(z: Zalo, person: ZaloUser, *texts: str) -> str:
    """Let the person say one thing after the other; everything that was answered to the last."""
    before = 0
    for words in texts:
        before = len(person.messages)
        await person.says(words)
        await z.until(lambda n=before: len(person.messages) > n)
        await z.settled()
    return "\n".join(person.texts[before:])


async def sends(z: Zalo, person: ZaloUser, kind: str) -> str:
    """Let the person send a file; everything that was answered."""
    before = len(person.messages)
    await person.sends(kind)
    await z.until(lambda: len(person.messages) > before)
    await z.settled()
    return "\n".join(person.texts[before:])


async def traces(z: Zalo, *words: str) -> list[str]:
    """The tables and columns in which any of the words can be read."""
    return await found_traces(SimpleNamespace(read=z.database.read), words)  # type: ignore[arg-type]
