"""The Zalo Bot Platform as a channel: fit for demonstration, 50 people a bot, no buttons.

Its protocol gives each update once, whether or not it arrived: what is lost between its answer and our disk is lost.
The token is part of every address, so addresses and exceptions that hold them go nowhere.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import structlog
from aiolimiter import AsyncLimiter
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from bot.channels.base import Envelope, Signal
from bot.channels.wire import clean_text, load_json, read_code
from bot.channels.zalo_messages import render
from bot.config import Settings
from bot.errors import (
    ChannelError,
    ChannelUnavailable,
    CredentialsRejected,
    PayloadRejected,
    RecipientUnreachable,
    RetryLater,
    Unreadable,
)
from bot.web import same_secret, webhook
from handlers.messages import IncomingMessage, MessageKind, Reply

if TYPE_CHECKING:
    from bot.inbox import Inbox
    from bot.leases import LeaseKeeper
    from db.engine import Database

log = structlog.get_logger()

POLL_S = 30
RATE_WAIT_S = 5.0
BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0)
TEXT_LIMIT = 20_000
ID_LIMIT = 100
_KINDS = {
    "message.text.received": MessageKind.TEXT, "message.image.received": MessageKind.PHOTO,
    "message.sticker.received": MessageKind.STICKER, "message.voice.received": MessageKind.VOICE,
    "message.unsupported.received": MessageKind.OTHER,
}  # fmt: skip


class ZaloBotChannel:
    """One bot. ``account`` is the part of its token before the colon."""

    name = "zalo_bot"
    pull = False
    rate = 10.0
    chat_rate = 2.0

    def __init__(self, settings: Settings) -> None:
        assert settings.zalo_bot_token
        token = settings.zalo_bot_token.get_secret_value()
        self.account = token.partition(":")[0][:64]
        self._settings = settings
        self._base = f"{settings.zalo_bot_api_url}/bot{token}"
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(10.0, connect=5.0), follow_redirects=False)
        self._limit = AsyncLimiter(5, 0.5)
        self._setup: asyncio.Task[None] | None = None
        self._sent_parts: dict[tuple[str, str], int] = {}

    # -- in -------------------------------------------------------------------------------------------------------

    def parse(self, raw: bytes) -> Envelope | Signal | None:
        """An update, in the documented envelope or bare."""
        return parse_update(raw)

    def routes(self, inbox: Inbox) -> Sequence[BaseRoute]:
        """The webhook, in webhook mode only."""
        if self._settings.zalo_bot_mode != "webhook":
            return []
        return [Route("/webhooks/zalo-bot", webhook(self, inbox, self._verify), methods=["POST"])]

    def _verify(self, request: Request, raw: bytes) -> bool:
        del raw
        secret = self._settings.zalo_bot_webhook_secret
        given = request.headers.get("x-bot-api-secret-token", "")
        return secret is not None and bool(given) and same_secret(given, secret.get_secret_value())

    async def poll(self, database: Database, inbox: Inbox, lease: LeaseKeeper) -> None:
        """Ask for updates while this process holds the lease: one an answer, stored before the next is asked for."""
        del database  # the protocol has no place to go on from
        if self._settings.zalo_bot_mode != "polling":
            return
        failures = 0
        while True:
            try:
                if not await lease.held():
                    await asyncio.sleep(1.0)
                    continue
                update = await self._next_update()
                if update is not None:
                    await self._keep(inbox, update)
                failures = 0
            except (ChannelError, SQLAlchemyError, OSError) as error:
                if failures == 0:
                    log.warning("zalo_bot_polling_failed", code=getattr(error, "code", type(error).__name__))
                wait = error.after_s if isinstance(error, RetryLater) else BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
                failures += 1
                await asyncio.sleep(wait)

    async def _keep(self, inbox: Inbox, update: dict[str, Any]) -> None:
        """Store an update; it will not be given a second time, so only a full disk and a lost database lose it."""
        raw = json.dumps(update).encode()  # also with half surrogates, which orjson refuses
        while True:
            try:
                await inbox.receive(self, raw)
            except OSError:
                log.exception("update_not_stored", channel=self.name)
                await asyncio.sleep(1.0)
            else:
                return

    async def _next_update(self) -> dict[str, Any] | None:
        """The next update; None when nothing came. Raises ChannelError."""
        try:
            result = await self._call("getUpdates", {"timeout": POLL_S}, read_s=POLL_S + 15)
        except Idle:
            return None
        return result if isinstance(result, dict) and result else None

    # -- out ------------------------------------------------------------------------------------------------------

    async def send(self, conversation: str, reply: Reply) -> str | None:
        """Deliver a reply, split if it is long; a repeated attempt goes on after the parts that were taken."""
        parts = render(reply)
        key = (conversation, hashlib.sha256(orjson.dumps(reply.to_json())).hexdigest())
        message_id: str | None = None
        for number in range(self._sent_parts.get(key, 0), len(parts)):
            await self._limit.acquire()
            result = await self._send_text(conversation, parts[number].text)
            value = result.get("message_id") if isinstance(result, dict) else None
            message_id = str(value)[:128] if value else None
            if len(parts) > 1:
                self._sent_parts[key] = number + 1
        self._sent_parts.pop(key, None)
        while len(self._sent_parts) > 1000:
            del self._sent_parts[next(iter(self._sent_parts))]
        return message_id

    async def _send_text(self, conversation: str, text: str) -> Any:
        """Send one message. 403 may mean our token or this person: the token is asked about before it is blamed."""
        try:
            return await self._call("sendMessage", {"chat_id": conversation, "text": text})
        except CredentialsRejected as error:
            if error.code != "http_403":
                raise
        await self._call("getMe", {})
        raise RecipientUnreachable("http_403")

    async def _call(self, method: str, body: dict[str, Any], *, read_s: float = 10.0) -> Any:
        """Call a method and return its ``result``. Raises Idle and ChannelError, without the address."""
        try:
            response = await self._client.post(
                f"{self._base}/{method}", json=body, timeout=httpx.Timeout(read_s, connect=5.0)
            )
        except httpx.ReadTimeout:
            if method == "getUpdates":
                raise Idle from None
            raise ChannelUnavailable("ReadTimeout") from None
        except httpx.HTTPError as error:
            raise ChannelUnavailable(type(error).__name__) from None
        return read_result(response.status_code, response.content)

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Tell Zalo how updates are to come, beside everything else: nothing waits for it."""
        self._setup = asyncio.create_task(self._set_up(), name="zalo-bot-setup")

    async def _set_up(self) -> None:
        """Set or delete the webhook until Zalo has taken it: polling fails while one is set."""
        for attempt in range(1000):
            try:
                if self._settings.zalo_bot_mode == "polling":
                    await self._call("deleteWebhook", {})
                elif self._settings.public_url and self._settings.zalo_bot_webhook_secret:
                    secret = self._settings.zalo_bot_webhook_secret.get_secret_value()
                    url = f"{self._settings.public_url}/webhooks/zalo-bot"
                    await self._call("setWebhook", {"url": url, "secret_token": secret})
            except (CredentialsRejected, PayloadRejected) as error:
                log.error("zalo_bot_setup_refused", code=error.code)
                return
            except (ChannelError, Idle):
                await asyncio.sleep(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
            else:
                return

    async def check(self) -> str:
        """Ask who the bot is, for the ``check`` command. Raises ChannelError."""
        result = await self._call("getMe", {})
        return str(result.get("account_name", "")) if isinstance(result, dict) else ""

    async def acknowledge(self, token: str) -> None:
        """Nothing to acknowledge."""
        del token

    async def close(self) -> None:
        """Release connections."""
        if self._setup is not None:
            self._setup.cancel()
        await self._client.aclose()


class Idle(Exception):  # noqa: N818 - named for what happened
    """Nothing came while we waited: normal."""


def read_result(status: int, content: bytes) -> Any:
    """What a method answered.

    Raises:
        Idle: 408, the end of a poll without news.
        ChannelError: In the class that says what to do next.
    """
    try:
        body = load_json(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        if status == 408:
            raise Idle
        raise _by_status(status if status >= 400 else 502)
    if body.get("ok") is True and status < 400:
        return body.get("result")
    code = body.get("error_code")
    number = int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdigit()) else status
    if number == 408 or status == 408:
        raise Idle
    raise _by_status(number if number >= 400 else status if status >= 400 else 502)


def _by_status(status: int) -> ChannelError:
    code = f"http_{status}"
    if status == 429:
        return RetryLater(RATE_WAIT_S, code)
    if status >= 500:
        return ChannelUnavailable(code)
    return CredentialsRejected(code) if status in (401, 403) else PayloadRejected(code)


def parse_update(raw: bytes) -> Envelope | None:
    """An update as plain data; None for one that needs nothing from us.

    Raises:
        Unreadable: It cannot be an update of this platform.
    """
    if not raw.strip():
        return None  # a probe
    try:
        body = load_json(raw)
    except ValueError as error:
        raise Unreadable("not JSON") from error
    if isinstance(body, dict) and isinstance(body.get("result"), dict):
        body = body["result"]
    if not isinstance(body, dict):
        raise Unreadable("not an update")
    event = body.get("event_name")
    if not isinstance(event, str):
        if not body:
            return None
        raise Unreadable("not an update")
    message = body.get("message")
    if not isinstance(message, dict):
        return None  # what the platform could not carry, without a person to answer
    return _message(event, message)


def _message(event: str, message: dict[str, Any]) -> Envelope | None:
    chat, sender = message.get("chat"), message.get("from")
    chat_id = chat.get("id") if isinstance(chat, dict) else None
    if not isinstance(chat_id, str | int) or not 0 < len(str(chat_id)) <= ID_LIMIT or "\x00" in str(chat_id):
        raise Unreadable("no chat")
    if isinstance(sender, dict) and sender.get("is_bot") is True:
        return None
    if isinstance(chat, dict) and str(chat.get("chat_type", "PRIVATE")).upper() == "GROUP":
        return None  # requests and answers are for one person
    kind = _KINDS.get(event, MessageKind.OTHER)
    text = message.get("text") if kind is MessageKind.TEXT else message.get("caption")
    text, data = clean_text(text, TEXT_LIMIT), ""
    if kind is MessageKind.TEXT:
        text, data = read_code(text)
        if text.strip() == "/start":
            kind, text = MessageKind.START, ""
        elif data:
            kind = MessageKind.TAP
        elif not text.strip():
            kind = MessageKind.OTHER
    at = _time(message.get("date"))
    message_id = message.get("message_id")
    usable = isinstance(message_id, str | int) and 0 < len(str(message_id)) <= ID_LIMIT and str(message_id).isascii()
    key = str(message_id) if usable and str(message_id).isprintable() else _fallback_key(event, message)
    return Envelope(key, str(chat_id), IncomingMessage(kind, text=text, data=data, sent_at=at), occurred_at=at)


def _fallback_key(event: str, message: dict[str, Any]) -> str:
    return f"{event[:50]}:{hashlib.sha256(json.dumps(message, sort_keys=True).encode()).hexdigest()[:32]}"


def _time(value: object) -> dt.datetime | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 10**14:
        return None
    return dt.datetime.fromtimestamp(value / 1000 if value > 10**11 else value, dt.UTC)
