"""Long polling: every update stored by itself, the offset moved only after the commit, one poller by lease."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import random
import time
from collections.abc import Awaitable, Coroutine
from typing import Any, Protocol

import orjson
import structlog
from sqlalchemy.exc import SQLAlchemyError
from telegram.error import TelegramError

from bot.channels.base import Channel
from bot.channels.wire import load_json
from bot.errors import ChannelError, ChannelUnavailable, CredentialsRejected, RetryLater
from bot.inbox import Inbox
from bot.leases import LeaseKeeper
from db.engine import Database
from db.queries import operations

log = structlog.get_logger()

POLL_S = 30
RENEW_S = 1.0
WITHOUT_LEASE_S = 1.0
BACKOFF_LIMIT_S = 60.0
CURSOR_LIFE_S = 86_400  # update ids start anew at random after a week; no update lives longer than a day


class UpdateSource(Channel, Protocol):
    """What the poller needs of its channel."""

    async def prepare_polling(self) -> None:
        """Take a webhook off, keeping what waits."""
        ...

    async def fetch_updates(self, offset: int | None, timeout_s: int) -> bytes:
        """The raw answer of getUpdates."""
        ...

    async def acknowledge(self, token: str) -> None:
        """Tell the messenger that a tap arrived."""
        ...

    def classify(self, error: TelegramError) -> ChannelError:
        """The error by what to do next."""
        ...


class Poller:
    """Fetches for one channel while this process holds the lease."""

    def __init__(self, channel: UpdateSource, database: Database, inbox: Inbox, lease: LeaseKeeper) -> None:
        self._channel = channel
        self._database = database
        self._inbox = inbox
        self._lease = lease
        self._prepared = False
        self._offset: int | None = None
        self._failures = 0

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            try:
                if not await self._lease.held():
                    self._prepared = False
                    await asyncio.sleep(WITHOUT_LEASE_S)
                    continue
                await self._poll_once()
                await self._note_up()
            except TelegramError as error:
                await self._wait_after(self._channel.classify(error))
            except ChannelError as error:
                await self._wait_after(error)
            except (SQLAlchemyError, OSError) as error:
                # what is not stored stays with the messenger, for a day
                await self._wait_after(ChannelUnavailable(f"not stored: {type(error).__name__}"))

    async def _poll_once(self) -> None:
        if not self._prepared:
            await self._channel.prepare_polling()
            cursor = await self._database.read(
                lambda c: operations.channel_cursor(c, channel=self._channel.name, account=self._channel.account)
            )
            self._offset = read_cursor(cursor)
            self._prepared = True
        payload = await self._while_held(self._channel.fetch_updates(self._offset, POLL_S))
        if payload is None:
            self._prepared = False
            return
        # the call confirmed what lies below its offset; keeping it would hide updates whose ids start anew lower
        self._offset = None
        await self._store(_updates(payload))

    async def _while_held(self, call: Coroutine[Any, Any, bytes]) -> bytes | None:
        """The call's answer; None, and the call given up, when another process took the lease."""
        task = asyncio.ensure_future(call)
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=RENEW_S)
                if not task.done() and not await self._still_held():
                    return None
            return await task
        finally:
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, TelegramError):
                    await task

    async def _still_held(self) -> bool:
        try:
            return await self._lease.held()
        except (SQLAlchemyError, OSError):
            return self._lease.still_held()

    async def _store(self, updates: list[Any]) -> None:
        """Store in order. After a failure the rest is fetched again; what was stored is known by its key."""
        offset: int | None = None
        try:
            for update in updates:
                envelope = await self._inbox.receive(self._channel, _dump(update))
                if isinstance(update, dict) and type(update.get("update_id")) is int:
                    offset = update["update_id"] + 1
                if envelope is not None and envelope.acknowledge:
                    await self._channel.acknowledge(envelope.acknowledge)
        finally:
            self._offset = offset
            if offset is not None:
                cursor = write_cursor(offset)
                note = self._inbox.note(self._channel, cursor=cursor, last_received_at=dt.datetime.now(dt.UTC))
                await _best_effort(note)
        if updates and offset is None:
            raise ChannelUnavailable("updates without ids")

    async def _note_up(self) -> None:
        if self._failures:
            self._failures = 0
            log.info("polling_back", channel=self._channel.name)

    async def _wait_after(self, error: ChannelError) -> None:
        if not self._failures:
            log.error("polling_down", channel=self._channel.name, code=error.code)
            note = self._inbox.note(
                self._channel, last_error=f"{type(error).__name__}: {error.code}"[:200],
                last_error_at=dt.datetime.now(dt.UTC),
            )  # fmt: skip
            await _best_effort(note)
        self._failures += 1
        if isinstance(error, RetryLater):
            wait_s = error.after_s
        elif isinstance(error, CredentialsRejected):
            wait_s = BACKOFF_LIMIT_S
        else:
            wait_s = min(BACKOFF_LIMIT_S, 2.0 ** min(self._failures - 1, 6))
        await asyncio.sleep(wait_s * random.uniform(0.9, 1.1))  # noqa: S311 - spreads load only


def write_cursor(offset: int) -> str:
    """An offset with the time it was true."""
    return f"{offset}@{int(time.time())}"


def read_cursor(cursor: str | None) -> int | None:
    """The offset of a cursor; None when it is too old to be trusted: what comes twice is known by its key."""
    offset, _, at = (cursor or "").partition("@")
    if not (offset.isdigit() and at.isdigit()) or time.time() - int(at) > CURSOR_LIFE_S:
        return None
    return int(offset)


async def _best_effort(note: Awaitable[None]) -> None:
    """For notes that may be lost: a cursor not kept only means that updates come twice."""
    with contextlib.suppress(SQLAlchemyError, OSError):
        await note


def _updates(payload: bytes) -> list[Any]:
    try:
        data = load_json(payload)
    except ValueError:
        raise ChannelUnavailable("the answer is not JSON") from None
    result = data.get("result") if isinstance(data, dict) else None
    if not isinstance(result, list):
        raise ChannelUnavailable("the answer has no list of updates")
    return result


def _dump(update: Any) -> bytes:
    try:
        return orjson.dumps(update)
    except TypeError:  # broken surrogates, huge numbers
        return json.dumps(update).encode()
