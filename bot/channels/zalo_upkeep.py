"""What the Official Account needs beside messages: fresh tokens, names, a watch over silence, gaps filled."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot.alerts import Alerts
from bot.channels.base import Channel, Envelope
from bot.channels.zalo_api import ApiRefused, ZaloApi
from bot.channels.zalo_events import parse_event
from bot.channels.zalo_tokens import ZaloTokens
from bot.config import Settings
from bot.errors import ChannelError, CredentialsRejected, Unreadable
from bot.leases import LeaseKeeper
from db.engine import Database
from db.queries import conversations, operations, zalo

if TYPE_CHECKING:
    from bot.channels.zalo_events import ZaloAccount
    from bot.inbox import Inbox


log = structlog.get_logger()

LOOK_S = 2.0
WATCH_S = 60.0
GAP_S = 900.0
HOUR_S = 3600.0
NAME_AGAIN = dt.timedelta(hours=1)
HORIZON = dt.timedelta(hours=48)
OVERLAP = dt.timedelta(minutes=10)
SAME_EVENT = dt.timedelta(seconds=2)
QUIET = dt.timedelta(minutes=2)
PAGES = 5
SILENCE = "zalo_silence"
_TYPES = {
    "text": "user_send_text", "photo": "user_send_image", "image": "user_send_image", "gif": "user_send_gif",
    "voice": "user_send_audio", "audio": "user_send_audio", "video": "user_send_video",
    "sticker": "user_send_sticker", "location": "user_send_location", "file": "user_send_file",
    "link": "user_send_link", "links": "user_send_link",
}  # fmt: skip


class ZaloUpkeep:
    """One process at a time, by lease, does this for a channel."""

    def __init__(
        self, settings: Settings, database: Database, channel: Channel, account: ZaloAccount, api: ZaloApi,
        tokens: ZaloTokens, alerts: Alerts, *, department_id: int,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._database = database
        self._channel = channel
        self._account = account
        self._api = api
        self._tokens = tokens
        self._alerts = alerts
        self._department_id = department_id
        self._started_at = dt.datetime.now(dt.UTC)
        self._next: dict[str, float] = {}

    async def run(self, inbox: Inbox, lease: LeaseKeeper) -> None:
        """Look every two seconds at what is due."""
        while True:
            try:
                if await lease.held():
                    await self._round(inbox)
            except (SQLAlchemyError, OSError) as error:
                log.warning("zalo_upkeep_postponed", error=type(error).__name__)
            await asyncio.sleep(LOOK_S)

    async def _round(self, inbox: Inbox) -> None:
        await self._tokens.refresh_if_due()
        await self._guarded(self.fetch_names)
        await self._every("watch", WATCH_S, self.watch_silence)
        await self._every("gaps", GAP_S, lambda: self._guarded(lambda: self.fill_gaps(inbox)))
        await self._every("erase", HOUR_S, self.erase_old)

    async def _every(self, name: str, seconds: float, run: Callable[[], Awaitable[object]]) -> None:
        now = time.monotonic()
        if now >= self._next.get(name, 0.0):
            self._next[name] = now + seconds
            await run()

    @staticmethod
    async def _guarded(run: Callable[[], Awaitable[object]]) -> None:
        """What fails here is tried again; sending finds out by itself that the channel is down."""
        try:
            await run()
        except CredentialsRejected:
            return
        except (ChannelError, ApiRefused) as error:
            log.info("zalo_upkeep_later", code=getattr(error, "code", ""))

    async def fetch_names(self) -> int:
        """Fetch the display names of new people; returns how many were fetched."""
        now = dt.datetime.now(dt.UTC)
        account = self._channel.account
        people = await self._database.read(lambda c: zalo.people_without_name(c, account=account, now=now))
        for person in people:
            name: str | None = None
            due_at: dt.datetime | None = None
            try:
                detail = await self._api.user_detail(person.user_id)
                value = detail.get("display_name")
                name = value.replace("\x00", "")[:200] if isinstance(value, str) else ""
            except ApiRefused as refusal:
                log.info("zalo_name_unknown", code=refusal.code)
                due_at = now + NAME_AGAIN
            except ChannelError:
                due_at = now + NAME_AGAIN / 30
                await self._set_name(person.id, None, due_at)
                raise
            await self._set_name(person.id, name, due_at)
        return len(people)

    async def _set_name(self, person_id: int, name: str | None, due_at: dt.datetime | None) -> None:
        await self._database.write(lambda c: zalo.set_name(c, person_id, name=name, due_at=due_at))

    async def watch_silence(self) -> None:
        """Raise an alert when no webhook came for too long: Zalo unsubscribes a receiver that failed too often."""
        last = await self._last_received() or self._started_at
        limit = dt.timedelta(hours=self._settings.zalo_silence_hours)
        if dt.datetime.now(dt.UTC) - last > limit:
            await self._alerts.raise_once(SILENCE, hours=self._settings.zalo_silence_hours)
        else:
            await self._alerts.clear(SILENCE)

    async def _last_received(self) -> dt.datetime | None:
        states = await self._database.read(lambda c: operations.channel_states(c, department_id=self._department_id))
        for state in states:
            if (state.channel, state.account) == (self._channel.name, self._channel.account):
                return state.last_received_at  # type: ignore[no-any-return]
        return None

    async def erase_old(self) -> None:
        """Forget names and shared data of people who have been silent for the retention period."""
        before = dt.datetime.now(dt.UTC) - dt.timedelta(days=self._settings.retention_days)
        await self._database.write(lambda c: zalo.erase_old(c, account=self._channel.account, before=before))

    # -- gaps -----------------------------------------------------------------------------------------------------

    async def fill_gaps(self, inbox: Inbox, *, quiet: dt.timedelta = QUIET) -> int:
        """Take in what people wrote and no webhook brought, if nobody answered it; returns how many messages.

        Only messages newer than the last thing known of the person, and of nobody who wrote within ``quiet``: whether
        the ids of this list are those of the webhook is not certain, and theirs may be under way. Raises ApiRefused
        and ChannelError.
        """
        now = dt.datetime.now(dt.UTC)
        last = await self._last_received()
        since = now - HORIZON if last is None else max(last - OVERLAP, now - HORIZON)
        taken = 0
        for user_id in await self._recent_people(since):
            after = await self._latest_known(user_id)
            items = await self._unanswered(user_id, since)
            if items and (_item_time(items[-1]) or now) > now - quiet:
                continue
            for item in items:
                taken += await self._take_in(inbox, user_id, item, after=after, now=now)
        if taken:
            log.warning("zalo_gap_filled", messages=taken)
        return taken

    async def _recent_people(self, since: dt.datetime) -> list[str]:
        people: dict[str, None] = {}
        for page in range(PAGES):
            items = await self._api.recent_chats(page * 10)
            for item in items:
                at = _item_time(item)
                if at is not None and at >= since:
                    people[_person_of(item)] = None
            if len(items) < 10 or all((_item_time(item) or since) < since for item in items):
                break
        return [user_id for user_id in people if user_id]

    async def _unanswered(self, user_id: str, since: dt.datetime) -> list[dict[str, Any]]:
        """The latest messages of a person that nothing from our side follows, oldest first."""
        found: list[dict[str, Any]] = []
        for item in await self._api.conversation(user_id):
            at = _item_time(item)
            if str(item.get("src")) != "1" or at is None or at < since:
                break
            found.append(item)
        return list(reversed(found))

    async def _latest_known(self, user_id: str) -> dt.datetime | None:
        """When the last thing we know of a person happened, by Zalo's clock."""
        identity = {"channel": self._channel.name, "account": self._channel.account}
        found = await self._database.read(lambda c: conversations.find_conversation(c, external_id=user_id, **identity))
        return found.last_interaction_at if found is not None else None

    async def _take_in(
        self, inbox: Inbox, user_id: str, item: dict[str, Any], *, after: dt.datetime | None, now: dt.datetime
    ) -> int:
        event = _as_event(user_id, item, self._account)
        try:
            envelope = parse_event(json.dumps(event).encode(), self._account, now=now)
        except Unreadable:
            return 0
        if not isinstance(envelope, Envelope) or envelope.occurred_at is None:
            return 0
        if after is not None and envelope.occurred_at <= after + SAME_EVENT:
            return 0
        account, ids = self._channel.account, [envelope.external_id]
        if await self._database.read(lambda c: zalo.known_messages(c, account=account, external_ids=ids)):
            return 0
        _, is_new = await inbox.store(self._channel, envelope, now)
        return int(is_new)


def _item_time(item: dict[str, Any]) -> dt.datetime | None:
    text = str(item.get("time", ""))
    return dt.datetime.fromtimestamp(int(text) / 1000, dt.UTC) if text.isdigit() and len(text) <= 14 else None


def _person_of(item: dict[str, Any]) -> str:
    return str(item.get("from_id" if str(item.get("src")) == "1" else "to_id", ""))


def _as_event(user_id: str, item: dict[str, Any], account: ZaloAccount) -> dict[str, Any]:
    """An item of the conversation list in the shape of the webhook event it stands for."""
    text = item.get("message")
    return {
        "app_id": account.app_id,
        "event_name": _TYPES.get(str(item.get("type")), "user_send_unknown"),
        "sender": {"id": user_id},
        "recipient": {"id": account.oa_id},
        "message": {"text": text if isinstance(text, str) else "", "msg_id": str(item.get("message_id", ""))},
        "timestamp": str(item.get("time", "")),
    }
