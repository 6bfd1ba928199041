"""Take in what the spool holds, as soon as the database is back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot.channels.base import Channel
from bot.inbox import Inbox
from bot.spool import Spool

log = structlog.get_logger()

LOOK_S = 2.0


async def take_in_spool(spool: Spool, inbox: Inbox, channels: Sequence[Channel]) -> None:
    """Look every two seconds; a file goes only after its update is stored."""
    while True:
        for channel in channels:
            for path in list(spool.waiting(channel.name)):
                try:
                    await inbox.take_in(channel, path.read_bytes())
                except (SQLAlchemyError, OSError):
                    break  # still away: keep the order and try again
                path.unlink(missing_ok=True)  # another process with the same folder may have been there first
                log.info("spooled_update_taken_in", channel=channel.name)
        await asyncio.sleep(LOOK_S)
