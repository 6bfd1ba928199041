"""Whose conversation a call of the web chat belongs to: its page's own token, or the private link of a request."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request

from bot.channels.web import WebChannel
from db.engine import Database
from db.models import LinkPurpose
from db.queries import conversations
from desk import links

TOKEN = re.compile(r"[A-Za-z0-9_-]{32,64}")
LINK_PREFIX = "link-"  # of tokens that open somebody's conversation on another device; kept as hashes, not as ids


class WebTokens:
    """Tokens as the page sends them, resolved to the conversation's id on the channel."""

    def __init__(self, database: Database, channel: WebChannel) -> None:
        self._database = database
        self._channel = channel

    async def external_id(self, request: Request) -> str | None:
        """The conversation's id; None for no token, a malformed one or a link that opens nothing."""
        token = request.headers.get("x-chat-token", "")
        if not TOKEN.fullmatch(token):
            return None
        if not token.startswith(LINK_PREFIX):
            return hashlib.sha256(token.encode()).hexdigest()
        return await self._database.read(lambda c: self._linked(c, token.removeprefix(LINK_PREFIX)))

    def _linked(self, connection: Connection, token: str) -> str | None:
        now = dt.datetime.now(dt.UTC)
        link = links.find(connection, token, purpose=LinkPurpose.REQUEST, now=now)
        row = conversations.get_conversation(connection, link.conversation_id) if link is not None else None
        return str(row.external_id) if row is not None and row.channel == self._channel.name else None

    async def conversation(self, request: Request) -> Any:
        """The conversation's row; None when there is none yet."""
        external_id = await self.external_id(request)
        if external_id is None:
            return None
        return await self._database.read(
            lambda c: conversations.find_conversation(
                c, channel=self._channel.name, account=self._channel.account, external_id=external_id
            )
        )
