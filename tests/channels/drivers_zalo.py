"""People on the Zalo Official Account and on the Zalo Bot Platform, for the contract suite and the dialogues.

There are no buttons on screen: a choice of the newest offer is answered with its number, an older one with the code
that stands for it (``#`` and its data), which anybody may type; the driver reads the code from the stored reply.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Literal

from sqlalchemy import select

from bot.channels import zalo_bot, zalo_codes
from db.models import Conversation, OutboxMessage
from handlers.texts import say
from tests.fakes.zalo import FakeZalo, ZaloUser
from tests.fakes.zalo import Fault as ZaloFault
from tests.fakes.zalo_bot import BotUser, FakeZaloBot
from tests.fakes.zalo_bot import Fault as BotFault
from tests.harness import Running

Reply = dict[str, Any]
CHOICES = re.compile(r"\n\n" + re.escape(say("choose_by_number")) + r"((?:\n\d+\. [^\n]+)+)$")
WAIT_S = 1.2


def as_replies(texts: list[str]) -> list[Reply]:
    """Messages as shown, their numbered choices apart."""
    replies = []
    for text in texts:
        found = CHOICES.search(text)
        labels = [line.partition(". ")[2] for line in found.group(1).strip().splitlines()] if found else []
        replies.append({"text": text[: found.start()] if found else text, "choices": labels})
    return replies


class NumberedPerson:
    """Somebody on a channel without buttons."""

    def __init__(self, running: Running, user: Any) -> None:
        self._running = running
        self.user = user

    def external_id(self) -> str:
        return str(getattr(self.user, "user_id", None) or self.user.chat_id)

    async def says(self, text: str) -> None:
        await self.user.says(text)

    async def replies(self) -> list[Reply]:
        return as_replies(self.user.texts)

    async def taps(self, label: str, *, reply: int = -1) -> None:
        offers = [shown["choices"] for shown in await self.replies() if shown["choices"]]
        with_label = [choices for choices in offers if label in choices]
        assert with_label, f"no choice «{label}»"
        if with_label[reply] is offers[-1]:
            await self.says(str(offers[-1].index(label) + 1))
            return
        codes = [data for choices in await self._stored_choices() for shown, data in choices if shown == label]
        await self.taps_lost_button(codes[reply])

    async def _stored_choices(self) -> list[list[list[str]]]:
        statement = (
            select(OutboxMessage.reply)
            .join(Conversation, Conversation.id == OutboxMessage.conversation_id)
            .where(Conversation.external_id == self.external_id())
            .order_by(OutboxMessage.seq)
        )
        rows = await self._running.database.read(lambda c: c.execute(statement).scalars().all())
        return [reply["choices"] for reply in rows]

    async def taps_lost_button(self, data: str) -> None:
        await self.says(f"#{data}")


class ZaloPerson(NumberedPerson):
    user: ZaloUser

    async def sends(self, kind: str) -> None:
        if kind == "start":
            await self.user.server.deliver(self.user.profile_event("user_click_chatnow"))
        else:
            await self.user.sends(kind)


class ZaloDriver:
    """The Official Account, by webhook."""

    name = "zalo"
    kinds = ("photo", "voice", "video", "file", "location", "start")

    def __init__(self) -> None:
        self.server = FakeZalo()
        self.server.patience_s = 15
        self._wait_s = zalo_codes.CALLS_WAIT_S

    def settings(self) -> dict[str, Any]:
        return self.server.settings()

    async def open(self) -> None:
        await self.server.start()
        zalo_codes.CALLS_WAIT_S = WAIT_S  # in earnest it waits for most of Zalo's minute

    async def attach(self, running: Running) -> None:
        self._running = running
        self.server.webhook_url = f"{running.url}/webhooks/zalo"

    def person(self) -> ZaloPerson:
        return ZaloPerson(self._running, self.server.person())

    async def raw(self, body: bytes, *, trusted: bool = True) -> int:
        timestamp = ""
        try:
            parsed = json.loads(body)
            timestamp = str(parsed.get("timestamp", "")) if isinstance(parsed, dict) else ""
        except (ValueError, RecursionError):
            pass
        signature = self.server.sign(body, timestamp) if trusted else "mac=" + "0" * 64
        return await self.server.post(body, {"X-ZEvent-Signature": signature})

    async def same_message_at_once(self, person: Any, text: str, times: int) -> None:
        event = person.user.text_event(text)
        statuses = await asyncio.gather(*(self.server.deliver(event, retries=False) for _ in range(times)))
        assert set(statuses) == {200}

    def refuse(self, person: Any, how: Literal["wait", "blocked", "down", "moved"]) -> None:
        if how == "blocked":
            person.user.state = "blocked"
        elif how == "wait":
            self.server.faults.append(ZaloFault("/message/cs", code=-32))
        else:
            self.server.faults.append(ZaloFault("/message/cs", body=b"<html>Bad Gateway</html>", status=502, times=2))

    def unknown_event(self, person: Any) -> bytes:
        event = person.user.event("shop_has_order")
        return json.dumps(event).encode()

    def sent_count(self) -> int:
        return sum(len(user.messages) for user in self.server.people.values())

    async def close(self) -> None:
        zalo_codes.CALLS_WAIT_S = self._wait_s
        await self.server.stop()


class ZaloBotPerson(NumberedPerson):
    user: BotUser

    async def sends(self, kind: str) -> None:
        if kind == "start":
            await self.says("/start")
        else:
            await self.user.sends(kind)


class ZaloBotDriver:
    """The Bot Platform, polling or by webhook."""

    name = "zalo_bot"
    kinds = ("photo", "voice", "start")

    def __init__(self, mode: Literal["polling", "webhook"] = "polling") -> None:
        self.mode = mode
        self.server = FakeZaloBot()
        self._wait_s = zalo_bot.RATE_WAIT_S

    def settings(self) -> dict[str, Any]:
        values = self.server.settings(zalo_bot_mode=self.mode)
        if self.mode == "webhook":
            values |= {"zalo_bot_webhook_secret": "s3cret_of_the_tests", "public_url": "https://bot.example"}
        return values

    async def open(self) -> None:
        await self.server.start()
        zalo_bot.RATE_WAIT_S = WAIT_S

    async def attach(self, running: Running) -> None:
        self._running = running
        self.server.tunnel["https://bot.example"] = running.url
        async with asyncio.timeout(10):
            while self.mode == "webhook" and not self.server.webhook:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def person(self) -> ZaloBotPerson:
        return ZaloBotPerson(self._running, self.server.person())

    async def raw(self, body: bytes, *, trusted: bool = True) -> int:
        return await self.server.push(body, secret=None if trusted else "guessed-secret")

    async def same_message_at_once(self, person: Any, text: str, times: int) -> None:
        update = person.user.text_update(text)
        await asyncio.gather(*(self.server.bring(update) for _ in range(times)))

    def refuse(self, person: Any, how: Literal["wait", "blocked", "down", "moved"]) -> None:
        if how == "blocked":
            self.server.blocked.add(person.user.chat_id)
        elif how == "wait":
            self.server.faults.append(BotFault("sendMessage", 429))
        else:
            self.server.faults.append(BotFault("sendMessage", 502, body=b"<html>Bad Gateway</html>", times=2))

    def unknown_event(self, person: Any) -> bytes:
        return json.dumps({"ok": True, "result": {"event_name": "bot.of.the.future"}}).encode()

    def sent_count(self) -> int:
        return sum(len(user.messages) for user in self.server.people.values())

    async def close(self) -> None:
        zalo_bot.RATE_WAIT_S = self._wait_s
        await self.server.stop()
