"""How the fake Official Account calls the webhook: probed, signed, measured, retried, and in the end given up."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from typing import Any

import aiohttp

from tests.fakes.zalo_people import Event, ZaloUser

JSON_BODY = {"Content-Type": "application/json"}
RETRY_STEPS_S = (30, 300, 900, 1800, 3600)


class WebhookSender:
    """Section 9 of the reference: one event a request, an answer within two seconds, five retries, then never again.

    ``patience_s`` is those two seconds; ``retry_scale`` shortens the steps. Once unsubscribed, nothing comes until a
    person saves the webhook again. ``switched_off`` are the events whose switch in the console is off.
    """

    app_id: str
    oa_secret: str

    def __init__(self) -> None:
        self.retry_scale = 0.001
        self.patience_s = 2.0
        self.webhook_url: str | None = None
        self.signature_form = "mac="
        self.webhook_answers: list[tuple[str, int, float]] = []
        self.subscribed = True
        self.switched_off: set[str] = set()
        self.echo = True
        self.receipts = False
        self.receipts_from_oa = True
        self._tasks: set[asyncio.Task[None]] = set()

    def sign(self, raw: bytes, timestamp: str) -> str:
        """The header's value; a plain SHA-256, as section 9.3 has it."""
        digest = hashlib.sha256(self.app_id.encode() + raw + timestamp.encode() + self.oa_secret.encode()).hexdigest()
        return f"{self.signature_form}{digest}"

    async def post(self, raw: bytes, headers: dict[str, str] | None = None) -> int:
        """Post a body to the webhook as it is; the status, 0 without connection or within two seconds."""
        assert self.webhook_url
        started = time.monotonic()
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session,
                session.post(self.webhook_url, data=raw, headers=JSON_BODY | (headers or {})) as response,
            ):
                await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        took = time.monotonic() - started
        self.webhook_answers.append((hashlib.sha256(raw).hexdigest()[:8], status, took))
        return status if took <= self.patience_s else 0

    async def save_webhook(self, url: str) -> bool:
        """What saving the address in the console does: it must answer 200 to GET and to an empty and a ``{}`` POST."""
        self.webhook_url = url
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            statuses = [response.status]
        statuses += [await self.post(b""), await self.post(b"{}")]
        self.subscribed = statuses == [200, 200, 200]
        return self.subscribed

    async def report(self, user: ZaloUser, message: dict[str, Any], message_id: str) -> None:
        """What follows a message of ours: the echo and, if switched on, that it arrived and was seen."""
        if self.echo:
            await self.deliver(user.echo_event(message, message_id))
        if self.receipts:
            await self.deliver(user.receipt_event(message_id, seen=False))
            await self.deliver(user.receipt_event(message_id, seen=True))

    async def deliver(
        self, event: Event, *, retries: bool = True, num_retry: int = 0, extra: dict[str, str] | None = None
    ) -> int:
        """Send a signed event; unless it gets 200 within two seconds it comes again, and after the last step never.

        Returns the status; 0 when nothing was sent.
        """
        if not self.subscribed or event.get("event_name") in self.switched_off:
            return 0
        raw = as_bytes(event)
        headers = {"X-ZEvent-Signature": self.sign(raw, str(event.get("timestamp", "")))} | (extra or {})
        status = await self.post(raw, headers | ({"num_retry": str(num_retry)} if num_retry else {}))
        if status != 200 and retries:
            self._later(self._retry(raw, headers))
        return status

    async def _retry(self, raw: bytes, headers: dict[str, str]) -> None:
        for number, wait_s in enumerate(RETRY_STEPS_S, start=1):
            await asyncio.sleep(wait_s * self.retry_scale)
            if await self.post(raw, headers | {"num_retry": str(number)}) == 200:
                return
        self.subscribed = False

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def as_bytes(event: Event) -> bytes:
    """An event as Zalo writes it: letters as they are, half surrogates escaped."""
    try:
        return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(event, separators=(",", ":")).encode()
