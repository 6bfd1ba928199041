"""A person on any channel, through the channel's real protocol; one driver a channel, all alike.

A further channel brings a ``Driver`` (and, where the messenger can refuse, a ``MessengerDriver``) and enters it in
``DRIVERS``; the contract suite and the dialogues then run on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

from sqlalchemy import func, select

from db.engine import Database
from db.models import InboxMessage, InboxStatus, OutboxMessage, OutboxStatus
from knowledge.understanding import Understander
from tests.channels.drivers_zalo import ZaloBotDriver, ZaloDriver
from tests.conftest import MakeSettings
from tests.fakes.telegram import FakeTelegram, Fault
from tests.fakes.telegram import Person as TelegramUser
from tests.harness import Running, WebPerson, running_service
from tests.waiting import eventually

Reply = dict[str, Any]  # {"text": the whole message as shown, "choices": [labels]}


class Person(Protocol):
    """Somebody who talks to the bot."""

    async def says(self, text: str) -> None: ...

    async def taps(self, label: str, *, reply: int = -1) -> None:
        """Tap the button with this label below the ``reply``-th message that has it, counted as in a list."""

    async def taps_lost_button(self, data: str) -> None:
        """Tap a button of an earlier release, below a message nobody remembers."""

    async def sends(self, kind: str) -> None:
        """Send ``photo``, ``voice``, ``video``, ``file``, ``location`` or ``start``."""

    async def replies(self) -> list[Reply]:
        """Everything the bot has written to this person, in order."""

    def external_id(self) -> str:
        """The conversation's id in our tables."""


class Driver(Protocol):
    """Brings a channel up beside a service and finds people for it."""

    name: str

    def settings(self) -> dict[str, Any]:
        """What turns the channel on; called after ``open``."""

    async def open(self) -> None: ...

    async def attach(self, running: Running) -> None:
        """The service is up: wait until the channel is ready to talk."""

    def person(self) -> Person: ...

    async def raw(self, body: bytes, *, trusted: bool = True) -> int:
        """Post a body as the messenger would (or, not trusted, as somebody else would); the status of the answer."""

    async def same_message_at_once(self, person: Person, text: str, times: int) -> None:
        """Deliver one message many times at the same moment."""

    async def close(self) -> None: ...


@runtime_checkable
class MessengerDriver(Protocol):
    """A channel whose messenger can refuse what we send."""

    def refuse(self, person: Person, how: Literal["wait", "blocked", "down", "moved"]) -> None: ...

    def unknown_event(self, person: Person) -> bytes: ...

    def sent_count(self) -> int: ...


async def settled(database: Database, wait_s: float = 20.0) -> None:
    """Wait until no message waits for its turn and no reply to be sent."""

    def waiting(connection: Any) -> int:
        inbox = select(func.count()).where(InboxMessage.status == InboxStatus.NEW)
        outbox = select(func.count()).where(OutboxMessage.status == OutboxStatus.QUEUED)
        return int(connection.execute(inbox).scalar() or 0) + int(connection.execute(outbox).scalar() or 0)

    async def quiet() -> bool:
        return not await database.read(waiting)

    await eventually(quiet, wait_s)


# -- web ----------------------------------------------------------------------------------------------------------


class WebVisitor:
    def __init__(self, running: Running) -> None:
        self.web = WebPerson(running)
        self.shown: list[dict[str, Any]] = []

    async def says(self, text: str) -> None:
        assert (await self.web.deliver(text=text)).status_code == 202

    async def taps(self, label: str, *, reply: int = -1) -> None:
        await self.replies()
        found = [data for row in self.shown for shown, data in row["choices"] if shown == label]
        assert found, f"no button «{label}»"
        assert (await self.web.deliver(tap=found[reply], label=label)).status_code == 202

    async def taps_lost_button(self, data: str) -> None:
        assert (await self.web.deliver(tap=data)).status_code == 202

    async def sends(self, kind: str) -> None:
        assert (await self.web.deliver(kind=kind)).status_code == 202

    async def replies(self) -> list[Reply]:
        self.shown += await self.web.replies(at_least=0)
        return [
            {
                "text": _plain(row["heading"], row["body"], row["note"]),
                "choices": [label for label, _ in row["choices"]],
            }
            for row in self.shown
        ]

    def external_id(self) -> str:
        import hashlib

        return hashlib.sha256(self.web.token.encode()).hexdigest()


def _plain(heading: str | None, body: str, note: str | None) -> str:
    return "\n".join(part for part in (heading, body.strip()) if part) + (f"\n\n{note}" if note else "")


class WebDriver:
    name = "web"

    def settings(self) -> dict[str, Any]:
        return {"web_rate_per_minute": 10_000, "web_address_rate_per_minute": 10_000}

    async def open(self) -> None:
        pass

    async def attach(self, running: Running) -> None:
        self._running = running

    def person(self) -> WebVisitor:
        return WebVisitor(self._running)

    async def raw(self, body: bytes, *, trusted: bool = True) -> int:
        headers = {"x-chat-token": secrets.token_urlsafe(32)} if trusted else {}
        return (await self._running.client.post("/chat/messages", content=body, headers=headers)).status_code

    async def same_message_at_once(self, person: Person, text: str, times: int) -> None:
        assert isinstance(person, WebVisitor)
        answers = await asyncio.gather(*(person.web.post(id="one-and-the-same", text=text) for _ in range(times)))
        assert {answer.status_code for answer in answers} == {202}

    async def close(self) -> None:
        pass


# -- Telegram -----------------------------------------------------------------------------------------------------


class TelegramPerson:
    def __init__(self, user: TelegramUser) -> None:
        self.user = user

    async def says(self, text: str) -> None:
        self.user.say(text)

    async def taps(self, label: str, *, reply: int = -1) -> None:
        found = [
            (message["message_id"], button["callback_data"])
            for message in self.user.messages
            for row in message.get("reply_markup", {}).get("inline_keyboard", [])
            for button in row
            if button["text"] == label
        ]
        assert found, f"no button «{label}»"
        self.user.press(*found[reply])

    async def taps_lost_button(self, data: str) -> None:
        self.user.press(0, data)

    async def sends(self, kind: str) -> None:
        self.user.send(kind)

    async def replies(self) -> list[Reply]:
        return [
            {
                "text": message["text"],
                "choices": [
                    button["text"]
                    for row in message.get("reply_markup", {}).get("inline_keyboard", [])
                    for button in row
                ],
            }
            for message in self.user.messages
        ]

    def external_id(self) -> str:
        return str(self.user.chat_id)


class TelegramDriver:
    """Webhook mode through a fake public address, or polling."""

    def __init__(self, mode: Literal["webhook", "polling"] = "webhook", **options: Any) -> None:
        self.name = "telegram"
        self.mode = mode
        self.server = FakeTelegram(**options)

    def settings(self) -> dict[str, Any]:
        common = {
            "telegram_token": self.server.token, "telegram_api_url": self.server.url, "telegram_mode": self.mode,
            "telegram_rate": 1000, "telegram_chat_rate": 1000,
        }  # fmt: skip
        if self.mode == "polling":
            return common
        return {**common, "telegram_webhook_secret": "s3cret_of_the_tests", "public_url": "https://bot.example"}

    async def open(self) -> None:
        await self.server.start()

    async def attach(self, running: Running) -> None:
        self.server.tunnel["https://bot.example"] = running.url
        self._url = running.url
        await eventually(lambda: self.mode == "polling" or self.server.webhook)

    def person(self) -> TelegramPerson:
        return TelegramPerson(self.server.person())

    async def raw(self, body: bytes, *, trusted: bool = True) -> int:
        status, _ = await self.server.push(body, secret=None if trusted else "guessed")
        return status

    async def same_message_at_once(self, person: Person, text: str, times: int) -> None:
        assert isinstance(person, TelegramPerson)
        update = person.user.message(text=text)
        if self.mode == "polling":
            for _ in range(times):
                self.server.queue(update)
            return
        answers = await asyncio.gather(*(self.server.push(update) for _ in range(times)))
        assert {status for status, _ in answers} == {200}

    def refuse(self, person: Person, how: Literal["wait", "blocked", "down", "moved"]) -> None:
        assert isinstance(person, TelegramPerson)
        faults = {
            "wait": Fault("sendMessage", 429, "Too Many Requests: retry after 1", {"retry_after": 1}),
            "down": Fault("sendMessage", 502, "Bad Gateway", times=2),
        }
        if how == "blocked":
            self.server.blocked.add(person.user.chat_id)
        elif how == "moved":
            self.server.person(person.user.chat_id - 100)
            self.server.moved[person.user.chat_id] = person.user.chat_id - 100
        else:
            self.server.faults.append(faults[how])

    def unknown_event(self, person: Person) -> bytes:
        import json

        assert isinstance(person, TelegramPerson)
        return json.dumps(self.server.update(a_kind_of_the_future={"from": {"id": person.user.chat_id}})).encode()

    def sent_count(self) -> int:
        return sum(len(messages) for messages in self.server.messages.values())

    async def close(self) -> None:
        await self.server.stop()
        assert self.server.violations == []


DRIVERS: dict[str, Any] = {
    "web": WebDriver,
    "telegram": TelegramDriver,
    "telegram-polling": lambda: TelegramDriver("polling"),
    "zalo": ZaloDriver,
    "zalo-bot": lambda: ZaloBotDriver("webhook"),
    "zalo-bot-polling": lambda: ZaloBotDriver("polling"),
}
DIALOGUE_CHANNELS: Sequence[str] = ("web", "telegram", "zalo", "zalo-bot-polling")  # together in one service
MESSENGERS: Sequence[str] = tuple(name for name in DRIVERS if name != "web")


class World:
    """A service with some channels."""

    def __init__(self, running: Running, drivers: dict[str, Any]) -> None:
        self.running = running
        self.database = running.database
        self.drivers = drivers

    async def settled(self) -> None:
        await settled(self.database)

    async def answered(self, person: Person, *, at_least: int = 1) -> list[Reply]:
        """All replies to a person once there are ``at_least`` that many and everything is quiet."""
        async with asyncio.timeout(20):
            while True:
                await self.settled()
                found = await person.replies()
                if len(found) >= at_least:
                    return found
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def world(
    make_settings: MakeSettings, understander: Understander, *names: str, **settings: Any
) -> AsyncIterator[World]:
    """The real service on real HTTP beside the fakes of the named channels."""
    drivers = {name: DRIVERS[name]() for name in names}
    async with contextlib.AsyncExitStack() as stack:
        values: dict[str, Any] = {}
        for driver in drivers.values():
            await driver.open()
            stack.push_async_callback(driver.close)
            values |= driver.settings()
        running = await stack.enter_async_context(running_service(make_settings(**values | settings), understander))
        for driver in drivers.values():
            await driver.attach(running)
        yield World(running, drivers)
