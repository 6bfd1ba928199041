"""Send queued replies in order per conversation: wait, retry or give up by class of error.

One process sends for a channel at a time (a lease), so the rates hold for the whole deployment. An attempt is marked
before it begins: after a crash in between, a reply may arrive twice, and its row says so.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import structlog
from aiolimiter import AsyncLimiter
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from bot.channels.base import Channel, PushChannel, QuotingChannel, WindowedChannel
from bot.errors import (
    ChannelError,
    ChannelUnavailable,
    CredentialsRejected,
    PayloadRejected,
    RecipientMoved,
    RecipientUnreachable,
    RetryLater,
    WindowClosed,
)
from bot.leases import LeaseKeeper
from bot.metrics import OUTBOX
from bot.notices import Wording
from db.engine import Database
from db.queries import conversations, operations, outbox, reach
from handlers.pending import merge_pending

T = TypeVar("T")

log = structlog.get_logger()

IDLE_S = 1.0
SENDS_AT_ONCE = 64
GIVE_UP_AFTER = dt.timedelta(hours=24)
BACKOFF_LIMIT_S = 300.0
CREDENTIALS_PAUSE_S = 60.0
NOTE_EVERY_S = 5.0
CHAT_BURST = 3
QUOTE_AFTER = dt.timedelta(seconds=60)  # an answer that late says which message it answers


def backoff_s(attempts: int) -> float:
    """Seconds until the next attempt: doubling from one second, at most five minutes, with a little chance."""
    return min(BACKOFF_LIMIT_S, 2.0 ** min(attempts, 9)) * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load only


class Deliverer:
    """Sends for one channel while this process holds its lease."""

    def __init__(
        self, database: Database, channel: Channel, lease: LeaseKeeper, *, department_id: int, wording: Wording
    ) -> None:
        assert isinstance(channel, PushChannel)
        self._wording = wording
        self._database = database
        self._channel = channel
        self._lease = lease
        self._department_id = department_id
        self._overall = AsyncLimiter(max(1.0, channel.rate), max(1.0, 1.0 / channel.rate))
        self._chat_interval = 1.0 / channel.chat_rate
        self._chat_next: dict[int, float] = {}
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._again: set[int] = set()
        self._more = False
        self._wakeup = asyncio.Event()
        self._paused_until = 0.0
        self._down = False
        self._noted_at = 0.0
        self._closing = False

    def wake(self, conversation_id: int) -> None:
        """Something was queued for a conversation."""
        if conversation_id in self._busy:
            self._again.add(conversation_id)
        else:
            self._wakeup.set()

    async def run(self) -> None:
        """Send until closed."""
        while not self._closing:
            try:
                claimed = await self._claim() if await self._lease.held() else 0
            except (SQLAlchemyError, OSError) as error:
                log.warning("delivery_postponed", channel=self._channel.name, error=type(error).__name__)
                claimed = 0
                await asyncio.sleep(IDLE_S)
            if claimed < SENDS_AT_ONCE:
                await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(max(IDLE_S, self._paused_until - time.monotonic())):
                await self._wakeup.wait()
        except TimeoutError:
            pass
        self._wakeup.clear()

    async def _claim(self) -> int:
        if time.monotonic() < self._paused_until or len(self._busy) >= SENDS_AT_ONCE:
            return 0
        now = dt.datetime.now(dt.UTC)
        limit = SENDS_AT_ONCE - len(self._busy)
        busy = list(self._busy)
        rows = await self._database.write(
            lambda c: outbox.claim_replies(c, channel=self._channel.name, busy=busy, now=now, limit=limit)
        )
        self._more = len(rows) == limit
        for row in rows:
            task = asyncio.create_task(self._deliver_all(row), name=f"send-{row.id}")
            self._busy[row.conversation_id] = task
            task.add_done_callback(lambda _, key=row.conversation_id: self._done(key))  # type: ignore[misc]
        return len(rows)

    def _done(self, conversation_id: int) -> None:
        self._busy.pop(conversation_id, None)
        if self._more or conversation_id in self._again:
            self._again.discard(conversation_id)
            self._wakeup.set()

    async def _deliver_all(self, first: Row[Any]) -> None:
        """Deliver what is queued for a conversation, one after the other, until the next one has to wait."""
        row: Row[Any] | None = first
        while row is not None:
            row = await self._deliver(row)

    async def _deliver(self, row: Row[Any]) -> Row[Any] | None:
        """Send a reply and store what became of it; the conversation's next one, if that may go at once."""
        failure: ChannelError | None = None
        external_id = None
        ids = [row.id]
        try:
            await self._respect_rates(row.conversation_id)
            if not self._lease.still_held():
                return None  # whoever holds the lease now will send it
            self._check_window(row)
            external_id = await self._send(row, ids)
        except ChannelError as error:
            failure = error
        except (SQLAlchemyError, OSError) as error:  # the database, which some channels need to send
            failure = ChannelUnavailable(type(error).__name__)
        except Exception as error:  # the row must not stay stuck for a fault of ours
            log.exception("send_failed", channel=self._channel.name, outbox_id=row.id)
            failure = PayloadRejected(type(error).__name__)
        if failure is None:
            return await self._record(lambda: self._sent(row, ids, external_id))
        await self._record(lambda: self._failed(row, failure))
        return None

    def _check_window(self, row: Row[Any]) -> None:
        """Raises WindowClosed when the channel would not deliver to this person now."""
        if isinstance(self._channel, WindowedChannel):
            reason = self._channel.window_closed(row.last_interaction_at, dt.datetime.now(dt.UTC))
            if reason is not None:
                raise WindowClosed(reason)

    async def _send(self, row: Row[Any], ids: list[int]) -> str | None:
        """Send a row, together with those that waited for the person with it: their ids are added to ``ids``."""
        reply = await self._wording.reply(row.reply)
        if row.released_at is not None:
            together = await self._database.read(
                lambda c: reach.released_together(c, row.conversation_id, released_at=row.released_at)
            )
            ids[:] = [other.id for other in together] or [row.id]
            if len(together) > 1:
                reply = merge_pending([await self._wording.reply(other.reply) for other in together])
        late = dt.datetime.now(dt.UTC) - row.created_at > QUOTE_AFTER
        if late and row.released_at is None and row.in_reply_to and isinstance(self._channel, QuotingChannel):
            return await self._channel.send_quoting(row.external_id, reply, row.in_reply_to)
        return await self._channel.send(row.external_id, reply)

    async def _record(self, write: Callable[[], Awaitable[T]]) -> T | None:
        """Keep trying until the result of a send is stored: sending again would be the alternative."""
        while True:
            try:
                return await write()
            except (SQLAlchemyError, OSError) as error:
                log.warning("delivery_result_waits", channel=self._channel.name, error=type(error).__name__)
                await asyncio.sleep(IDLE_S)
                if self._closing:
                    return None

    async def _respect_rates(self, conversation_id: int) -> None:
        """Wait for the chat's turn (a short burst may go at once, then ``chat_rate``) and for the channel's."""
        now = time.monotonic()
        full_at = max(now, self._chat_next.get(conversation_id, 0.0))
        self._chat_next[conversation_id] = full_at + self._chat_interval
        if len(self._chat_next) > 10_000:
            self._chat_next = {key: value for key, value in self._chat_next.items() if value > now}
        wait = full_at - now - (CHAT_BURST - 1) * self._chat_interval
        if wait > 0:
            await asyncio.sleep(wait)
        await self._overall.acquire()

    async def _sent(self, row: Row[Any], ids: Sequence[int], external_id: str | None) -> Row[Any] | None:
        """Store that a reply was sent and begin the conversation's next one, in one transaction."""
        now = dt.datetime.now(dt.UTC)
        note = time.monotonic() - self._noted_at > NOTE_EVERY_S or self._down
        may_go_on = not self._closing and time.monotonic() >= self._paused_until and self._lease.still_held()

        def write(connection: Any) -> Row[Any] | None:
            outbox.mark_sent(connection, ids, external_id=external_id, now=now)
            if note:
                operations.note_channel(
                    connection, department_id=self._department_id, channel=self._channel.name,
                    account=self._channel.account, last_sent_at=now,
                )  # fmt: skip
            return outbox.claim_next(connection, row.conversation_id, now=now) if may_go_on else None

        following = await self._database.write(write)
        if note:
            self._noted_at = time.monotonic()
        OUTBOX.labels(self._channel.name, "sent").inc()
        if self._down:
            self._down = False
            log.info("channel_back", channel=self._channel.name)
        return following

    async def _failed(self, row: Row[Any], error: ChannelError) -> None:
        now = dt.datetime.now(dt.UTC)
        OUTBOX.labels(self._channel.name, type(error).__name__).inc()
        code = f"{type(error).__name__}: {error.code}"
        match error:
            case RetryLater():
                if not error.recipient_only:
                    pause_s = min(error.after_s, BACKOFF_LIMIT_S)
                    self._paused_until = max(self._paused_until, time.monotonic() + pause_s)
                later = now + dt.timedelta(seconds=error.after_s)
                await self._database.write(
                    lambda c: outbox.retry_later(c, row.id, not_before=later, error=code, count=False)
                )
            case RecipientUnreachable():
                await self._database.write(
                    lambda c: outbox.recipient_unreachable(c, row.conversation_id, error=code, now=now)
                )
            case WindowClosed():
                await self._database.write(
                    lambda c: reach.wait_for_person(
                        c, row.conversation_id, last_interaction_at=row.last_interaction_at, error=code
                    )
                )
            case RecipientMoved():
                await self._database.write(lambda c: self._move(c, row, error.external_id, now))
            case PayloadRejected():
                log.error("reply_rejected", channel=self._channel.name, outbox_id=row.id, code=error.code)
                await self._database.write(lambda c: outbox.give_up(c, row.id, error=code))
            case ChannelUnavailable() | CredentialsRejected() | _:
                await self._unavailable(row, error, code, now)

    @staticmethod
    def _move(connection: Any, row: Row[Any], external_id: str, now: dt.datetime) -> None:
        conversations.move_conversation(connection, row.conversation_id, external_id=external_id)
        outbox.retry_later(connection, row.id, not_before=now, error="RecipientMoved")

    async def _unavailable(self, row: Row[Any], error: ChannelError, code: str, now: dt.datetime) -> None:
        if isinstance(error, CredentialsRejected):
            self._paused_until = time.monotonic() + CREDENTIALS_PAUSE_S
        if not self._down:
            self._down = True
            log.error("channel_down", channel=self._channel.name, code=error.code)

        def write(connection: Any) -> None:
            if now - (row.released_at or row.created_at) > GIVE_UP_AFTER:  # waiting for the person does not count
                outbox.give_up(connection, row.id, error=code)
            else:
                later = now + dt.timedelta(seconds=backoff_s(row.attempts))
                outbox.retry_later(connection, row.id, not_before=later, error=code)
            operations.note_channel(
                connection, department_id=self._department_id, channel=self._channel.name,
                account=self._channel.account, last_error=code, last_error_at=now,
            )  # fmt: skip

        await self._database.write(write)

    async def close(self) -> None:
        """Finish the sends under way."""
        self._closing = True
        self._wakeup.set()
        if self._busy:
            await asyncio.wait(list(self._busy.values()), timeout=10)
