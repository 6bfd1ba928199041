"""Accept an update once. After this returns, the update survives a crash, a restart and a database that is away."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import time
from typing import Any

import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError

from bot.channels.base import Channel, Envelope, RecordingChannel, Signal, SignalKind
from bot.dispatcher import Dispatcher
from bot.errors import Unreadable, Unwanted
from bot.live import Live
from bot.metrics import INBOX
from bot.spool import Spool
from db.engine import Database
from db.queries import conversations, operations, reach
from desk import withdrawal
from desk.settings import load_desk
from handlers.bursts import says_nothing_alone

log = structlog.get_logger()

STORE_S = 1.5  # Zalo counts an answer after two seconds as a failure; the spool takes what the database does not
NOTE_EVERY_S = 5.0
RECEIPT_AGAIN_S = 2.0
ROW_REFUSED = frozenset({"22", "23", "42"})  # classes of SQLSTATE: data, constraint, statement


class Inbox:
    """The one way in, for webhooks, polling and the web chat alike."""

    def __init__(
        self, database: Database, dispatcher: Dispatcher, spool: Spool, live: Live, *, department_id: int,
        burst_wait_s: float,
    ) -> None:  # fmt: skip
        self._database = database
        self._dispatcher = dispatcher
        self._spool = spool
        self._live = live
        self._department_id = department_id
        self._burst_wait = dt.timedelta(seconds=burst_wait_s)
        self._noted_at: dict[str, float] = {}
        self._noting: set[asyncio.Task[None]] = set()

    def wake(self, conversation_id: int, delay_s: float = 0.0) -> None:
        """What a stored message waited for has come: its turn may begin in ``delay_s`` seconds."""
        self._dispatcher.wake(conversation_id, delay_s=delay_s)

    async def receive(self, channel: Channel, raw: bytes) -> Envelope | None:
        """Store a verified update: parsed, or raw and set aside, or in the spool when the database is away.

        Returns what was parsed, for the channel's acknowledgement; None for anything that needs no answer.

        Raises:
            OSError: Neither the database nor the spool took it; the messenger must send it again.
        """
        now = dt.datetime.now(dt.UTC)
        try:
            async with asyncio.timeout(STORE_S):
                taken = await self._take(channel, raw, now)
            return None if self._live.is_off(channel.name) else taken  # acknowledging would be sending
        except (SQLAlchemyError, OSError) as error:
            await self._spool.put(channel.name, raw)
            INBOX.labels(channel.name, "spooled").inc()
            log.warning("update_spooled", channel=channel.name, error=type(error).__name__)
            return None

    async def take_in(self, channel: Channel, raw: bytes) -> None:
        """Store an update from the spool. Raises what the database raises while it is still away."""
        await self._take(channel, raw, dt.datetime.now(dt.UTC))

    async def _take(self, channel: Channel, raw: bytes, now: dt.datetime) -> Envelope | None:
        """Store, or set aside what itself is the trouble: refused, it would come again for a day."""
        try:
            taken = await self._receive(channel, raw, now)
        except Exception as error:
            if self._is_away(error):
                raise
            await self._set_aside(channel, raw, Unreadable(type(error).__name__), now)
            return None
        await self._note_received(channel, now)
        return taken

    async def _receive(self, channel: Channel, raw: bytes, now: dt.datetime) -> Envelope | None:
        try:
            update = channel.parse(raw)
        except Unreadable as error:
            await self._set_aside(channel, raw, error, now)
            return None
        try:
            if isinstance(update, Envelope):
                await self.store(channel, update, now)
                return update
            if isinstance(update, Signal):
                await self._apply(channel, update, now)
                return None
        except Unwanted:
            log.info("update_unwanted", channel=channel.name)
        INBOX.labels(channel.name, "ignored").inc()
        return None

    @staticmethod
    def _is_away(error: Exception) -> bool:
        """Whether the database could not be reached or is full, rather than refusing this very row."""
        if not isinstance(error, DBAPIError):
            return isinstance(error, SQLAlchemyError | OSError)
        if state := getattr(error.orig, "sqlstate", None):
            return state[:2] not in ROW_REFUSED
        return error.connection_invalidated or not isinstance(error, IntegrityError | DataError | ProgrammingError)

    async def store(self, channel: Channel, envelope: Envelope, now: dt.datetime) -> tuple[int, bool]:
        """Store a parsed message once and wake its conversation; its conversation's id, and whether it was new."""
        wait = self._burst_wait if says_nothing_alone(envelope.message) else dt.timedelta()
        new = conversations.NewMessage(
            channel=channel.name, account=channel.account, external_id=envelope.external_id,
            conversation_external_id=envelope.conversation, message=envelope.message.to_json(), received_at=now,
            due_at=now + wait, occurred_at=min(envelope.occurred_at or now, now),
        )  # fmt: skip

        def write(connection: Any) -> tuple[int, bool]:
            conversation_id, is_new = conversations.accept_message(connection, new, department_id=self._department_id)
            if is_new and envelope.interaction:
                reach.note_interaction(connection, conversation_id, at=new.occurred_at or now, now=now)
            if isinstance(channel, RecordingChannel):
                channel.record(connection, envelope, conversation_id, is_new=is_new, now=now)
            return conversation_id, is_new

        conversation_id, is_new = await self._database.write(write)
        INBOX.labels(channel.name, "stored" if is_new else "duplicate").inc()
        if is_new:
            self._dispatcher.wake(conversation_id, delay_s=wait.total_seconds())
        return conversation_id, is_new

    async def _apply(self, channel: Channel, signal: Signal, now: dt.datetime) -> None:
        """Store what an update that is no message says, once, however often it comes."""
        at = min(signal.occurred_at, now)
        identity = {"channel": channel.name, "account": channel.account}
        if signal.kind in (SignalKind.DELIVERED, SignalKind.SEEN):
            if not await self._note_receipt(channel, signal, at):
                # it may have overtaken the commit that says under which id the message went out
                asyncio.get_running_loop().call_later(RECEIPT_AGAIN_S, self._note_again, channel, signal, at)
            return

        def write(connection: Any) -> bool:
            conversation_id = conversations.open_conversation(
                connection, external_id=signal.conversation, department_id=self._department_id, now=now, **identity
            )
            is_new = reach.record_signal(
                connection, department_id=self._department_id, external_id=signal.external_id,
                conversation_id=conversation_id, occurred_at=at, now=now, **identity,
            )  # fmt: skip
            if not is_new and signal.kind is SignalKind.WITHDRAWN:
                raise Unwanted  # the conversation that was opened for it would bring back what was erased
            if is_new:
                self._apply_new(connection, signal, conversation_id, at=at, now=now)
            if isinstance(channel, RecordingChannel):
                channel.record(connection, signal, conversation_id, is_new=is_new, now=now)
            return is_new

        is_new = await self._database.write(write)
        INBOX.labels(channel.name, "stored" if is_new else "duplicate").inc()

    async def _note_receipt(self, channel: Channel, signal: Signal, at: dt.datetime) -> bool:
        """Note that messages of ours were delivered or seen; whether any of them was waiting for that."""

        def write(connection: Any) -> bool:
            found = conversations.find_conversation(
                connection, channel=channel.name, account=channel.account, external_id=signal.conversation
            )
            if found is None:
                return False
            seen = signal.kind is SignalKind.SEEN
            return reach.mark_received(connection, found.id, signal.message_ids, at=at, seen=seen) > 0

        noted = await self._database.write(write)
        INBOX.labels(channel.name, "stored" if noted else "duplicate").inc()
        return noted

    def _note_again(self, channel: Channel, signal: Signal, at: dt.datetime) -> None:
        async def note() -> None:
            with contextlib.suppress(SQLAlchemyError, OSError, RuntimeError):  # the service may be stopping
                await self._note_receipt(channel, signal, at)

        task = asyncio.create_task(note())
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    def _apply_new(
        self, connection: Any, signal: Signal, conversation_id: int, *, at: dt.datetime, now: dt.datetime
    ) -> None:
        match signal.kind:
            case SignalKind.INTERACTED:
                reach.note_interaction(connection, conversation_id, at=at, now=now)
            case SignalKind.TAKEN_OVER if signal.until is not None:
                reach.pause(connection, conversation_id, until=signal.until)
            case SignalKind.WITHDRAWN:
                desk = load_desk(connection, department_id=self._department_id)
                erased = withdrawal.erase_everything(connection, desk, conversation_id=conversation_id, at=at, now=now)
                operations.audit(
                    connection, department_id=self._department_id, action="privacy.withdrew", now=now,
                    conversation_id=conversation_id, asked_at=at.isoformat(), rows=erased.rows,
                    requests=erased.requests, files=erased.files,
                )  # fmt: skip
            case _:
                pass

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

    async def note(self, channel: Channel, **values: Any) -> None:
        """Record what a channel last did, for the console and for where polling goes on."""
        await self._database.write(
            lambda c: operations.note_channel(
                c, department_id=self._department_id, channel=channel.name, account=channel.account, **values
            )
        )

    async def _note_received(self, channel: Channel, now: dt.datetime) -> None:
        """Remember that the channel is alive; seldom, so that it costs no write per update."""
        if time.monotonic() - self._noted_at.get(channel.name, -NOTE_EVERY_S) < NOTE_EVERY_S:
            return
        self._noted_at[channel.name] = time.monotonic()
        with contextlib.suppress(SQLAlchemyError, OSError):
            await self.note(channel, last_received_at=now)
