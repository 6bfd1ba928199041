"""The web chat's own API: send a message, read numbered replies as a stream or by asking.

A conversation belongs to whoever holds its token: 32 random bytes made by the page, of which only the hash is kept.
Replies are rows numbered per conversation; the stream reads those above ``Last-Event-ID``, whichever process wrote
them.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import orjson
import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.channels.base import Envelope
from bot.channels.web import WebChannel
from bot.config import Settings
from bot.inbox import STORE_S, Inbox
from bot.metrics import STREAMS
from bot.notices import word
from bot.rates import RateLimit
from bot.web import BodyTooLarge, client_address, read_body
from bot.web_token import WebTokens
from db.engine import Database
from db.queries import conversations, outbox
from handlers.messages import IncomingMessage, MessageKind
from handlers.texts import say

log = structlog.get_logger()

CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{6,64}")
TEXT_LIMIT = 20_000
POLL_S = 1.0
PING_S = 15.0
STREAM_S = 600.0
STREAMS_PER_CONVERSATION = 4


class Follower:
    """Wakes the streams of this process when their conversation has new rows, written here or elsewhere."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events: dict[int, set[asyncio.Event]] = defaultdict(set)
        self._known: dict[int, int] = {}
        self.closing = asyncio.Event()

    def notify(self, conversation_id: int) -> None:
        """Rows were written in this process."""
        for event in self._events.get(conversation_id, ()):
            event.set()

    def count(self, conversation_id: int) -> int:
        """How many streams follow a conversation here."""
        return len(self._events.get(conversation_id, ()))

    def follow(self, conversation_id: int) -> asyncio.Event:
        """An event that is set when there may be news; give it back to ``leave``."""
        event = asyncio.Event()
        self._events[conversation_id].add(event)
        STREAMS.inc()
        return event

    def leave(self, conversation_id: int, event: asyncio.Event) -> None:
        """The stream ended."""
        self._events[conversation_id].discard(event)
        if not self._events[conversation_id]:
            del self._events[conversation_id]
            self._known.pop(conversation_id, None)
        STREAMS.dec()

    async def run(self) -> None:
        """One small statement a second for all streams together finds what other processes wrote."""
        while True:
            await asyncio.sleep(POLL_S)
            followed = list(self._events)
            if not followed:
                continue
            try:
                latest = await self._database.read(
                    lambda c, f=followed: outbox.latest_seqs(c, f)  # type: ignore[misc]
                )
            except (SQLAlchemyError, OSError):
                continue
            for conversation_id, seq in latest.items():
                if seq != self._known.get(conversation_id):
                    self._known[conversation_id] = seq
                    self.notify(conversation_id)

    def close(self) -> None:
        """End every stream: the page reconnects and reads on where it was."""
        self.closing.set()
        for events in self._events.values():
            for event in events:
                event.set()


class WebChat:
    """The routes below ``/chat``."""

    def __init__(
        self, settings: Settings, database: Database, inbox: Inbox, channel: WebChannel, follower: Follower
    ) -> None:
        self._settings = settings
        self._database = database
        self._inbox = inbox
        self._channel = channel
        self._follower = follower
        self.tokens = WebTokens(database, channel)
        self._session_limit = RateLimit(settings.web_rate_per_minute)
        self._address_limit = RateLimit(settings.web_address_rate_per_minute)

    def routes(self) -> list[Route]:
        """The API of the page."""
        return [
            Route("/chat/messages", self.post_message, methods=["POST"]),
            Route("/chat/messages", self.get_messages, methods=["GET"]),
            Route("/chat/events", self.stream, methods=["GET"]),
        ]

    async def post_message(self, request: Request) -> Response:
        """Take one message: ``{"id": …, "text": …}``, or ``"tap"`` or ``"kind"`` instead of the text."""
        external_id = await self.tokens.external_id(request)
        if external_id is None:
            return _problem(401, "token")
        try:
            body = orjson.loads(await read_body(request))
            message, client_id = _parse_message(body)
        except BodyTooLarge:
            return _problem(413, "too_large")
        except (orjson.JSONDecodeError, ValueError, ClientDisconnect):
            return _problem(400, "message")
        if not self._session_limit.allows(external_id) or not self._address_limit.allows(
            client_address(request, self._settings)
        ):
            return JSONResponse({"error": "rate", "text": say("slow_down")}, 429, headers={"Retry-After": "10"})
        envelope = Envelope(f"{external_id[:32]}:{client_id}", external_id, message)
        try:
            async with asyncio.timeout(STORE_S):
                _, is_new = await self._inbox.store(self._channel, envelope, dt.datetime.now(dt.UTC))
        except (SQLAlchemyError, OSError) as error:
            log.warning("web_message_not_stored", error=type(error).__name__)
            return JSONResponse({"error": "unavailable"}, 503, headers={"Retry-After": "3"})
        return JSONResponse({"stored": True, "new": is_new}, 202)

    async def get_messages(self, request: Request) -> Response:
        """Replies after ``?after=``; with ``?own=1`` what the person wrote too, for a page that was reloaded."""
        if await self.tokens.external_id(request) is None:
            return _problem(401, "token")
        after = _number(request.query_params.get("after"))
        conversation = await self.tokens.conversation(request)
        if conversation is None:
            gone = after > 0 and await self.tokens.external_id(request) is not None  # erased under an open page
            return JSONResponse({"replies": [], "own": [], "gone": gone})
        rows = await self._database.read(lambda c: outbox.replies_after(c, conversation.id, seq=after))
        result: dict[str, Any] = {"replies": [_event(row) for row in rows], "own": []}
        if request.query_params.get("own"):
            own = await self._database.read(lambda c: conversations.messages_of(c, conversation.id))
            result["own"] = [
                {
                    "id": row.external_id.partition(":")[2], "kind": row.message["kind"], "text": row.message["text"],
                    "tap": row.message["data"], "at": row.received_at.isoformat(), "turn": row.turn_id,
                    "files": [file.get("name") or "" for file in row.message.get("files", [])],
                }
                for row in own
            ]  # fmt: skip
        return JSONResponse(result, headers={"Cache-Control": "no-store"})

    async def stream(self, request: Request) -> Response:
        """Replies as server-sent events after ``Last-Event-ID``; ends at shutdown and after ten minutes."""
        if await self.tokens.external_id(request) is None:
            return _problem(401, "token")
        after = _number(request.headers.get("last-event-id") or request.query_params.get("after"))
        conversation = await self.tokens.conversation(request)
        if conversation is None and after:
            return _problem(410, "gone")  # erased under an open page
        if conversation is None:
            return Response(status_code=204, headers={"Retry-After": "1"})
        if self._follower.count(conversation.id) >= STREAMS_PER_CONVERSATION:
            return _problem(429, "streams")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        events = self._events(conversation.id, conversation.external_id, after)
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    async def _events(self, conversation_id: int, external_id: str, after: int) -> AsyncIterator[bytes]:
        event = self._follower.follow(conversation_id)
        ends_at = time.monotonic() + STREAM_S
        try:
            yield b"retry: 1500\n\n"
            while not self._follower.closing.is_set() and time.monotonic() < ends_at:
                event.clear()
                rows = await self._database.read(
                    lambda c, a=after: outbox.replies_after(c, conversation_id, seq=a)  # type: ignore[misc]
                )
                if not await self._database.read(lambda c: conversations.is_called(c, conversation_id, external_id)):
                    yield b"data: gone\n\n"
                    return
                for row in rows:
                    after = row.seq
                    yield b"id: %d\ndata: %s\n\n" % (row.seq, orjson.dumps(_event(row)))
                if rows:
                    continue
                try:
                    async with asyncio.timeout(PING_S):
                        await event.wait()
                except TimeoutError:
                    yield b": still here\n\n"
        except (SQLAlchemyError, OSError):
            return  # the page reconnects
        finally:
            self._follower.leave(conversation_id, event)


def _event(row: Any) -> dict[str, Any]:
    """A row as the page reads it; a notice of the desk in words."""
    return {"seq": row.seq, "at": row.created_at.isoformat(), "turn": row.turn_id, **word(row.reply).to_json()}


def _number(value: str | None) -> int:
    return int(value) if value and value.isdigit() and len(value) < 10 else 0


def _problem(status: int, error: str) -> JSONResponse:
    return JSONResponse({"error": error}, status)


def _parse_message(body: object) -> tuple[IncomingMessage, str]:
    """A message of the page and the id it gave it. Raises ValueError for anything else."""
    if not isinstance(body, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one kind of refusal for every wrong shape
    client_id, text, tap, kind = (body.get(key, "") for key in ("id", "text", "tap", "kind"))
    if not (isinstance(client_id, str) and CLIENT_ID.fullmatch(client_id)):
        raise ValueError("id")
    if isinstance(kind, str) and kind in {"start", "photo", "voice", "video", "file", "location"}:
        return IncomingMessage(MessageKind(kind)), client_id
    if isinstance(tap, str) and tap and len(tap) <= 64 and tap.isascii():
        return IncomingMessage(MessageKind.TAP, data=tap, text=str(body.get("label", ""))[:80]), client_id
    if isinstance(text, str) and text.strip() and len(text) <= TEXT_LIMIT:
        return IncomingMessage(MessageKind.TEXT, text=text.replace("\x00", "")), client_id
    raise ValueError("text")
