"""The Zalo Official Account as a channel: events in by webhook, consultation messages out."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.alerts import Alerts
from bot.channels import zalo_codes, zalo_messages
from bot.channels.base import Envelope, Signal, SignalKind
from bot.channels.zalo_api import SEND_PATH, TIMEOUT, ApiRefused, ZaloApi
from bot.channels.zalo_consent import ZaloConsent
from bot.channels.zalo_events import ZaloAccount, is_ours, load_event, parse_event
from bot.channels.zalo_media import WAIT, MediaFetcher
from bot.channels.zalo_signature import DOCUMENTED_FORM, describe_form, matching_form
from bot.channels.zalo_tokens import ZaloTokens
from bot.channels.zalo_upkeep import ZaloUpkeep
from bot.config import Settings
from bot.errors import ChannelError, PayloadRejected, Unreadable, Unwanted
from bot.leases import LeaseKeeper
from bot.metrics import ZALO_QUOTA
from bot.secrets_box import SecretsBox
from bot.security import secret_key
from bot.traits import contact_image
from bot.web import webhook
from db.engine import Database
from db.queries import departments, zalo
from handlers.messages import Reply

if TYPE_CHECKING:
    from bot.inbox import Inbox

log = structlog.get_logger()

FREE = dt.timedelta(hours=48)
PAID = dt.timedelta(days=7)
ASKED_FOR = dt.timedelta(days=7)
REMEMBERED = 1000
NO_DETAIL_WAIT_S = 1.0
QUOTAS = frozenset({"reply", "welcome_msg", "sub_quota", "purchase_quota", "reward_quota"})


class ZaloChannel:
    """One Official Account. ``account`` is its id; people are known by their id there."""

    name = "zalo"
    pull = False
    chat_rate = 5.0

    def __init__(self, settings: Settings, database: Database, *, department_id: int) -> None:
        assert settings.zalo_app_id and settings.zalo_oa_id and settings.zalo_oa_secret
        self.account = settings.zalo_oa_id
        self.rate = settings.zalo_calls_per_minute / 60
        self._settings = settings
        self._database = database
        self._department_id = department_id
        self._contact_image = contact_image(settings)
        self._secret = settings.zalo_oa_secret
        self._zalo = ZaloAccount(
            settings.zalo_app_id, settings.zalo_oa_id, dt.timedelta(hours=settings.zalo_pause_hours)
        )
        self._client = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False)
        self._box = SecretsBox(secret_key(settings), "zalo")
        self.alerts = Alerts(database, department_id=department_id, channel=self.name, account=self.account)
        self.tokens = ZaloTokens(settings, database, self._box, self._client, self.alerts, department_id=department_id)
        self.api = ZaloApi(settings, self._client, self.tokens)
        self.consent = ZaloConsent(settings, database, self._box, self.tokens)
        self.media = MediaFetcher(settings, database, self.account)
        self.upkeep = ZaloUpkeep(
            settings, database, self, self._zalo, self.api, self.tokens, self.alerts, department_id=department_id
        )
        self._buttons = settings.zalo_buttons
        self._sent_parts: dict[tuple[str, str], int] = {}
        self._quotas_alerted: set[str] = set()
        self._may_be_alerted = True
        self._forms_logged: set[str] = set()

    # -- in -------------------------------------------------------------------------------------------------------

    def parse(self, raw: bytes) -> Envelope | Signal | None:
        """An event of the webhook."""
        return parse_event(raw, self._zalo, now=dt.datetime.now(dt.UTC))

    def routes(self, inbox: Inbox) -> Sequence[BaseRoute]:
        """Webhook, domain verification, consent."""
        handle = webhook(self, inbox, self._verify, is_probe=is_probe)

        async def receive(request: Request) -> Response:
            return await handle(request) if request.method == "POST" else PlainTextResponse("ok")

        routes: list[BaseRoute] = [Route("/webhooks/zalo", receive, methods=["GET", "POST"])]
        return [*routes, *self.consent.routes()]

    def _verify(self, request: Request, raw: bytes) -> bool:
        header = request.headers.get("x-zevent-signature", "")
        form = matching_form(
            header, raw, app_id=self._zalo.app_id, oa_id=self.account, secret=self._secret.get_secret_value(),
            header_time=request.headers.get("x-zevent-timestamp", ""),
        )  # fmt: skip
        if form is None:
            self._log_once(f"refused:{describe_form(header)}", "zalo_signature_refused", header=describe_form(header))
            return False
        if form != DOCUMENTED_FORM:
            self._log_once(form, "zalo_signature_form", form=form)
        if retry := request.headers.get("num_retry"):
            log.info("zalo_event_retried", retry=retry[:4])
        try:
            body = load_event(raw)
        except Unreadable:
            return True  # signed nonsense is set aside
        if not is_ours(body, self._zalo):
            self._log_once("foreign", "zalo_event_of_others")
            return False
        return True

    def _log_once(self, key: str, event: str, **fields: str) -> None:
        if key not in self._forms_logged and len(self._forms_logged) < 50:
            self._forms_logged.add(key)
            log.warning(event, **fields)

    def record(
        self, connection: Connection, update: Envelope | Signal, conversation_id: int, *, is_new: bool, now: dt.datetime
    ) -> None:
        """People, their following, what they shared, files to fetch; once. A withdrawal is the desk's matter."""
        if not is_new or (isinstance(update, Signal) and update.kind is SignalKind.WITHDRAWN):
            return
        at = min(update.occurred_at or now, now)
        person = {"account": self.account, "user_id": update.conversation}
        withdrawn_at = zalo.withdrawn_at(connection, **person)
        if withdrawn_at is not None and at <= withdrawn_at:
            raise Unwanted
        zalo.meet_person(connection, department_id=self._department_id, now=now, **person)
        if isinstance(update, Signal):
            if update.kind in (SignalKind.INTERACTED, SignalKind.LEFT):
                zalo.set_follows(connection, follows=update.kind is SignalKind.INTERACTED, at=at, **person)
            return
        if update.shared and zalo.asked_for_info(
            connection, conversation_id, asked_after=now - ASKED_FOR, now=now, **person
        ):
            values = {"shared": asdict(update.shared)}
            zalo.put_in_message(connection, account=self.account, external_id=update.external_id, values=values)
        if update.files and zalo.wants_files(connection, conversation_id, now=now):
            self._plan_files(connection, update, conversation_id, now)

    def _plan_files(self, connection: Connection, update: Envelope, conversation_id: int, now: dt.datetime) -> None:
        """Have the files of a message fetched and let its turn wait for them, but for those refused anyway."""
        sent = [zalo_messages.announced(file, number) for number, file in enumerate(update.files)]
        links = [
            zalo.MediaLink(number, file.reference, file.name)
            for number, file in enumerate(update.files)
            if not sent[number].problem
        ]
        zalo.plan_media(
            connection, department_id=self._department_id, conversation_id=conversation_id,
            inbox_external_id=update.external_id, links=links, now=now,
        )  # fmt: skip
        zalo.put_in_message(
            connection, account=self.account, external_id=update.external_id,
            values={"files": [asdict(file) for file in sent]}, due_at=now + WAIT if links else None,
        )  # fmt: skip

    # -- out ------------------------------------------------------------------------------------------------------

    def window_closed(self, last_interaction_at: dt.datetime | None, now: dt.datetime) -> str | None:
        """48 hours are free; until 7 days Zalo takes money, if the department allows it; then nothing goes."""
        if last_interaction_at is None:
            return "never_wrote"
        silent = now - last_interaction_at
        if silent > PAID:
            return "over_7_days"
        return "over_48_hours" if silent > FREE and not self._settings.zalo_paid_messages else None

    async def send(self, conversation: str, reply: Reply) -> str | None:
        """Deliver a reply, split if it is long; returns Zalo's id of the last message."""
        return await self._send(conversation, reply, None)

    async def send_quoting(self, conversation: str, reply: Reply, quote: str) -> str | None:
        """Deliver a late reply that shows which message it answers."""
        event, _, message_id = quote.partition(":")
        return await self._send(conversation, reply, message_id if event.startswith("user_send_") else None)

    async def _send(self, conversation: str, reply: Reply, quote: str | None) -> str | None:
        """Send the parts in order. A repeated attempt goes on after the parts that Zalo took."""
        parts = zalo_messages.render(reply)
        digest = hashlib.sha256(orjson.dumps(reply.to_json())).hexdigest()
        key = (conversation, digest)
        message_id: str | None = None
        for number in range(self._sent_parts.get(key, 0), len(parts)):
            message_id = await self._send_text(conversation, parts[number], quote if number == 0 else None)
            if len(parts) > 1:
                self._sent_parts[key] = number + 1
        self._sent_parts.pop(key, None)
        while len(self._sent_parts) > REMEMBERED:
            del self._sent_parts[next(iter(self._sent_parts))]
        if reply.ask == "contact":
            await self._offer_contact_form(conversation)
        return message_id

    async def _offer_contact_form(self, conversation: str) -> None:
        """Show Zalo's own form below a question that can be answered in words as well: best effort."""
        if self._contact_image is None:
            return
        try:
            department = await self._database.read(lambda c: departments.get_department(c, self._department_id))
            await self.ask_for_contact(conversation, department=department.name, image_url=self._contact_image)
        except (ChannelError, SQLAlchemyError, OSError) as error:  # the question itself has arrived
            code = error.code if isinstance(error, ChannelError) else type(error).__name__
            self._log_once(f"contact:{code}", "zalo_contact_form_refused", code=code)

    async def _send_text(self, conversation: str, message: zalo_messages.OutgoingText, quote: str | None) -> str | None:
        buttons = self._buttons and bool(message.choices)
        try:
            return await self._post(zalo_messages.text_body(conversation, message, buttons=buttons, quote=quote))
        except ApiRefused as refusal:
            if buttons and refusal.code in zalo_codes.SHAPE_REFUSED:
                if self._buttons:
                    self._buttons = False
                    log.error("zalo_buttons_refused", code=refusal.code)
                return await self._send_text(conversation, message, quote)
            error = refusal.as_channel_error()
            if quote is not None and isinstance(error, PayloadRejected):
                return await self._send_text(conversation, message, None)
            raise error from None

    async def _post(self, body: dict[str, Any]) -> str | None:
        """Send one message; a failure without detail is tried once more. Raises ApiRefused and ChannelError."""
        try:
            data = await self.api.call("POST", SEND_PATH, body=body)
        except ApiRefused as refusal:
            if refusal.code == zalo_codes.NO_DETAIL:
                await asyncio.sleep(NO_DETAIL_WAIT_S)
                data = await self.api.call("POST", SEND_PATH, body=body)
            else:
                await self._alert_if_serious(refusal.code)
                raise
        data = data if isinstance(data, dict) else {}
        await self._watch_quota(data.get("quota"))
        message_id = data.get("message_id")
        return str(message_id)[:128] if message_id else None

    async def _alert_if_serious(self, code: int) -> None:
        if code in zalo_codes.CONFIGURATION | zalo_codes.ALERTED:
            self._may_be_alerted = True
            await self.alerts.raise_once("zalo_refuses", code=code)

    async def _watch_quota(self, quota: object) -> None:
        """Anything but the free allowance costs money or will run out: somebody must know."""
        kind = quota.get("quota_type") if isinstance(quota, dict) else None
        label = kind if kind in QUOTAS else "billed" if quota is None else "other"
        ZALO_QUOTA.labels(label).inc()
        if label != "reply":
            log.info("zalo_quota_used", quota=label)
            if label not in self._quotas_alerted:
                self._quotas_alerted.add(label)
                await self.alerts.raise_once(f"zalo_quota_{label}")
        if self._may_be_alerted:
            self._may_be_alerted = False
            await self.alerts.clear("zalo_refuses")

    async def send_file(
        self, conversation: str, *, kind: str, name: str, content: bytes, media_type: str
    ) -> str | None:
        """Upload and send an image or a document; an upload that expired in between is repeated once.

        Args:
            conversation: Whom to.
            kind: ``image`` or ``file``.
            name: The name people see.
            content: The whole file, within the limits of ``ZaloApi.upload``.
            media_type: Such as ``application/pdf``.

        Raises:
            ChannelError: As for ``send``; PayloadRejected also for a file that is too large.
        """
        build = zalo_messages.image_body if kind == "image" else zalo_messages.file_body
        try:
            for _ in range(2):
                uploaded = await self.api.upload(kind, name, content, media_type)
                try:
                    return await self._post(build(conversation, uploaded))
                except ApiRefused as refusal:
                    if refusal.code != zalo_codes.UPLOAD_EXPIRED:
                        raise
        except ApiRefused as refusal:
            raise refusal.as_channel_error() from None
        except ValueError as error:
            raise PayloadRejected("too_large") from error
        raise PayloadRejected(str(zalo_codes.UPLOAD_EXPIRED))

    async def ask_for_contact(self, conversation: str, *, department: str, image_url: str) -> str | None:
        """Ask for name and phone number with Zalo's own form; what comes back is taken from now on.

        Raises:
            ChannelError: As for ``send``.
        """
        now = dt.datetime.now(dt.UTC)
        await self._database.write(
            lambda c: zalo.note_info_requested(c, account=self.account, user_id=conversation, now=now)
        )
        try:
            return await self._post(zalo_messages.contact_body(conversation, department, image_url))
        except ApiRefused as refusal:
            raise refusal.as_channel_error() from None

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take in a configured pair; nothing here waits for Zalo."""
        try:
            await self.tokens.take_in_configured()
        except (SQLAlchemyError, OSError) as error:
            log.error("zalo_tokens_not_taken_in", error=type(error).__name__)

    def workers(self, inbox: Inbox) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Upkeep in one process at a time; files in any."""
        owner = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        lease = LeaseKeeper(self._database, f"upkeep:{self.name}", owner, self._settings.lease_s)
        return {
            "zalo-upkeep": lambda: self.upkeep.run(inbox, lease), "zalo-media": lambda: self.media.run(inbox.wake),
        }  # fmt: skip

    async def check(self) -> str:
        """Ask Zalo who we are, for the ``check`` command; the Official Account's name.

        Raises:
            ChannelError: The set-up does not work; its code says why.
        """
        try:
            account = await self.api.account()
        except ApiRefused as refusal:
            raise refusal.as_channel_error() from None
        return str(account.get("name", ""))

    async def acknowledge(self, token: str) -> None:
        """Zalo has nothing to acknowledge beyond the 200."""
        del token

    async def close(self) -> None:
        """Release connections."""
        await self._client.aclose()


def is_probe(raw: bytes) -> bool:
    """An empty or ``{}`` body: the console asks whether somebody is there."""
    return raw.strip() in (b"", b"{}") or raw.replace(b" ", b"").strip() == b"{}"
