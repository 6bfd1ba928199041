"""Accept an update once. After this returns, the update survives a crash, a restart and a database that is away."""

from __future__ import annotations

import datetime as dt
import hashlib

import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bot.channels.base import Channel, Envelope
from bot.dispatcher import Dispatcher
from bot.errors import Unreadable
from bot.metrics import INBOX
from bot.spool import Spool
from db.engine import Database
from db.queries import conversations, operations
from handlers.bursts import says_nothing_alone

log = structlog.get_logger()


class Inbox:
    """The one way in, for webhooks, polling and the web chat alike."""

    def __init__(
        self, database: Database, dispatcher: Dispatcher, spool: Spool, *, department_id: int, burst_wait_s: float
    ) -> None:
        self._database = database
        self._dispatcher = dispatcher
        self._spool = spool
        self._department_id = department_id
        self._burst_wait = dt.timedelta(seconds=burst_wait_s)

    async def receive(self, channel: Channel, raw: bytes) -> Envelope | None:
        """Store a verified update: parsed, or raw and set aside, or in the spool when the database is away.

        Returns what was parsed, for the channel's acknowledgement; None for anything that needs no answer.

        Raises:
            OSError: Neither the database nor the spool took it; the messenger must send it again.
        """
        now = dt.datetime.now(dt.UTC)
        try:
            return await self._receive(channel, raw, now)
        except (SQLAlchemyError, OSError) as error:
            if isinstance(error, DBAPIError) and not self._is_away(error):
                await self._set_aside(channel, raw, Unreadable(type(error).__name__), now)
                return None
            await self._spool.put(channel.name, raw)
            INBOX.labels(channel.name, "spooled").inc()
            log.warning("update_spooled", channel=channel.name, error=type(error).__name__)
            return None

    async def take_in(self, channel: Channel, raw: bytes) -> None:
        """Store an update from the spool. Raises what the database raises while it is still away."""
        await self._receive(channel, raw, dt.datetime.now(dt.UTC))

    async def _receive(self, channel: Channel, raw: bytes, now: dt.datetime) -> Envelope | None:
        try:
            envelope = channel.parse(raw)
        except Unreadable as error:
            await self._set_aside(channel, raw, error, now)
            return None
        if envelope is None:
            INBOX.labels(channel.name, "ignored").inc()
            return None
        await self.store(channel, envelope, now)
        return envelope

    @staticmethod
    def _is_away(error: DBAPIError) -> bool:
        """Whether the database could not be reached or is full, rather than refusing this very row."""
        return error.connection_invalidated or type(error).__name__ in {
            "OperationalError",
            "InterfaceError",
            "InternalError",
        }

    async def store(self, channel: Channel, envelope: Envelope, now: dt.datetime) -> tuple[int, bool]:
        """Store a parsed message once and wake its conversation; its conversation's id, and whether it was new."""
        wait = self._burst_wait if says_nothing_alone(envelope.message) else dt.timedelta()
        new = conversations.NewMessage(
            channel=channel.name, account=channel.account, external_id=envelope.external_id,
            conversation_external_id=envelope.conversation, message=envelope.message.to_json(), received_at=now,
            due_at=now + wait,
        )  # fmt: skip
        conversation_id, is_new = await self._database.write(
            lambda c: conversations.accept_message(c, new, department_id=self._department_id)
        )
        INBOX.labels(channel.name, "stored" if is_new else "duplicate").inc()
        if is_new:
            self._dispatcher.wake(conversation_id, delay_s=wait.total_seconds())
        return conversation_id, is_new

    async def _set_aside(self, channel: Channel, raw: bytes, error: Unreadable, now: dt.datetime) -> None:
        key = error.key or f"raw:{hashlib.sha256(raw).hexdigest()[:32]}"
        await self._database.write(
            lambda c: conversations.set_aside(
                c, department_id=self._department_id, channel=channel.name, account=channel.account, external_id=key,
                raw=raw, error=str(error)[:200], now=now,
            )
        )  # fmt: skip
        INBOX.labels(channel.name, "set_aside").inc()
        log.warning("update_set_aside", channel=channel.name, reason=str(error)[:80])

    async def note_received(self, channel: Channel) -> None:
        """Remember that the channel is alive, for the console."""
        now = dt.datetime.now(dt.UTC)
        await self._database.write(
            lambda c: operations.note_channel(
                c, department_id=self._department_id, channel=channel.name, account=channel.account,
                last_received_at=now,
            )
        )  # fmt: skip
