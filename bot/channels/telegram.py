"""Telegram on python-telegram-bot's types and ``Bot``; order, retries and state are ours, in tables."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
import structlog
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from telegram import Bot, LinkPreviewOptions
from telegram.constants import ParseMode
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, RetryAfter, TelegramError

from bot.channels.base import Envelope
from bot.channels.telegram_http import AiohttpRequest
from bot.channels.telegram_parse import ALLOWED_UPDATES, Presses, parse_update
from bot.channels.telegram_poll import Poller
from bot.channels.telegram_render import render
from bot.config import Settings
from bot.errors import (
    ChannelError,
    ChannelUnavailable,
    CredentialsRejected,
    PayloadRejected,
    RecipientMoved,
    RecipientUnreachable,
    RetryLater,
)
from bot.inbox import Inbox
from bot.leases import LeaseKeeper
from bot.web import same_secret, webhook
from db.engine import Database
from handlers.messages import Reply

log = structlog.get_logger()

PATH = "/webhooks/telegram"
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - a header's name
SEND_CONNECTIONS = 100
WEBHOOK_CONNECTIONS = 40
ACKNOWLEDGEMENTS_AT_ONCE = 200
WEBHOOK_RETRY_LIMIT_S = 300.0
# The Bot API gives a refused message the status 400 and tells the reasons apart by these words only.
_NO_SUCH_CHAT = ("chat not found", "user not found", "peer_id_invalid", "chat_write_forbidden", "have no rights")
_NOT_MODIFIED = "message is not modified"


def classify(error: TelegramError) -> ChannelError:
    """The library's error by what to do next. ``BadRequest`` comes before the network errors it is filed under."""
    match error:
        case RetryAfter():
            wait = error.retry_after
            return RetryLater(wait.total_seconds() if isinstance(wait, dt.timedelta) else float(wait))
        case ChatMigrated():
            return RecipientMoved(str(error.new_chat_id))
        case Forbidden():
            return RecipientUnreachable("403")
        case InvalidToken():
            return CredentialsRejected("401")
        case BadRequest():
            words = error.message.casefold()
            if any(reason in words for reason in _NO_SUCH_CHAT):
                return RecipientUnreachable("400 no such chat")
            return PayloadRejected(f"400 {error.message}"[:120])
        case Conflict():
            return ChannelUnavailable("409")
        case _:
            return ChannelUnavailable(f"{type(error).__name__} {error.message}"[:120])


class TelegramChannel:
    """The public bot."""

    name = "telegram"
    pull = False

    def __init__(self, settings: Settings) -> None:
        assert settings.telegram_token is not None
        token = settings.telegram_token.get_secret_value()
        self.account = token.partition(":")[0]
        self.rate = settings.telegram_rate
        self.chat_rate = settings.telegram_chat_rate
        self._settings = settings
        self._request = AiohttpRequest(connections=SEND_CONNECTIONS, proxy=settings.telegram_proxy)
        self._poll_request = AiohttpRequest(connections=2, proxy=settings.telegram_proxy)
        self._bot = Bot(
            token, base_url=f"{settings.telegram_api_url}/bot",
            base_file_url=f"{settings.telegram_api_url}/file/bot", request=self._request,
            get_updates_request=self._poll_request,
        )  # fmt: skip
        self._presses = Presses()
        self._partly_sent: dict[str, tuple[Reply, int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def classify(self, error: TelegramError) -> ChannelError:
        """See ``classify``."""
        return classify(error)

    def parse(self, raw: bytes) -> Envelope | None:
        """An update as plain data. Raises ``Unreadable``."""
        return parse_update(raw, self._presses)

    # -- sending --------------------------------------------------------------------------------------------------

    async def send(self, conversation: str, reply: Reply) -> str | None:
        """Send a reply as one message, or several when it is too long; the id of the last.

        When a later part fails, the next call for the same reply goes on with that part.

        Raises:
            ChannelError: In the class that says what to do next.
        """
        messages, keyboard = render(reply)
        if not messages:
            raise PayloadRejected("empty")
        known, done = self._partly_sent.pop(conversation, (reply, 0))
        last: str | None = None
        for number in range(done if known == reply else 0, len(messages)):
            markup = keyboard if number == len(messages) - 1 else None
            try:
                message = await self._bot.send_message(
                    int(conversation), messages[number], parse_mode=ParseMode.HTML, reply_markup=markup,
                    link_preview_options=LinkPreviewOptions(is_disabled=True),
                )  # fmt: skip
            except TelegramError as error:
                if isinstance(error, BadRequest) and _NOT_MODIFIED in error.message.casefold():
                    continue  # it already reads that way
                if number:
                    self._partly_sent[conversation] = (reply, number)
                raise classify(error) from error
            last = str(message.message_id)
        return last

    async def acknowledge(self, token: str) -> None:
        """Stop the button's spinner, in the background: nobody waits for it and a failure does no harm."""
        if len(self._tasks) < ACKNOWLEDGEMENTS_AT_ONCE:
            self._background(self._answer_callback(token))

    async def _answer_callback(self, token: str) -> None:
        try:
            await self._bot.answer_callback_query(token)
        except TelegramError as error:
            log.debug("tap_not_acknowledged", code=type(error).__name__)

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def fetch_file(self, reference: str) -> AsyncIterator[bytes]:
        """The content of a file; Telegram gives up to 20 MB, the caller counts its own limit.

        Raises:
            ChannelError: It is gone, too large for Telegram, or cannot be had now.
        """
        try:
            file = await self._bot.get_file(reference)
            async for chunk in self._request.stream(str(file.file_path)):
                yield chunk
        except TelegramError as error:
            raise classify(error) from error

    # -- receiving ------------------------------------------------------------------------------------------------

    def routes(self, inbox: Inbox) -> Sequence[BaseRoute]:
        """The webhook, in webhook mode."""
        secret = self._settings.telegram_webhook_secret
        if self._settings.telegram_mode != "webhook" or secret is None:
            return []
        expected = secret.get_secret_value()

        def verify(request: Request, raw: bytes) -> bool:
            del raw
            return same_secret(request.headers.get(SECRET_HEADER, ""), expected)

        return [Route(PATH, webhook(self, inbox, verify), methods=["POST"])]

    async def start(self) -> None:
        """Open the connection pools; in webhook mode tell Telegram our address in the background.

        ``Bot.initialize`` is not used: it asks for the bot's name first, so an unreachable messenger would stop us.
        """
        await self._request.initialize()
        await self._poll_request.initialize()
        if self._settings.telegram_mode == "webhook" and self._settings.public_url:
            self._background(self._set_webhook(f"{self._settings.public_url}{PATH}"))

    async def _set_webhook(self, url: str) -> None:
        secret = self._settings.telegram_webhook_secret
        assert secret is not None
        failures = 0
        while True:
            try:
                await self._bot.set_webhook(
                    url, secret_token=secret.get_secret_value(), allowed_updates=ALLOWED_UPDATES,
                    max_connections=WEBHOOK_CONNECTIONS,
                )  # fmt: skip
            except TelegramError as error:
                failure = classify(error)
            else:
                log.info("webhook_set", channel=self.name)
                return
            if not failures:
                log.error("webhook_not_set", channel=self.name, code=failure.code)
            failures += 1
            wait_s = failure.after_s if isinstance(failure, RetryLater) else 2.0 ** min(failures, 9)
            await asyncio.sleep(min(WEBHOOK_RETRY_LIMIT_S, wait_s) * random.uniform(0.9, 1.1))  # noqa: S311 - spreads load

    async def poll(self, database: Database, inbox: Inbox, lease: LeaseKeeper) -> None:
        """Fetch and store updates while this process holds ``lease``; returns at once in webhook mode."""
        if self._settings.telegram_mode == "polling":
            await Poller(self, database, inbox, lease).run()

    async def prepare_polling(self) -> None:
        """Take a webhook off, keeping what waits. Raises ``TelegramError``."""
        await self._bot.delete_webhook(drop_pending_updates=False)

    async def fetch_updates(self, offset: int | None, timeout_s: int) -> bytes:
        """The raw answer of getUpdates: the library's own would refuse a batch for one broken update.

        Raises:
            TelegramError: As for every call.
        """
        query: dict[str, str | int] = {"timeout": timeout_s, "allowed_updates": orjson.dumps(ALLOWED_UPDATES).decode()}
        if offset is not None:
            query["offset"] = offset
        url = f"{self._bot.base_url}/getUpdates?{urlencode(query)}"
        return await self._poll_request.retrieve(url, read_timeout=timeout_s + 10)

    async def close(self) -> None:
        """Release every connection."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._request.shutdown()
        await self._poll_request.shutdown()
