"""The web chat's files: taken while a form or a request waits for them; and the private link of a request."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import orjson
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.channels.base import Envelope
from bot.channels.web import WebChannel
from bot.config import Settings
from bot.files import receive
from bot.inbox import Inbox
from bot.rates import RateLimit
from bot.web import BodyTooLarge, client_address, read_body
from bot.web_chat import CLIENT_ID
from bot.web_token import LINK_PREFIX, WebTokens
from db.engine import Database
from db.models import LinkPurpose
from db.queries import drafts, requests
from desk import handover, links
from desk.codes import find_code
from desk.errors import RequestNotFound
from desk.files import SIZE_LIMIT
from desk.lookup import find_own
from desk.settings import load_desk
from desk.text import clean_line
from handlers.messages import IncomingMessage, MessageKind, SentFile
from handlers.texts import say

log = structlog.get_logger()

READ_AFTER_REFUSAL = 4 * SIZE_LIMIT  # so that a browser gets to read why, instead of a broken connection
UPLOAD_S = 300.0
FILES_PER_MINUTE = 20
LINKS_PER_MINUTE = 10
_KINDS = {"photo": MessageKind.PHOTO, "voice": MessageKind.VOICE, "document": MessageKind.FILE}


class WebFiles:
    """``/chat/files`` and ``/chat/links``, for whoever holds the conversation's token."""

    def __init__(
        self, settings: Settings, database: Database, inbox: Inbox, channel: WebChannel, tokens: WebTokens, *,
        department_id: int,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._database = database
        self._inbox = inbox
        self._channel = channel
        self._tokens = tokens
        self._department_id = department_id
        self._files_limit = RateLimit(FILES_PER_MINUTE)
        self._links_limit = RateLimit(LINKS_PER_MINUTE)

    def routes(self) -> list[Route]:
        """The API of the page."""
        return [
            Route("/chat/files", self.post_file, methods=["POST"]),
            Route("/chat/links", self.post_link, methods=["POST"]),
        ]

    async def post_file(self, request: Request) -> Response:
        """One file as the bare body; ``?id=`` makes it one message, the header ``x-file-name`` names it (escaped)."""
        client_id = request.query_params.get("id", "")
        if not CLIENT_ID.fullmatch(client_id):
            return _problem(400, "id")
        conversation = await self._tokens.conversation(request)
        if conversation is None:
            return _problem(401, "token")
        if not self._files_limit.allows(client_address(request, self._settings)):
            return _problem(429, "rate", say("slow_down"))
        now = dt.datetime.now(dt.UTC)
        if not await self._database.read(lambda c: _wants_files(c, conversation.id, now)):
            return _problem(409, "not_now", say("file.not_now"))
        chunks = request.stream()
        try:
            async with asyncio.timeout(UPLOAD_S):
                name = clean_line(unquote(request.headers.get("x-file-name", "")))[-200:] or None
                file = await receive(chunks, self._settings.files_dir, name=name)
                if file.problem:
                    await _read_on(chunks)
                    text = say(f"file.{file.problem}", limit=SIZE_LIMIT // 1024 // 1024)
                    return _problem(422, file.problem, text)
        except (ClientDisconnect, TimeoutError):
            return _problem(400, "broken_off")
        except OSError as error:
            log.error("file_not_stored", error=type(error).__name__)
            return _problem(503, "unavailable")
        return await self._take(conversation, file, client_id, now)

    async def _take(self, conversation: Any, file: SentFile, client_id: str, now: dt.datetime) -> Response:
        message = IncomingMessage(_KINDS[file.kind], files=(file,))
        envelope = Envelope(f"{conversation.external_id[:32]}:{client_id}", conversation.external_id, message)
        try:
            _, is_new = await self._inbox.store(self._channel, envelope, now)
        except (SQLAlchemyError, OSError) as error:
            log.warning("web_file_not_stored", error=type(error).__name__)
            return _problem(503, "unavailable")
        return JSONResponse({"stored": True, "new": is_new, "kind": file.kind}, 202)

    async def post_link(self, request: Request) -> Response:
        """A private link to the conversation of an own request, ``{"code": …}``: told once, kept as a hash only."""
        conversation = await self._tokens.conversation(request)
        if conversation is None:
            return _problem(401, "token")
        if not self._links_limit.allows(conversation.external_id):
            return _problem(429, "rate", say("slow_down"))
        try:
            body = orjson.loads(await read_body(request, 1000))
            found = find_code(body["code"])
        except (BodyTooLarge, orjson.JSONDecodeError, ClientDisconnect, KeyError, TypeError, AttributeError):
            return _problem(400, "code")
        if found is None:
            return _problem(400, "code")
        now = dt.datetime.now(dt.UTC)

        def write(connection: Connection) -> str:
            desk = load_desk(connection, department_id=self._department_id)
            row = find_own(connection, desk, code=found.code, conversation_id=conversation.id)
            return links.make(
                connection, desk, purpose=LinkPurpose.REQUEST, conversation_id=conversation.id, request_id=row.id,
                now=now,
            )  # fmt: skip

        try:
            token = await self._database.write(write)
        except RequestNotFound:
            return _problem(404, "code")
        base = (self._settings.public_url or str(request.base_url)).rstrip("/")
        # behind the hash sign it reaches neither a server's log nor the next page
        link = f"{base}/#{LINK_PREFIX}{token}"
        return JSONResponse({"link": link}, 201, headers={"Cache-Control": "no-store"})


def _wants_files(connection: Connection, conversation_id: int, now: dt.datetime) -> bool:
    if drafts.find_draft(connection, conversation_id) is not None:
        return True
    if requests.of_conversation(connection, conversation_id, limit=1):
        return True
    return handover.find(connection, conversation_id=conversation_id, now=now) is not None


async def _read_on(chunks: AsyncIterator[bytes]) -> None:
    """Let the sender finish, within reason, so that it can read the refusal."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > READ_AFTER_REFUSAL:
            return


def _problem(status: int, error: str, text: str | None = None) -> JSONResponse:
    return JSONResponse({"error": error} | ({"text": text} if text else {}), status)
